import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { messageOf, onDemand } from '../../base/index.ts'
import type { BoundListener, Network } from '../net/network.ts'
import { text } from './answers.ts'
import type { AppProbes } from './app-probes.ts'
import { answerPage, methodRefused, TAP_PATH } from './pages.ts'
import { registerProxyStats } from './stats.ts'
import { statsPage } from './stats-query.ts'
import { answerTap, serveTap } from './tap-server.ts'
import type { AdminAnswer, AdminContext, AdminRequest, Gather } from './types.ts'

const http = onDemand<typeof import('node:http')>(import.meta, 'node:http')

/** Istio's ports of a proxy that are not traffic. */
export const ADMIN_PORT = 15_000
export const AGENT_PORT = 15_020
export const HEALTH_PORT = 15_021
export const STATS_PORT = 15_090

export interface AdminServers {
  /** What this thread alone has to say. */
  readonly answer: (path: string, request: AdminRequest) => AdminAnswer
  /** @throws when a port cannot be bound */
  readonly open: () => Promise<void>
  readonly close: () => void
}

/** What a port serves: everything, or what probes and scrapers need. */
type Pages = 'admin' | 'health' | 'agent' | 'stats'

/**
 * Serves people and probes, not traffic: a handful of requests a minute, so these few ports use the HTTP server of
 * the runtime.
 */
export function createAdminServers(
  options: Omit<AdminContext, 'startedAt' | 'health'> & {
    readonly network: Network
    /** Istio's four, or one port on 127.0.0.1 for all of it. */
    readonly ports: 'istio' | 'none' | number
    readonly gather?: Gather
    /** Absent: nothing is asked of an application. */
    readonly appProbes?: AppProbes
  },
): AdminServers {
  const context: AdminContext = {
    ...options,
    startedAt: options.clock.monotonic(),
    health: { isFailed: false },
  }
  registerProxyStats(context)
  const listeners: BoundListener[] = []
  const servers: Server[] = []
  const close = () => {
    for (const listener of listeners) listener.close()
    for (const server of servers) server.closeAllConnections()
  }

  async function openPort(address: string, port: number, pages: Pages): Promise<void> {
    const server = http().createServer((request, response) => {
      const { gather, appProbes } = options
      const parts = { pages, context, gather, appProbes: pages === 'agent' ? appProbes : undefined }
      // Who asks again asks the process that took this one's place.
      if (context.instance.isDraining()) response.setHeader('connection', 'close')
      respond(request, response, parts).catch((error: unknown) => {
        context.logger.error(`admin page ${request.url ?? ''} failed: ${messageOf(error)}`)
        response.destroy()
      })
    })
    server.requestTimeout = 10_000
    servers.push(server)
    const onConnection = (socket: Socket) => {
      server.emit('connection', socket)
      socket.resume()
    }
    listeners.push(await options.network.listen({ address, port, onConnection }))
  }

  return {
    answer: (path, request) => answerAny(path, request, context),
    async open() {
      try {
        for (const [address, port, pages] of portsOf(context, options.ports)) {
          await openPort(address, port, pages)
        }
      } catch (error) {
        close()
        throw error
      }
    },
    close,
  }
}

function portsOf(
  { instance }: AdminContext,
  ports: 'istio' | 'none' | number,
): readonly (readonly [string, number, Pages])[] {
  if (ports === 'none') return []
  if (ports !== 'istio') return [['127.0.0.1', ports, 'admin']]
  const any = instance.node.ips.some((ip) => ip.includes(':')) ? '::' : '0.0.0.0'
  return [
    ['127.0.0.1', ADMIN_PORT, 'admin'],
    [any, HEALTH_PORT, 'health'],
    [any, AGENT_PORT, 'agent'],
    [any, STATS_PORT, 'stats'],
  ]
}

const HEALTH_PATH = '/healthz/ready'
const METRICS_PATH = '/stats/prometheus'

/** Of a port that is open to others it is known what it has. */
function answer(path: string, request: AdminRequest, pages: Pages, context: AdminContext): AdminAnswer {
  if (path === HEALTH_PATH && pages !== 'stats') return readiness(context)
  if (pages === 'admin') return answerPage(path, request, context)
  if (path === METRICS_PATH && pages !== 'health')
    return statsPage(path, request.query, context.instance.registry.text())
  return text('no such path\n', 404)
}

/** What another thread asks for: the pages, and its part in a tap. */
function answerAny(path: string, request: AdminRequest, context: AdminContext): AdminAnswer {
  return path.startsWith(`${TAP_PATH}/`)
    ? answerTap(path, request, context)
    : answer(path, request, 'admin', context)
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  parts: {
    readonly pages: Pages
    readonly context: AdminContext
    readonly gather: Gather | undefined
    readonly appProbes: AppProbes | undefined
  },
): Promise<void> {
  const { pages, context, gather } = parts
  const [path = '/', query = ''] = (request.url ?? '/').split('?')
  const method = request.method ?? 'GET'
  const probed = parts.appProbes?.answer(path, { headers: request.headers, signal: goneSignal(response) })
  if (probed !== undefined) return send(response, method, await probed)
  const ask = async (path: string, method: string, query: string) => {
    const asked = { method, query: new URLSearchParams(query) }
    const own = path.startsWith(`${TAP_PATH}/`)
      ? answerTap(path, asked, context)
      : answer(path, asked, pages, context)
    return gather === undefined || own.status === 404 ? own : gather({ path, method, query }, own)
  }
  if (pages === 'admin' && path.startsWith(TAP_PATH)) {
    if (path !== TAP_PATH) return send(response, method, answerPage(path, emptyRequest(method), context))
    if (method !== 'POST') return send(response, method, methodRefused(method))
    return serveTap(request, response, { context, ask: (path, query) => ask(path, 'POST', query) })
  }
  return send(response, method, await ask(path, method, query))
}

/** Aborted when the connection ends before the answer. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  return gone.signal
}

function emptyRequest(method: string): AdminRequest {
  return { method, query: new URLSearchParams() }
}

function send(response: ServerResponse, method: string, answer: AdminAnswer): void {
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-cache, max-age=0',
  })
  response.end(method === 'HEAD' ? undefined : answer.body)
}

function readiness(context: AdminContext): AdminAnswer {
  if (context.isReady() && !context.health.isFailed) return text('')
  return text('the configuration has not arrived yet, or the proxy is stopping\n', 503)
}
