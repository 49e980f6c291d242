import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Logger, messageOf } from '../../../base/index.ts'
import type { Routes } from '../paths.ts'
import { type ApiRequest, parseResourcePath } from '../request.ts'
import { serviceUnavailable } from '../status-error.ts'
import { sendError, sendResponse } from './send.ts'

/** Connections that have changed their protocol. */
export interface Upgrades {
  /** Serves one. @param request made from the head of the HTTP request, already authenticated */
  readonly serve: (incoming: IncomingMessage, socket: Duplex, served: UpgradeRequest) => Promise<void>
  /** Ends them all. */
  readonly close: () => void
}

export interface UpgradeRequest {
  readonly head: Buffer
  /** @returns undefined when the request was refused and answered */
  readonly request: (signal: AbortSignal, outgoing: ServerResponse) => Promise<ApiRequest | undefined>
}

const STREAMING: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward'])
/** Each holds a process or sockets of a pod. */
const CONNECTIONS_MAX = 512

/** Whether the protocol of a request may change; anywhere else an `Upgrade` header means nothing. */
export function mayUpgrade({ url, method }: IncomingMessage): boolean {
  const path = parseResourcePath((url ?? '').split('?')[0] ?? '')
  if (path === undefined) return false
  if (path.below !== undefined) return method === 'GET'
  return path.plural === 'pods' && STREAMING.has(path.subresource)
}

export function createUpgrades(options: { readonly routes: Routes; readonly logger: Logger }): Upgrades {
  const open = new Set<Duplex>()
  return {
    async serve(incoming, socket, { head, request: makeRequest }) {
      const gone = new AbortController()
      socket.on('close', () => {
        open.delete(socket)
        gone.abort()
      })
      socket.on('error', () => socket.destroy())
      open.add(socket)
      const outgoing = responseOn(incoming, socket)
      if (open.size > CONNECTIONS_MAX)
        return sendError(outgoing, serviceUnavailable('too many streaming connections'))
      const request = await makeRequest(gone.signal, outgoing)
      if (request === undefined) return
      const { response, warnings } = await options.routes.handle(request)
      if (response.kind !== 'upgrade') return sendResponse(outgoing, response, { warnings, isHead: false })
      outgoing.detachSocket(socket as Socket)
      try {
        await response.serve({ incoming, socket, head })
      } catch (error) {
        options.logger.debug('a streaming connection ended', { error: messageOf(error) })
        socket.destroy()
      }
    },
    close() {
      for (const socket of open) socket.destroy()
    },
  }
}

/** For the answer to a request whose connection will not change: it ends with it. */
function responseOn(incoming: IncomingMessage, socket: Duplex): ServerResponse {
  const tcp = socket as Socket
  tcp.setTimeout(0)
  tcp.setNoDelay(true)
  // A client that is gone without a word is noticed by the kernel.
  tcp.setKeepAlive(true, 15_000)
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(tcp)
  outgoing.on('finish', () => socket.end())
  return outgoing
}
