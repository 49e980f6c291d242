import type { JsonObject } from './json.ts'
import { parseMediaType } from './negotiate.ts'
import type { Resources, ServedGroup, ServedResource, ServedVersion } from './resources.ts'

/** Documents that say what is served; made again only when that changes. */
export interface Discovery {
  /** @returns undefined when the path is not one of discovery or its group is not served */
  readonly document: (
    path: string,
    accept: string | undefined,
  ) => { object: JsonObject; contentType: string } | undefined
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

export function createDiscovery(resources: Resources, serverAddress: () => string): Discovery {
  let cache = new Map<string, JsonObject | undefined>()
  let cachedFor = 0
  const make = (path: string, isAggregated: boolean): JsonObject | undefined => {
    const groups = resources.groups()
    const named = groups.filter(({ group }) => group !== '')
    const core = groups.filter(({ group }) => group === '')
    if (path === '/api') return isAggregated ? aggregated(core) : coreVersions(serverAddress())
    if (path === '/apis') return isAggregated ? aggregated(named) : groupList(named)
    const [root, first, second, ...more] = path.slice(1).split('/')
    if (more.length > 0 || first === undefined) return undefined
    const group =
      root === 'api' ? core[0] : root === 'apis' ? named.find((each) => each.group === first) : undefined
    if (!group) return undefined
    const version = root === 'api' ? first : second
    if (version === undefined) return groupDocument(group)
    const served =
      root === 'api' && second !== undefined
        ? undefined
        : group.versions.find((each) => each.version === version)
    return served && resourceList(served)
  }
  return {
    document(path, accept) {
      if (cachedFor !== resources.generation()) {
        cache = new Map()
        cachedFor = resources.generation()
      }
      const isAggregated = (path === '/api' || path === '/apis') && wantsAggregated(accept)
      const key = `${path} ${isAggregated}`
      const known = cache.get(key)
      const object = known ?? make(path, isAggregated)
      if (object === undefined) return undefined
      cache.set(key, object)
      return { object, contentType: isAggregated ? AGGREGATED : 'application/json' }
    },
  }
}

/** Whether the first acceptable type is the aggregated document, version 2. */
function wantsAggregated(accept: string | undefined): boolean {
  for (const range of (accept ?? '').split(',')) {
    const { type, parameters } = parseMediaType(range)
    if (type !== 'application/json' && type !== '*/*') continue
    if (!parameters.has('as')) return false
    const isOurs = parameters.get('g') === 'apidiscovery.k8s.io' && parameters.get('v') === 'v2'
    if (isOurs && parameters.get('as') === 'APIGroupDiscoveryList') return true
  }
  return false
}

function coreVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  }
}

function groupList(groups: readonly ServedGroup[]): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupEntry) }
}

function groupDocument(group: ServedGroup): JsonObject {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) }
}

function groupEntry({ group, versions }: ServedGroup): JsonObject {
  const entries = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions: entries, preferredVersion: entries[0] }
}

function resourceList({ group, version, resources }: ServedVersion): JsonObject {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: resources.flatMap((resource) => [legacyResource(resource), ...legacySubresources(resource)]),
  }
}

function legacyResource({ info }: ServedResource): JsonObject {
  return {
    name: info.plural,
    singularName: info.singular,
    namespaced: info.namespaced,
    kind: info.kind,
    verbs: info.verbs,
    ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
    ...(info.categories.length === 0 ? {} : { categories: info.categories }),
  }
}

/** The kind that a subresource speaks, where it is not the resource's own. */
const SUBRESOURCE_KINDS: Readonly<
  Record<string, { readonly group: string; readonly version: string; readonly kind: string }>
> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction' },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  binding: { group: '', version: 'v1', kind: 'Binding' },
  exec: { group: '', version: 'v1', kind: 'PodExecOptions' },
  attach: { group: '', version: 'v1', kind: 'PodAttachOptions' },
  portforward: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
}

const PROXY_VERBS = ['create', 'delete', 'get', 'patch', 'update']

const SUBRESOURCE_VERBS: Readonly<Record<string, readonly string[]>> = {
  status: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  log: ['get'],
  finalize: ['update'],
  eviction: ['create'],
  token: ['create'],
  ephemeralcontainers: ['get', 'patch', 'update'],
  resize: ['get', 'patch', 'update'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
  proxy: PROXY_VERBS,
}

/** Only subresources that are answered are announced. */
function subresourcesOf({ info }: ServedResource) {
  return info.subresources.flatMap((name) => {
    const verbs = SUBRESOURCE_VERBS[name]
    if (!verbs) return []
    const own = { group: info.group, version: info.version, kind: info.kind }
    const kind =
      name === 'proxy' ? { ...own, kind: `${info.kind}ProxyOptions` } : (SUBRESOURCE_KINDS[name] ?? own)
    return [{ name, verbs, kind }]
  })
}

function legacySubresources(resource: ServedResource): readonly JsonObject[] {
  const { info } = resource
  return subresourcesOf(resource).map(({ name, verbs, kind }) => ({
    name: `${info.plural}/${name}`,
    singularName: '',
    namespaced: info.namespaced,
    ...(kind.kind === info.kind ? {} : { group: kind.group, version: kind.version }),
    kind: kind.kind,
    verbs,
  }))
}

function aggregated(groups: readonly ServedGroup[]): JsonObject {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { name: group, creationTimestamp: null },
      versions: versions.map(({ version, resources }) => ({
        version,
        freshness: 'Current',
        resources: resources.map(aggregatedResource),
      })),
    })),
  }
}

function aggregatedResource(resource: ServedResource): JsonObject {
  const { info } = resource
  const subresources = subresourcesOf(resource).map(({ name, verbs, kind }) => ({
    subresource: name,
    responseKind: kind,
    verbs,
  }))
  return {
    resource: info.plural,
    responseKind: { group: info.group, version: info.version, kind: info.kind },
    scope: info.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
    ...(info.categories.length === 0 ? {} : { categories: info.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}
