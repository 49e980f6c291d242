import type { Socket } from 'node:net'
import type { IngressEndpoint } from '../../model/index.ts'
import { forward } from '../exchange/attempt.ts'
import { INBOUND_RETRY } from '../exchange/retry.ts'
import type { Exchange, ForwardPlan } from '../exchange/types.ts'
import { runGuards } from '../filters/run.ts'
import { mayBeGrpcWeb, translateGrpcWeb } from '../filters/grpc-web/filter.ts'
import type { ConnectionFacts } from '../../policy/index.ts'
import { plainAddress } from '../net/plain-address.ts'
import type { SocketTarget } from '../net/network.ts'
import { proxyTcp } from '../tcp/tcp-proxy.ts'
import { createDirectHosts } from '../upstream/direct.ts'
import { acceptSocket } from './accept.ts'
import { detect, type DetectedConnection } from './detect.ts'
import type { SidecarParts } from './sidecar-parts.ts'

/** What calls the application: handed to it at the address and port that were dialled. */
export function createInbound(parts: SidecarParts) {
  const { runtime, upstream } = parts
  const { store, scope } = runtime
  const hosts = createDirectHosts({
    settings: upstream,
    connectTimeoutMs,
    workloadAt: store.workloadAt,
    source: { isInbound: true },
    ...(parts.inboundSource !== undefined && { localAddress: parts.inboundSource }),
  })
  const plans = new Map<string, ForwardPlan>()

  function connectTimeoutMs(): number {
    return store.mesh()?.connectTimeoutMs ?? 10_000
  }

  function serviceAt(port: number) {
    const workload = parts.own()
    return workload && store.serviceOfWorkload(workload, port)
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

  function serve(raw: Socket, original: SocketTarget): void {
    if (endpointAt(original.port)?.kind === 'refused') {
      raw.destroy()
      return
    }
    const accepted = acceptSocket(raw, upstream.network, upstream.thread)
    const declared = serviceAt(original.port)?.port.protocol ?? 'auto'
    const timeoutMs = store.mesh()?.detectionTimeoutMs
    detect(accepted, { declared, thread: upstream.thread, timeoutMs }, (found) => {
      if (found.protocol === 'tcp') serveTcp(found, original)
      else serveHttp(found, found.protocol, original)
    })
  }

  function serveHttp(found: DetectedConnection, protocol: 'http1' | 'http2', original: SocketTarget): void {
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
    parts.connections.serveDetected(found, protocol, context)
  }

  function planOf(original: SocketTarget): ForwardPlan {
    const name = clusterName(original.port)
    const target = handedTo(original)
    // The first requests, probes mostly, may come before it is known which service the port belongs to.
    const id = `${name} ${target.address} ${target.port}`
    let plan = plans.get(id)
    if (plan === undefined) {
      plan = {
        target: hosts.target(name, target.address, target.port),
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

  function serveTcp(found: DetectedConnection, original: SocketTarget): void {
    const { address, port } = handedTo(original)
    const target = hosts.target(clusterName(original.port), address, port)
    const at = serviceAt(original.port)
    proxyTcp({
      accepted: found.accepted,
      original,
      first: found.first,
      pick: (tried) => (tried.size === 0 ? target.pick() : undefined),
      clusterName: target.name,
      refusal: runtime.guards.refusal(connectionOf(found.accepted.socket, original)),
      connectTimeoutMs: connectTimeoutMs(),
      thread: upstream.thread,
      work: upstream.work,
      connections: parts.connections,
      series: (_host, flags) =>
        parts.metrics.tcp(
          {
            reporter: 'destination',
            source: store.workloadAt(found.accepted.socket.remoteAddress ?? ''),
            destination: parts.own(),
            service: at && {
              hostname: at.service.hostname,
              name: at.service.hostname.split('.')[0] ?? at.service.hostname,
              namespace: at.service.namespace,
            },
          },
          flags,
        ),
      log: parts.logInbound.write,
    })
  }

  return { serve, hosts: hosts.hosts, close: () => hosts.close() }
}

/** What policies see of a connection. */
function connectionOf(socket: Socket, original: SocketTarget): ConnectionFacts {
  return {
    sourceAddress: plainAddress(socket.remoteAddress),
    sourcePort: socket.remotePort ?? 0,
    destinationAddress: original.address,
    destinationPort: original.port,
  }
}

const PLANS_MAX = 256
