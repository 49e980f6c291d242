import type { Visibility } from '../../../model/index.ts'
import type { VirtualService } from '../../resources/index.ts'
import { namespaceOf, resolveShortHost } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { isVisible, visibilityOf } from '../visibility.ts'
import { compareText } from './destination-rule.ts'

export const MESH_GATEWAY = 'mesh'

/** A VirtualService's wish to rule a host in the sidecars. Only one of those that a client sees gets it. */
export interface MeshClaim {
  readonly key: string
  readonly host: string
  /** `<namespace>/<name>` of the VirtualService. */
  readonly owner: string
  readonly namespace: string
  readonly name: string
  readonly created: string
  readonly visibility: Visibility
}

/** For whom a claim is granted: every client, those of some namespaces, or nobody. */
export type MeshShare =
  | { readonly kind: 'all' }
  | { readonly kind: 'namespaces'; readonly namespaces: readonly string[] }

export function meshClaims(
  object: VirtualService,
  settings: MeshSettings,
  exportDefault?: readonly string[],
): readonly MeshClaim[] {
  if (!gatewaysOf(object).includes(MESH_GATEWAY) || (object.spec.http ?? []).length === 0) return []
  const namespace = namespaceOf(object)
  const { name, creationTimestamp = '' } = object.metadata
  return hostsOf(object, settings).map((host) => ({
    key: `${host}|${namespace}/${name}`,
    host,
    owner: `${namespace}/${name}`,
    namespace,
    name,
    created: creationTimestamp,
    visibility: visibilityOf(object.spec.exportTo, namespace, exportDefault),
  }))
}

export function gatewaysOf(object: VirtualService): readonly string[] {
  const { gateways } = object.spec
  return gateways === undefined || gateways.length === 0 ? [MESH_GATEWAY] : gateways
}

/** Fully qualified and lower case, each once. */
export function hostsOf(object: VirtualService, settings: MeshSettings): readonly string[] {
  const namespace = namespaceOf(object)
  const hosts = (object.spec.hosts ?? []).map((host) => resolveShortHost(host, namespace, settings))
  return [...new Set(hosts)].filter((host) => host !== '').sort()
}

/**
 * Istio: in sidecars one VirtualService rules a host. A client takes a private one of its own namespace first, then
 * one exported to its namespace by name, then a public one, the oldest of each.
 * @param claims all claims of one host
 * @param knownNamespaces asked only when a public claim must leave out namespaces that have one of their own
 */
export function meshShare(
  owner: string,
  claims: readonly MeshClaim[],
  knownNamespaces: () => readonly string[],
): MeshShare {
  const mine = claims.find((claim) => claim.owner === owner)
  if (mine === undefined) return { kind: 'namespaces', namespaces: [] }
  const byAge = claims.toSorted(oldestFirst)
  const restricted = byAge.filter((claim) => claim.visibility.kind === 'namespaces')
  if (mine.visibility.kind === 'namespaces') {
    const won = mine.visibility.namespaces.filter((client) => winnerFor(client, restricted)?.owner === owner)
    return { kind: 'namespaces', namespaces: won }
  }
  const oldest = byAge.find((claim) => claim.visibility.kind === 'all')
  if (oldest?.owner !== owner) return { kind: 'namespaces', namespaces: [] }
  const lost = new Set(
    restricted.flatMap((claim) => (claim.visibility.kind === 'all' ? [] : claim.visibility.namespaces)),
  )
  if (lost.size === 0) return { kind: 'all' }
  return { kind: 'namespaces', namespaces: knownNamespaces().filter((namespace) => !lost.has(namespace)) }
}

function winnerFor(client: string, restricted: readonly MeshClaim[]): MeshClaim | undefined {
  const visible = restricted.filter((claim) => isVisible(claim.visibility, client))
  const isPrivate = (claim: MeshClaim): boolean =>
    claim.namespace === client &&
    claim.visibility.kind === 'namespaces' &&
    claim.visibility.namespaces.length === 1
  return visible.find(isPrivate) ?? visible[0]
}

function oldestFirst(a: MeshClaim, b: MeshClaim): number {
  return (
    compareText(a.created, b.created) || compareText(a.name, b.name) || compareText(a.namespace, b.namespace)
  )
}
