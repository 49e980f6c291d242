import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { messageOf } from '../../base/index.ts'
import type { BoundListener, Network } from '../net/network.ts'
import { ADMIN_PATHS } from './handlers.ts'
import { registerProxyStats } from './stats.ts'
import type { AdminAnswer, AdminContext, AdminHandler, AdminRequest, Gather } from './types.ts'

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

type Paths = Readonly<Record<string, AdminHandler>>

const HEALTH_PATHS: Paths = { '/healthz/ready': readiness }
const STATS_PATHS: Paths = { '/stats/prometheus': prometheus }
const EVERY_PATH: Paths = { ...ADMIN_PATHS, ...HEALTH_PATHS }

/**
 * Serves people and probes, not traffic: a handful of requests a minute, so these few ports use the HTTP server of
 * the runtime.
 */
export function createAdminServers(
  options: Omit<AdminContext, 'startedAt'> & {
    readonly network: Network
    /** Istio's four, or one port on 127.0.0.1 for all of it. */
    readonly ports: 'istio' | 'none' | number
    readonly gather?: Gather
  },
): AdminServers {
  const context: AdminContext = { ...options, startedAt: options.clock.monotonic() }
  registerProxyStats(context)
  const listeners: BoundListener[] = []
  const servers: Server[] = []
  const close = () => {
    for (const listener of listeners) listener.close()
    for (const server of servers) server.closeAllConnections()
  }

  async function openPort(address: string, port: number, paths: Paths): Promise<void> {
    const server = createServer((request, response) => {
      const parts = { paths, context, gather: options.gather }
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
    answer: (path, request) => answer(path, request, EVERY_PATH, context),
    async open() {
      try {
        for (const [address, port, paths] of portsOf(context, options.ports)) {
          await openPort(address, port, paths)
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
): readonly (readonly [string, number, Paths])[] {
  if (ports === 'none') return []
  if (ports !== 'istio') return [['127.0.0.1', ports, EVERY_PATH]]
  const any = instance.node.ips.some((ip) => ip.includes(':')) ? '::' : '0.0.0.0'
  return [
    ['127.0.0.1', ADMIN_PORT, ADMIN_PATHS],
    [any, HEALTH_PORT, HEALTH_PATHS],
    [any, AGENT_PORT, { ...HEALTH_PATHS, ...STATS_PATHS }],
    [any, STATS_PORT, STATS_PATHS],
  ]
}

function answer(path: string, request: AdminRequest, paths: Paths, context: AdminContext): AdminAnswer {
  const handler = paths[path]
  if (handler === undefined) return { status: 404, type: 'text/plain', body: 'no such path\n' }
  return handler(request, context)
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  parts: { readonly paths: Paths; readonly context: AdminContext; readonly gather: Gather | undefined },
): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?')
  const method = request.method ?? 'GET'
  const own = answer(path, { method, query: new URLSearchParams(query) }, parts.paths, parts.context)
  const result =
    parts.gather === undefined || own.status === 404 ? own : await parts.gather({ path, method, query }, own)
  response.writeHead(result.status, {
    'content-type': result.type,
    'content-length': Buffer.byteLength(result.body),
    'cache-control': 'no-cache, max-age=0',
  })
  response.end(method === 'HEAD' ? undefined : result.body)
}

function readiness(_request: AdminRequest, context: AdminContext): AdminAnswer {
  return context.isReady()
    ? { status: 200, type: 'text/plain', body: '' }
    : {
        status: 503,
        type: 'text/plain',
        body: 'the configuration has not arrived yet, or the proxy is stopping\n',
      }
}

function prometheus(_request: AdminRequest, context: AdminContext): AdminAnswer {
  return { status: 200, type: 'text/plain; version=0.0.4', body: context.instance.registry.text() }
}
