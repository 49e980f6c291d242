import { deepEqual } from '../../base/index.ts'
import type { AppProtocol, InboundBounds } from '../../model/index.ts'
import type { SocketTarget } from '../net/network.ts'
import { createDirectHosts, type DirectHosts, type DirectTarget } from '../upstream/direct.ts'
import type { UpstreamProtocol } from '../upstream/host.ts'
import { createLoad, limitsOf, shareLimits, shareLoad, type ClusterLoad } from '../upstream/load.ts'
import type { SidecarParts } from './sidecar-parts.ts'

/** The application's ports as endpoints, each within what its policies say of what comes in. */
export interface InboundHosts {
  /** @param port that was dialled; its bounds hold @param to where the application takes it */
  readonly target: (name: string, port: number, to: SocketTarget) => DirectTarget
  /** Policies may have changed. */
  readonly refresh: () => void
  readonly close: () => void
}

interface PortHosts {
  readonly hosts: DirectHosts
  readonly load: ClusterLoad
  bounds: InboundBounds
  protocol: UpstreamProtocol
}

/** Ports of a pod are few, unless someone scans them: what is more shares bounds. */
const PORTS_MAX = 256
const OTHER_PORTS = 0
const CONNECT_TIMEOUT_MS = 10_000
const UNBOUNDED: InboundBounds = {}

/** What is known of a port of the application. */
export interface InboundPort {
  /** undefined: none. */
  readonly bounds: InboundBounds | undefined
  readonly protocol: AppProtocol
}

/** @see Istio, protocol selection: an application is spoken to as its port declares; where that says nothing, as its client speaks */
const SPOKEN: Readonly<Partial<Record<AppProtocol, UpstreamProtocol>>> = {
  http: 'http1',
  http2: 'http2',
  grpc: 'http2',
}

export function createInboundHosts(parts: SidecarParts, portAt: (port: number) => InboundPort): InboundHosts {
  const { store } = parts.runtime
  const { upstream } = parts
  const { loads } = upstream.thread
  const ports = new Map<number, PortHosts>()

  function follow(port: number, one: PortHosts): void {
    const { load } = one
    const { bounds = UNBOUNDED, protocol } = portAt(port)
    one.protocol = SPOKEN[protocol] ?? 'downstream'
    if (one.bounds === bounds || deepEqual(one.bounds, bounds)) return
    one.bounds = bounds
    load.limits = limitsOf(one.bounds.connections)
    const name = `inbound|${port}||`
    if (shareLimits(load, loads, `${parts.proxy}|${name}`) === 'alone')
      parts.logger.warn(`the limits of ${name} hold for each worker: too many clusters have limits`)
  }

  function hostsOf(port: number): PortHosts {
    const load = createLoad()
    const made: PortHosts = {
      load,
      bounds: UNBOUNDED,
      protocol: 'downstream',
      hosts: createDirectHosts({
        settings: upstream,
        load,
        connectTimeoutMs: () =>
          made.bounds.connectTimeoutMs ?? store.mesh()?.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
        workloadAt: store.workloadAt,
        protocol: () => made.protocol,
        source: { isInbound: true },
        ...(parts.inboundSource !== undefined && { localAddress: parts.inboundSource }),
      }),
    }
    follow(port, made)
    return made
  }

  function at(port: number): PortHosts {
    const known = ports.get(port)
    if (known !== undefined) return known
    if (ports.size >= PORTS_MAX && port !== OTHER_PORTS) return at(OTHER_PORTS)
    const made = hostsOf(port)
    ports.set(port, made)
    return made
  }

  return {
    target: (name, port, { address, port: own }) => at(port).hosts.target(name, address, own),
    refresh() {
      for (const [port, one] of ports) follow(port, one)
    },
    close() {
      for (const { hosts, load } of ports.values()) {
        hosts.close()
        shareLoad(load, undefined)
      }
      ports.clear()
    },
  }
}
