import { checkModelObject, type Service, type Sidecar } from '../../model/index.ts'
import { createSidecarScope, pickSidecar, type ScopeClient } from '../../routing/index.ts'
import type { XdsChange } from '../../xds/client/index.ts'

/** Names that the mesh alone knows: hosts of ServiceEntries with an address, as one proxy's application sees them. */
export interface EntryNames {
  readonly accept: (changes: readonly XdsChange[]) => void
  /** @param name lower case, without the dot at its end @returns undefined for a name that is none of them */
  readonly find: (name: string) => readonly string[] | undefined
}

export function createEntryNames(client: ScopeClient): EntryNames {
  const services = new Map<string, Service>()
  const byHost = new Map<string, Set<string>>()
  const sidecars = new Map<string, Sidecar>()

  function forget(key: string): void {
    const host = services.get(key)?.hostname
    if (host === undefined) return
    services.delete(key)
    const keys = byHost.get(host)
    keys?.delete(key)
    if (keys?.size === 0) byHost.delete(host)
  }

  function take(change: XdsChange): void {
    const { type, key } = change
    if (type !== 'service' && type !== 'sidecar') return
    const object = change.kind === 'set' ? change.object : undefined
    const isKept = type === 'sidecar' || isEntry(object)
    const checked = object === undefined || !isKept ? undefined : checkModelObject(object, type)
    // What the proxy refuses leaves its last good version here, too.
    if (checked !== undefined && !checked.ok) return
    if (type === 'sidecar') {
      if (checked === undefined) sidecars.delete(key)
      else sidecars.set(key, checked.value as Sidecar)
      return
    }
    forget(key)
    if (checked === undefined) return
    const service = checked.value as Service
    services.set(key, service)
    byHost.set(service.hostname, (byHost.get(service.hostname) ?? new Set()).add(key))
  }

  /** The host itself, else the most specific `*.suffix`; of several namespaces' the client's own first. */
  function candidates(name: string): readonly Service[] {
    const keys = byHost.get(name) ?? wildcard(name) ?? []
    const found = [...keys].flatMap((key) => services.get(key) ?? [])
    return found.toSorted((a, b) => rank(a) - rank(b))
  }

  function wildcard(name: string): Iterable<string> | undefined {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const keys = byHost.get(`*${name.slice(dot)}`)
      if (keys !== undefined) return keys
    }
    return undefined
  }

  function rank({ namespace }: Service): number {
    return namespace === client.namespace ? 0 : 1
  }

  return {
    accept: (changes) => changes.forEach(take),
    find(name) {
      const known = candidates(name)
      if (known.length === 0) return undefined
      const sidecar = pickSidecar(sidecars.values(), client)
      const scope = sidecar && createSidecarScope(sidecar, client.namespace)
      const service = known.find((one) => scope === undefined || scope.viewOf(one) !== undefined)
      return service?.addresses.filter((address) => !address.includes('/'))
    },
  }
}

/** Decoded but not checked: most services are Kubernetes' own, whose names the cluster knows. */
function isEntry(object: unknown): boolean {
  const { origin, addresses } = (object ?? {}) as Partial<Service>
  return origin?.kind === 'ServiceEntry' && Array.isArray(addresses) && addresses.length > 0
}
