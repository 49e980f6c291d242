import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../base/index.ts'
import type { Listener, ListenerName } from '../../model/index.ts'
import type { HttpContext } from '../exchange/types.ts'
import type { Network, SocketTarget } from '../net/network.ts'
import { unroutedRecord } from '../tcp/connection-record.ts'
import { type ConnectionParts, forwardConnection, routeConnection } from '../tcp/route-connection.ts'
import { parseSniCluster } from '../tcp/sni-cluster.ts'
import { forwardedClientCertificate, peerIdentity } from '../tls/client-certificate.ts'
import { awaitProxyHeader } from '../proxy-protocol/await-header.ts'
import { tlsFactsOf } from '../tls/facts.ts'
import { inspectTls, type InspectedConnection } from '../tls/inspect.ts'
import { namePatterns } from '../tls/name-patterns.ts'
import type { TlsTermination } from '../tls/server.ts'
import { type AcceptedSocket, acceptSecured, acceptSocket } from './accept.ts'
import { plainAddress } from '../net/plain-address.ts'

/** What a port of a gateway does with the connections that it accepts. */
export interface GatewayPortServer {
  readonly accept: (raw: Socket) => void
  /** A handshake is done: what came out of it is served. */
  readonly serveSecured: (listener: Listener, socket: TLSSocket) => void
}

/** What the listeners of one port come to. */
export interface PortPlan {
  readonly port: number
  /** Where alone it is listened on. */
  readonly bind: string | undefined
  /** Some listener takes plain HTTP. */
  readonly hasHttp: boolean
  /** Those that take plain bytes. */
  readonly bytes: readonly ListenerName[]
  /** Those that take TLS, by the host names that they are for. */
  readonly secured: ReadonlyMap<string, readonly Listener[]>
}

/** @param listeners of one port, and of one address of it */
export function planOfPort(port: number, listeners: readonly Listener[]): PortPlan {
  const secured = new Map<string, Listener[]>()
  for (const listener of listeners) {
    if (listener.tls === undefined) continue
    for (const hostname of listener.hostnames) {
      const others = secured.get(hostname)
      if (others === undefined) secured.set(hostname, [listener])
      else others.push(listener)
    }
  }
  return {
    port,
    bind: listeners[0]?.bind,
    hasHttp: listeners.some(({ protocol }) => protocol === 'http'),
    bytes: listeners.filter(({ protocol }) => protocol === 'tcp').map(({ key }) => key),
    secured,
  }
}

export interface PortServerOptions {
  readonly network: Network
  readonly parts: ConnectionParts
  readonly plan: () => PortPlan
  readonly termination: (listener: ListenerName) => TlsTermination | undefined
  readonly httpContext: HttpContext
  /** @param listener terminates TLS */
  readonly secureContext: (listener: Listener) => HttpContext
  /** Every connection begins with a PROXY header, which says who it is from. */
  readonly proxyProtocol: boolean
  readonly logger: Logger
}

export function createPortServer(options: PortServerOptions): GatewayPortServer {
  const { parts, network } = options
  const { thread, connections } = parts

  function accept(raw: Socket): void {
    const accepted = acceptSocket(raw, network, thread)
    if (!options.proxyProtocol) return serve(accepted, undefined)
    const known = holdUndecided(accepted.socket)
    const terms = {
      thread,
      onRefused: (reason: string) =>
        options.logger.debug('a connection is refused', { port: options.plan().port, reason }),
    }
    awaitProxyHeader(accepted, terms, (rest) => {
      known()
      serve(accepted, rest)
    })
  }

  /** @param first what has been read of it already */
  function serve(accepted: AcceptedSocket, first: Buffer | undefined): void {
    const { hasHttp, secured, bytes } = options.plan()
    if (secured.size > 0) {
      const known = holdUndecided(accepted.socket)
      inspectTls(accepted, thread, (found) => {
        known()
        serveInspected(found)
      })
    } else if (hasHttp) connections.serveHttp(accepted, options.httpContext)
    else return void serveBytes(bytes, { accepted, first }, undefined)
    if (first !== undefined) accepted.receiver.receive(first, 0, first.length)
  }

  /** Until it is known what comes of it, a connection can only be ended. @returns to be called when it is known */
  function holdUndecided(socket: Socket): () => void {
    const forget = connections.add({ drain: () => socket.destroy(), destroy: () => socket.destroy() })
    socket.once('close', forget)
    return () => {
      forget()
      socket.off('close', forget)
    }
  }

  function serveInspected({ accepted, first, hello }: InspectedConnection): void {
    const { hasHttp, bytes } = options.plan()
    if (hello !== undefined) return serveTls(accepted, first, hello.serverName ?? '')
    if (hasHttp) {
      connections.serveHttp(accepted, options.httpContext)
      accepted.receiver.receive(first, 0, first.length)
      accepted.socket.resume()
    } else serveBytes(bytes, { accepted, first }, undefined)
  }

  /** Envoy's filter chain match: the listeners with the most specific host name decide. */
  function serveTls(accepted: AcceptedSocket, first: Buffer, serverName: string): void {
    const { secured } = options.plan()
    const { socket } = accepted
    for (const pattern of namePatterns(serverName)) {
      const listeners = secured.get(pattern)
      if (listeners === undefined) continue
      const terminating = listeners.find(({ tls }) => tls?.kind === 'terminate')
      if (terminating !== undefined) {
        terminate(terminating, socket, first)
        return
      }
      if (
        listeners.some(({ tls }) => tls?.kind === 'auto-passthrough') &&
        serveNamed(accepted, first, serverName)
      )
        return
      const keys = listeners.map(({ key }) => key)
      if (serveBytes(keys, { accepted, first }, serverName, true)) return
      if (listeners.some(({ isolated }) => isolated)) break
    }
    refuse(socket, serverName)
  }

  /** The server name is a cluster's, as Istio's proxies of other networks say it. */
  function serveNamed(accepted: AcceptedSocket, first: Buffer, serverName: string): boolean {
    const named = parseSniCluster(serverName)
    const service = named && parts.runtime.store.serviceNamed(named.hostname, '')
    if (named === undefined || service === undefined) return false
    const { port } = options.plan()
    const original = { address: plainAddress(accepted.socket.localAddress), port }
    forwardConnection(
      parts,
      parts.runtime.cluster({ service: service.key, port: named.port, subset: named.subset }),
      {
        accepted,
        first,
        original,
        serverName,
        admission: admissionOf(accepted.socket, original, serverName),
      },
    )
    return true
  }

  function admissionOf(socket: Socket, original: SocketTarget, serverName: string | undefined) {
    return parts.runtime.guards.admission({
      ...(serverName !== undefined && { serverName }),
      sourceAddress: plainAddress(socket.remoteAddress),
      sourcePort: socket.remotePort ?? 0,
      destinationAddress: original.address,
      destinationPort: original.port,
    })
  }

  function terminate(listener: Listener, socket: Socket, first: Buffer): void {
    const termination = options.termination(listener.key)
    if (termination === undefined) {
      socket.destroy()
      return
    }
    // Its errors are told by what stands on top of it now.
    socket.on('error', () => {})
    socket.unshift(first)
    termination.accept(socket)
  }

  /** @returns whether a route was found; @param mayPass when there is none, the connection stays as it is */
  function serveBytes(
    listeners: readonly ListenerName[],
    connection: { readonly accepted: AcceptedSocket; readonly first: Buffer | undefined },
    serverName: string | undefined,
    mayPass = false,
  ): boolean {
    const { socket } = connection.accepted
    const { port } = options.plan()
    const original = { address: plainAddress(socket.localAddress), port }
    const facts = { serverName, port, address: original.address, host: undefined, source: undefined }
    for (const listener of listeners) {
      const route = parts.runtime.connectionRoutes.find(listener, facts)
      if (route === undefined) continue
      routeConnection(parts, route, {
        ...connection,
        original,
        admission: admissionOf(socket, original, serverName),
        ...(serverName && { serverName }),
      })
      return true
    }
    if (!mayPass) refuse(socket, serverName)
    return false
  }

  /** Nothing here is for it. */
  function refuse(socket: Socket, serverName: string | undefined): void {
    const { port } = options.plan()
    parts.log.write(unroutedRecord({ socket, port, serverName, now: thread.clock.now() }))
    socket.destroy()
  }

  function serveSecured(listener: Listener, socket: TLSSocket): void {
    const accepted = acceptSecured(socket, thread)
    if (listener.protocol !== 'https') {
      serveBytes([listener.key], { accepted, first: undefined }, socket.servername || '')
      return
    }
    const context = ofConnection(options.secureContext(listener), socket)
    if (socket.alpnProtocol === 'h2') {
      connections.serveDetected({ accepted, protocol: 'http2', first: undefined }, 'http2', context)
    } else if (socket.alpnProtocol) {
      connections.serveDetected({ accepted, protocol: 'http1', first: undefined }, 'http1', context)
    } else connections.serveHttp(accepted, context)
  }

  return { accept, serveSecured }
}

/** What all requests of one connection have in common, beside their listener. */
function ofConnection(context: HttpContext, socket: TLSSocket): HttpContext {
  const clientCertificate = forwardedClientCertificate(socket)
  const peer = peerIdentity(socket)
  return {
    ...context,
    downstreamTls: tlsFactsOf(socket),
    ...(socket.servername && { serverName: socket.servername }),
    ...(peer !== undefined && { peer }),
    ...(clientCertificate !== undefined && { clientCertificate }),
  }
}
