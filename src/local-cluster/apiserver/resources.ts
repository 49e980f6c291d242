import {
  type CompiledSchema,
  compareVersions,
  type KubeObject,
  type ResourceInfo,
  type StructuralSchema,
} from '../../kube/index.ts'

/** Where a kind keeps its replicas, for the `scale` subresource. */
export interface ScalePaths {
  readonly spec: readonly string[]
  readonly status: readonly string[]
  /** the selector as text, or as a LabelSelector */
  readonly selector: readonly string[] | undefined
}

/** Between the stored version of a kind and another that says the same in other words. */
export interface Conversion {
  readonly fromStored: (object: KubeObject) => KubeObject
  readonly toStored: (object: KubeObject) => KubeObject
}

/** One resource in one version, with what the handlers must know of it beyond discovery. */
export interface ServedResource {
  readonly info: ResourceInfo
  /** all versions of a resource share one collection of the store */
  readonly collection: string
  /** the `apiVersion` of stored objects; other versions differ from it in nothing else, save by `conversion` */
  readonly storedApiVersion: string
  readonly apiVersion: string
  readonly conversion: Conversion | undefined
  /** Compiled at first use: a big CRD that nobody writes to costs nothing. */
  readonly schema: () => CompiledSchema | undefined
  /** says how lists and maps merge under server-side apply */
  readonly applySchema: () => StructuralSchema | undefined
  /** the schema as OpenAPI shows it; undefined for built-in kinds, whose documents src/kube makes */
  readonly openApiSchema: () => StructuralSchema | undefined
  /** Fills in the defaults of a stored object: a definition may have got them after the object was written. */
  readonly complete?: (object: KubeObject) => KubeObject
  readonly scale: ScalePaths | undefined
  readonly isCustom: boolean
  /** changes with the definition of a custom resource; constant for built-in kinds */
  readonly revision: string
  /** what a change must touch to count as a new generation */
  readonly generation: 'spec' | 'all-but-metadata' | 'none'
  readonly hasStatus: boolean
  /** whether an update may leave `metadata.resourceVersion` out */
  readonly allowsUnconditionalUpdate: boolean
}

export interface ServedVersion {
  readonly group: string
  readonly version: string
  readonly resources: readonly ServedResource[]
}

export interface ServedGroup {
  readonly group: string
  /** best first */
  readonly versions: readonly ServedVersion[]
}

/** All resources that are served now: built in, and of the CustomResourceDefinitions. */
export interface Resources {
  readonly find: (path: { group: string; version: string; plural: string }) => ServedResource | undefined
  readonly findKind: (gvk: { group: string; version: string; kind: string }) => ServedResource | undefined
  /** every served version of a resource */
  readonly versionsOf: (resource: { group: string; plural: string }) => readonly ServedResource[]
  readonly groups: () => readonly ServedGroup[]
  readonly hasGroupVersion: (group: string, version: string) => boolean
  /** Replaces what one CustomResourceDefinition serves. */
  readonly setCustom: (crdName: string, resources: readonly ServedResource[]) => void
  /** grows with every change, so that documents made from the groups can be kept */
  readonly generation: () => number
}

export function createResources(builtIn: readonly ServedResource[]): Resources {
  const custom = new Map<string, readonly ServedResource[]>()
  let generation = 1
  let index = indexOf(builtIn)
  let groups: readonly ServedGroup[] | undefined
  return {
    find: ({ group, version, plural }) => index.byPath.get(`${group}/${version}/${plural}`),
    findKind: ({ group, version, kind }) => index.byKind.get(`${group}/${version}/${kind}`),
    versionsOf: ({ group, plural }) => index.byResource.get(`${group}/${plural}`) ?? [],
    groups: () => (groups ??= groupResources([...index.byPath.values()])),
    hasGroupVersion: (group, version) => index.groupVersions.has(`${group}/${version}`),
    generation: () => generation,
    setCustom(crdName, resources) {
      if (resources.length === 0) custom.delete(crdName)
      else custom.set(crdName, resources)
      generation += 1
      groups = undefined
      index = indexOf([...builtIn, ...[...custom.values()].flat()])
    },
  }
}

interface Index {
  readonly byPath: ReadonlyMap<string, ServedResource>
  readonly byKind: ReadonlyMap<string, ServedResource>
  readonly byResource: ReadonlyMap<string, readonly ServedResource[]>
  readonly groupVersions: ReadonlySet<string>
}

/** The first to claim a path keeps it: a CustomResourceDefinition cannot replace a built-in resource. */
function indexOf(resources: readonly ServedResource[]): Index {
  const byPath = new Map<string, ServedResource>()
  const byKind = new Map<string, ServedResource>()
  const byResource = new Map<string, ServedResource[]>()
  const groupVersions = new Set<string>()
  for (const resource of resources) {
    const { group, version, plural, kind } = resource.info
    const path = `${group}/${version}/${plural}`
    if (byPath.has(path)) continue
    byPath.set(path, resource)
    byKind.set(`${group}/${version}/${kind}`, resource)
    byResource.set(`${group}/${plural}`, [...(byResource.get(`${group}/${plural}`) ?? []), resource])
    groupVersions.add(`${group}/${version}`)
  }
  return { byPath, byKind, byResource, groupVersions }
}

function groupResources(resources: readonly ServedResource[]): readonly ServedGroup[] {
  const groups = new Map<string, Map<string, ServedResource[]>>()
  for (const resource of resources) {
    const { group, version } = resource.info
    const versions = groups.get(group) ?? new Map<string, ServedResource[]>()
    groups.set(group, versions)
    versions.set(version, [...(versions.get(version) ?? []), resource])
  }
  return [...groups].map(([group, versions]) => ({
    group,
    versions: [...versions]
      .sort(([a], [b]) => compareVersions(a, b))
      .map(([version, served]) => ({ group, version, resources: served })),
  }))
}

export function collectionOf(group: string, plural: string): string {
  return `${group === '' ? 'core' : group}/${plural}`
}
