import type { Socket } from 'node:net'
import type { AppProtocol, InboundBounds, IngressEndpoint, PeerAuthentication } from '../../model/index.ts'
import { resolvePolicy } from '../../routing/index.ts'
import type { ConnectionFacts, PeerIdentityFacts, PeerTlsDecision } from '../../policy/index.ts'
import { FLAG } from '../../telemetry/index.ts'
import { forward } from '../exchange/attempt.ts'
import { INBOUND_RETRY } from '../exchange/retry.ts'
import type { Exchange, ForwardPlan, HttpContext } from '../exchange/types.ts'
import { runGuards } from '../filters/run.ts'
import { mayBeGrpcWeb, translateGrpcWeb } from '../filters/grpc-web/filter.ts'
import type { SocketTarget } from '../net/network.ts'
import { proxyTcp } from '../tcp/tcp-proxy.ts'
import { inspectPeer } from '../tls/inspect-peer.ts'
import { forwardedIdentity } from '../tls/client-certificate.ts'
import { tlsFactsOf } from '../tls/facts.ts'
import { offersMesh } from '../tls/mesh.ts'
import { plainAddress } from '../net/plain-address.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { unroutedRecord } from '../tcp/connection-record.ts'
import { type AcceptedSocket, acceptSecured, acceptSocket } from './accept.ts'
import { detect, type DetectedConnection, DETECTION_TIMEOUT_MS } from './detect.ts'
import { createInboundHosts } from './inbound-hosts.ts'
import type { MutualConnection } from './inbound-tls.ts'
import type { SidecarParts } from './sidecar-parts.ts'

/** What calls the application: handed to it at the address and port that were dialled. */
export function createInbound(parts: SidecarParts) {
  const { runtime, upstream } = parts
  const { store, scope } = runtime
  const hosts = createInboundHosts(parts, (port) => ({ bounds: boundsAt(port), protocol: spokenAt(port) }))
  const plans = new Map<string, ForwardPlan>()

  function serviceAt(port: number) {
    const workload = parts.own()
    return workload && store.serviceOfWorkload(workload, port)
  }

  /** @see Istio, Sidecar.inboundConnectionPool: without it, what DestinationRules say of the service holds here too */
  function boundsAt(port: number): InboundBounds | undefined {
    const sidecar = scope.sidecar()
    const ofPort = sidecar?.ingress.find((listener) => listener.port === port)?.bounds
    const bounds = ofPort ?? sidecar?.inboundBounds
    if (bounds !== undefined) return bounds
    const at = serviceAt(port)
    const policy =
      at &&
      resolvePolicy({
        service: at.service,
        port: at.port.port,
        subset: undefined,
        clientNamespace: parts.namespace,
        clientLabels: parts.own()?.labels ?? {},
      })
    return policy?.kind === 'resolved' ? policy.traffic : undefined
  }

  function endpointAt(port: number): IngressEndpoint | undefined {
    return scope.sidecar()?.ingress.find((listener) => listener.port === port)?.endpoint
  }

  /** Where the application takes what was sent to this address. */
  function handedTo(original: SocketTarget): SocketTarget {
    const endpoint = endpointAt(original.port)
    if (endpoint?.kind !== 'at') return original
    const own = parts.own()?.addresses[0] ?? original.address
    return { address: endpoint.address ?? own, port: endpoint.port }
  }

  let held = 0

  /** Until it is known who may call, nobody is let in; what comes waits for a little. */
  function hold(raw: Socket, original: SocketTarget): void {
    if (held >= HELD_MAX) {
      raw.destroy()
      return
    }
    held++
    const { wheel, clock } = upstream.thread
    const deadline = clock.monotonic() + HELD_MS
    raw.on('error', () => {})
    const timer = createWheelTimer(() => {
      if (!parts.isOpen() && clock.monotonic() < deadline && !raw.destroyed) {
        wheel.set(timer, HELD_LOOK_MS)
        return
      }
      held--
      if (parts.isOpen()) serve(raw, original)
      else raw.destroy()
    })
    wheel.set(timer, HELD_LOOK_MS)
  }

  function serve(raw: Socket, original: SocketTarget): void {
    if (!parts.isOpen()) return hold(raw, original)
    if (endpointAt(original.port)?.kind === 'refused') {
      raw.destroy()
      return
    }
    const accepted = acceptSocket(raw, upstream.network, upstream.thread)
    const { mutual } = parts
    const { mode, policy } = mutual?.decide(original.port) ?? PLAIN
    if (mutual === undefined || mode === 'disable') return servePlain(accepted, original)
    const declared = protocolAt(original.port)
    // Where nobody can tell that the client speaks first, a server that does is waited for no longer than elsewhere.
    const clientSpeaks = declared === 'http' || declared === 'http2' || declared === 'grpc'
    const silenceMs =
      mode === 'strict'
        ? STRICT_SILENCE_MS
        : clientSpeaks
          ? undefined
          : (store.mesh()?.detectionTimeoutMs ?? DETECTION_TIMEOUT_MS)
    inspectPeer(accepted, { thread: upstream.thread, silenceMs }, ({ first, hello }) => {
      if (hello !== undefined && first !== undefined && (mode === 'strict' || offersMesh(hello.protocols))) {
        mutual.tls.accept(accepted.socket, first, (connection) => serveMutual(connection, original))
      } else if (mode === 'strict') refusePlain(accepted.socket, original, policy)
      else servePlain(accepted, original, first)
    })
  }

  function protocolAt(port: number): AppProtocol {
    return serviceAt(port)?.port.protocol ?? 'auto'
  }

  /** A listener of a Sidecar says it for its own port. */
  function spokenAt(port: number): AppProtocol {
    return scope.sidecar()?.ingress.find((listener) => listener.port === port)?.protocol ?? protocolAt(port)
  }

  function servePlain(accepted: AcceptedSocket, original: SocketTarget, first?: Buffer): void {
    const declared = protocolAt(original.port)
    const timeoutMs = store.mesh()?.detectionTimeoutMs
    detect(accepted, { declared, thread: upstream.thread, timeoutMs, first }, (found) =>
      serveFound(found, original),
    )
    // A server that speaks first may be waited for.
    if (first === undefined && declared !== 'tcp') accepted.socket.resume()
  }

  function serveFound(found: DetectedConnection, original: SocketTarget, mutual?: MutualConnection): void {
    if (found.protocol === 'tcp') serveTcp(found, original, mutual)
    else serveHttp(found, found.protocol, original, mutual)
  }

  /** What the handshake has agreed on is not looked for in the bytes. */
  function serveMutual(connection: MutualConnection, original: SocketTarget): void {
    const { socket } = connection
    const accepted = acceptSecured(socket, upstream.thread)
    const protocol = AGREED[socket.alpnProtocol || '']
    if (protocol !== undefined) {
      serveHttp({ accepted, protocol, first: undefined }, protocol, original, connection)
      return
    }
    const terms = { declared: protocolAt(original.port), thread: upstream.thread }
    detect(accepted, terms, (found) => serveFound(found, original, connection))
  }

  /** @see Envoy: no filter chain takes it */
  function refusePlain(socket: Socket, original: SocketTarget, policy: PeerAuthentication | undefined): void {
    const by = policy === undefined ? '' : ` by ${policy.origin.namespace}/${policy.origin.name}`
    const reason = `plain_text_refused${by.replaceAll(' ', '_')}`
    parts.logInbound.write(
      unroutedRecord({
        socket,
        port: original.port,
        serverName: undefined,
        reason,
        now: upstream.thread.clock.now(),
      }),
    )
    const series = parts.metrics.tcp(
      {
        reporter: 'destination',
        source: store.workloadAt(plainAddress(socket.remoteAddress)),
        destination: parts.own(),
        service: describedAt(original.port),
      },
      FLAG.NR,
    )
    series.opened.value++
    series.closed.value++
    socket.destroy()
  }

  function serveHttp(
    found: DetectedConnection,
    protocol: 'http1' | 'http2',
    original: SocketTarget,
    mutual?: MutualConnection,
  ): void {
    const plan = planOf(original)
    const handle = (exchange: Exchange) => {
      exchange.routeName = 'default'
      if (mayBeGrpcWeb(exchange.head) && serviceAt(original.port)?.port.protocol === 'grpc')
        translateGrpcWeb(exchange)
      if (runtime.limits.ofInbound()?.(exchange) === 'stop') return
      const guards = runtime.guards.all()
      if (guards.length === 0) forward(exchange, plan)
      else runGuards(guards, exchange, () => forward(exchange, plan))
    }
    const context = parts.context('inbound', original.port, handle, original)
    parts.connections.serveDetected(
      found,
      protocol,
      mutual === undefined ? context : withPeer(context, mutual),
    )
  }

  function planOf(original: SocketTarget): ForwardPlan {
    const name = clusterName(original.port)
    const target = handedTo(original)
    // The first requests, probes mostly, may come before it is known which service the port belongs to.
    const id = `${name} ${original.port} ${target.address} ${target.port}`
    let plan = plans.get(id)
    if (plan === undefined) {
      plan = {
        target: hosts.target(name, original.port, target),
        requestTimeoutMs: 0,
        tryTimeoutMs: 0,
        retry: INBOUND_RETRY,
        response: [],
        requestLines: '',
        baseLines: '',
        attemptCount: false,
      }
      // The pod's own addresses and ports: few, unless someone scans them.
      if (plans.size >= PLANS_MAX) plans.clear()
      plans.set(id, plan)
    }
    return plan
  }

  function clusterName(port: number): string {
    return serviceAt(port) === undefined ? 'InboundPassthroughCluster' : `inbound|${port}||`
  }

  function describedAt(port: number) {
    const at = serviceAt(port)
    if (at === undefined) return undefined
    const { hostname, namespace } = at.service
    return { hostname, name: hostname.split('.')[0] ?? hostname, namespace }
  }

  function serveTcp(found: DetectedConnection, original: SocketTarget, mutual?: MutualConnection): void {
    const target = hosts.target(clusterName(original.port), original.port, handedTo(original))
    proxyTcp({
      accepted: found.accepted,
      original,
      first: found.first,
      pick: (tried) => (tried.size === 0 ? target.pick() : undefined),
      clusterName: target.name,
      admission: runtime.guards.admission(connectionOf(found.accepted.socket, original, mutual)),
      thread: upstream.thread,
      work: upstream.work,
      connections: parts.connections,
      series: (_host, flags) =>
        parts.metrics.tcp(
          {
            reporter: 'destination',
            ...sourceOf(found.accepted.socket, mutual?.peer),
            destination: parts.own(),
            service: describedAt(original.port),
          },
          flags,
        ),
      log: parts.logInbound.write,
    })
  }

  /** Who a connection comes from: an address tells nothing where an identity says something else. */
  function sourceOf(socket: Socket, peer: PeerIdentityFacts | undefined) {
    const source = store.workloadAt(plainAddress(socket.remoteAddress))
    if (peer === undefined) return { source }
    return {
      source: source?.identity === peer.principal ? source : undefined,
      principals: { source: peer.principal, destination: parts.own()?.identity ?? '' },
    }
  }

  return { serve, refresh: hosts.refresh, close: hosts.close }
}

/** What policies see of a connection. */
function connectionOf(
  socket: Socket,
  original: SocketTarget,
  mutual: MutualConnection | undefined,
): ConnectionFacts {
  return {
    ...(mutual !== undefined && { peer: mutual.peer }),
    ...(mutual?.socket.servername && { serverName: mutual.socket.servername }),
    sourceAddress: plainAddress(socket.remoteAddress),
    sourcePort: socket.remotePort ?? 0,
    destinationAddress: original.address,
    destinationPort: original.port,
  }
}

/** Connections that wait until it is known who may call, how long, and how often that is looked at. */
const HELD_MAX = 256
const HELD_MS = 15_000
const HELD_LOOK_MS = 20

const PLANS_MAX = 256

/** Envoy's time for a connection to say what it is. */
const STRICT_SILENCE_MS = 15_000

/** Of a proxy without an identity. */
const PLAIN: PeerTlsDecision = { mode: 'disable' }

const AGREED: Readonly<Record<string, 'http1' | 'http2'>> = {
  h2: 'http2',
  'istio-h2': 'http2',
  'http/1.1': 'http1',
  'http/1.0': 'http1',
  'istio-http/1.1': 'http1',
  'istio-http/1.0': 'http1',
}

/** What all requests of one connection have in common. */
function withPeer(context: HttpContext, { socket, peer }: MutualConnection): HttpContext {
  const clientCertificate = forwardedIdentity(socket)
  return {
    ...context,
    peer,
    downstreamTls: tlsFactsOf(socket),
    ...(socket.servername && { serverName: socket.servername }),
    ...(clientCertificate !== undefined && { clientCertificate }),
  }
}
