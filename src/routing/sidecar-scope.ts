import { hostCovers, hostsOverlap, type EgressListener, type Service, type Sidecar } from '../model/index.ts'
import type { Labels } from './service.ts'

/** What the clients behind one proxy know of the mesh (Istio, Sidecar.egress). */
export interface SidecarScope {
  /** The service with the ports on which it is known; undefined: it is not known at all. */
  readonly viewOf: (service: Service) => Service | undefined
  /** Whether routes that an object of this namespace has for these hosts are known. */
  readonly seesRoutes: (namespace: string, hosts: readonly string[]) => boolean
}

export interface ScopeClient {
  readonly namespace: string
  readonly labels: Labels
}

/** The one that holds for a proxy: for its labels, else for its namespace, else for the mesh; the oldest of each. */
export function pickSidecar(sidecars: Iterable<Sidecar>, client: ScopeClient): Sidecar | undefined {
  let best: Sidecar | undefined
  for (const sidecar of sidecars) {
    if (!applies(sidecar, client)) continue
    if (best === undefined || precedes(sidecar, best)) best = sidecar
  }
  return best
}

function applies({ scope }: Sidecar, { namespace, labels }: ScopeClient): boolean {
  if (scope.namespace !== undefined && scope.namespace !== namespace) return false
  return Object.entries(scope.labels).every(([name, value]) => labels[name] === value)
}

function precedes(a: Sidecar, b: Sidecar): boolean {
  const [narrowA, narrowB] = [narrownessOf(a), narrownessOf(b)]
  if (narrowA !== narrowB) return narrowA > narrowB
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt
  return a.key < b.key
}

function narrownessOf({ scope }: Sidecar): number {
  if (scope.namespace === undefined) return 0
  return Object.keys(scope.labels).length === 0 ? 1 : 2
}

/** @param clientNamespace what `.` stands for: a Sidecar of the whole mesh means another in every namespace */
export function createSidecarScope(sidecar: Sidecar, clientNamespace: string): SidecarScope {
  const byPort = new Map<number, EgressListener[]>()
  const others: EgressListener[] = []
  for (const listener of sidecar.egress) {
    if (listener.port === undefined) others.push(listener)
    else byPort.set(listener.port, [...(byPort.get(listener.port) ?? []), listener])
  }

  function holds(listener: EgressListener, namespace: string, isHost: (host: string) => boolean): boolean {
    return listener.hosts.some((entry) => {
      const wanted = entry.namespace === '.' ? clientNamespace : entry.namespace
      return (wanted === '*' || wanted === namespace) && isHost(entry.host)
    })
  }

  function knows(service: Service, port: number): boolean {
    return (byPort.get(port) ?? others).some((listener) =>
      holds(listener, service.namespace, (host) => hostCovers(host, service.hostname)),
    )
  }

  return {
    viewOf(service) {
      const ports = service.ports.filter(({ port }) => knows(service, port))
      if (ports.length === service.ports.length && ports.length > 0) return service
      return ports.length === 0 ? undefined : { ...service, ports }
    },
    seesRoutes: (namespace, hosts) =>
      sidecar.egress.some((listener) =>
        holds(listener, namespace, (wanted) => hosts.some((host) => hostsOverlap(wanted, host))),
      ),
  }
}
