import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { BoundListener, Network } from '../net/network.ts'
import { ADMIN_PATHS } from './handlers.ts'
import { registerProxyStats } from './stats.ts'
import type { AdminAnswer, AdminContext, AdminHandler, AdminRequest } from './types.ts'

/** Istio's ports of a proxy that are not traffic. */
export const ADMIN_PORT = 15_000
export const AGENT_PORT = 15_020
export const HEALTH_PORT = 15_021
export const STATS_PORT = 15_090

export interface AdminServers {
  readonly close: () => void
}

type Paths = Readonly<Record<string, AdminHandler>>

/**
 * Serves people and probes, not traffic: a handful of requests a minute, so these few ports use the HTTP server of
 * the runtime.
 */
export async function startAdminServers(
  options: Omit<AdminContext, 'startedAt'> & {
    readonly network: Network
    /** A port on 127.0.0.1 for all of it, instead of Istio's four. */
    readonly only?: number
  },
): Promise<AdminServers> {
  const context: AdminContext = { ...options, startedAt: options.clock.monotonic() }
  registerProxyStats(context)
  const any = options.instance.node.ips.some((ip) => ip.includes(':')) ? '::' : '0.0.0.0'
  const health: Paths = { '/healthz/ready': readiness }
  const stats: Paths = { '/stats/prometheus': prometheus }
  const listeners: BoundListener[] = []
  const servers: Server[] = []
  const close = () => {
    for (const listener of listeners) listener.close()
    for (const server of servers) server.closeAllConnections()
  }
  const ports: readonly (readonly [string, number, Paths])[] =
    options.only === undefined
      ? [
          ['127.0.0.1', ADMIN_PORT, ADMIN_PATHS],
          [any, HEALTH_PORT, health],
          [any, AGENT_PORT, { ...health, ...stats }],
          [any, STATS_PORT, stats],
        ]
      : [['127.0.0.1', options.only, { ...ADMIN_PATHS, ...health }]]
  try {
    for (const [address, port, paths] of ports) {
      const server = createServer((request, response) => answer(request, response, paths, context))
      server.requestTimeout = 10_000
      servers.push(server)
      listeners.push(
        await options.network.listen({
          address,
          port,
          onConnection(socket) {
            server.emit('connection', socket)
            socket.resume()
          },
        }),
      )
    }
  } catch (error) {
    close()
    throw error
  }
  return { close }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  paths: Paths,
  context: AdminContext,
): void {
  const [path, query] = (request.url ?? '/').split('?')
  const handler = paths[path as string]
  const result =
    handler === undefined
      ? { status: 404, type: 'text/plain', body: 'no such path\n' }
      : handler({ method: request.method ?? 'GET', query: new URLSearchParams(query) }, context)
  response.writeHead(result.status, {
    'content-type': result.type,
    'content-length': Buffer.byteLength(result.body),
    'cache-control': 'no-cache, max-age=0',
  })
  response.end(request.method === 'HEAD' ? undefined : result.body)
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
