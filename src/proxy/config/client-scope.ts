import type { Mesh, Service, ServiceName, Sidecar, SidecarName, Workload } from '../../model/index.ts'
import { createSidecarScope, pickSidecar, type ScopeClient, type SidecarScope } from '../../routing/index.ts'
import type { XdsChange } from '../../xds/client/index.ts'
import type { ModelStore } from './model-store.ts'
import { createServiceIndex, type ServiceAt, type ServiceIndex } from './service-index.ts'

/** What this proxy's application knows of the mesh: all that the store has, or what its Sidecar leaves of it. */
export interface ClientScope {
  readonly set: (sidecar: Sidecar) => void
  readonly delete: (key: SidecarName) => void
  /** Takes a batch into account. @returns whether routes are to be looked through anew */
  readonly follow: (changes: readonly XdsChange[]) => boolean
  /** Another number whenever something may be known otherwise: what was found before is to be looked for again. */
  readonly version: () => number
  /** The one that holds. */
  readonly sidecar: () => Sidecar | undefined
  readonly serviceAt: (address: string, port: number) => ServiceAt | undefined
  readonly serviceNamed: (host: string, namespace: string) => Service | undefined
  readonly serviceOfWorkload: (workload: Workload, port: number) => ServiceAt | undefined
  /** The first, by name, of the services with this port: who a listener of its own is for when nothing else tells it. */
  readonly serviceOnPort: (port: number) => ServiceAt | undefined
  readonly seesRoutes: (namespace: string, hosts: readonly string[]) => boolean
  /** What becomes of what is not known. */
  readonly outbound: () => Mesh['outbound']
}

/** What a Sidecar leaves. */
interface Left {
  readonly sidecar: Sidecar
  readonly scope: SidecarScope
  readonly index: ServiceIndex
  readonly views: Map<ServiceName, Service>
}

export function createClientScope(store: ModelStore, client: ScopeClient): ClientScope {
  const sidecars = new Map<SidecarName, Sidecar>()
  let left: Left | undefined
  let version = 0

  function rebuild(sidecar: Sidecar | undefined): void {
    version += 1
    left = sidecar && {
      sidecar,
      scope: createSidecarScope(sidecar, client.namespace),
      index: createServiceIndex(() => store.mesh()?.clusterDomain ?? 'cluster.local'),
      views: new Map(),
    }
    if (left !== undefined) for (const service of store.services()) look(left, service.key)
  }

  function look(into: Left, key: ServiceName): void {
    const before = into.views.get(key)
    if (before !== undefined) into.index.remove(before)
    const service = store.service(key)
    const view = service && into.scope.viewOf(service)
    if (view === undefined) {
      into.views.delete(key)
      return
    }
    into.views.set(key, view)
    into.index.add(view)
  }

  return {
    set: (sidecar) => {
      sidecars.set(sidecar.key, sidecar)
    },
    delete: (key) => {
      sidecars.delete(key)
    },
    follow(changes) {
      if (changes.some(({ type }) => type === 'service')) version += 1
      if (changes.some(({ type }) => type === 'sidecar')) {
        const picked = pickSidecar(sidecars.values(), client)
        if (picked !== left?.sidecar) {
          rebuild(picked)
          return true
        }
      }
      if (left === undefined) return false
      for (const { type, key } of changes) if (type === 'service') look(left, key as ServiceName)
      return false
    },
    version: () => version,
    sidecar: () => left?.sidecar,
    serviceAt: (address, port) => (left === undefined ? store.serviceAt : left.index.at)(address, port),
    serviceNamed: (host, namespace) =>
      (left === undefined ? store.serviceNamed : left.index.named)(host, namespace),
    serviceOfWorkload(workload, port) {
      if (left === undefined) return store.serviceOfWorkload(workload, port)
      return store.serviceOfWorkload(workload, port, (key) => left?.views.get(key))
    },
    serviceOnPort(number) {
      const known = [...(left?.views.values() ?? store.services())].toSorted((a, b) =>
        a.key < b.key ? -1 : 1,
      )
      for (const service of known) {
        const port = service.ports.find((one) => one.port === number)
        if (port !== undefined) return { service, port }
      }
      return undefined
    },
    seesRoutes: (namespace, hosts) => left === undefined || left.scope.seesRoutes(namespace, hosts),
    outbound: () => left?.sidecar.outbound ?? store.mesh()?.outbound ?? 'allow-any',
  }
}
