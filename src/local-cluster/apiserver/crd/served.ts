import {
  type CompiledSchema,
  compileSchema,
  type KubeObject,
  type PrinterColumn,
  type ResourceInfo,
  type StructuralSchema,
} from '../../../kube/index.ts'
import { at, isObject, listAt, stringAt } from '../json.ts'
import { storageVersion } from '../kinds/crd.ts'
import { collectionOf, type ScalePaths, type ServedResource } from '../resources.ts'

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const

/** What a CustomResourceDefinition serves: one resource for each served version, none while its names clash. */
export function servedBy(crd: KubeObject): readonly ServedResource[] {
  const isEstablished = listAt(crd.status, 'conditions').some(
    (condition) => stringAt(condition, 'type') === 'Established' && stringAt(condition, 'status') === 'True',
  )
  if (!isEstablished) return []
  return listAt(crd.spec, 'versions')
    .filter((version) => at(version, 'served') === true)
    .map((version) => toResource(crd, version))
}

function toResource(crd: KubeObject, version: unknown): ServedResource {
  const info = toInfo(crd, version)
  const hasStatus = info.subresources.includes('status')
  return {
    info,
    collection: collectionOf(info.group, info.plural),
    storedApiVersion: `${info.group}/${storageVersion(crd)}`,
    apiVersion: `${info.group}/${info.version}`,
    conversion: undefined,
    schema: lazySchema(at(version, 'schema', 'openAPIV3Schema')),
    openApiSchema: () => at(version, 'schema', 'openAPIV3Schema') as StructuralSchema | undefined,
    scale: scaleOf(at(version, 'subresources', 'scale')),
    isCustom: true,
    revision: `${crd.metadata.uid ?? ''} ${crd.metadata.generation ?? 0}`,
    generation: 'all-but-metadata',
    hasStatus,
    allowsUnconditionalUpdate: false,
  }
}

function lazySchema(schema: unknown): () => CompiledSchema | undefined {
  let compiled: CompiledSchema | undefined
  return () => {
    if (!isObject(schema)) return undefined
    compiled ??= compileSchema(schema)
    return compiled
  }
}

function toInfo(crd: KubeObject, version: unknown): ResourceInfo {
  const names = at(crd.spec, 'names')
  const kind = stringAt(names, 'kind') ?? ''
  const subresources = at(version, 'subresources')
  return {
    group: stringAt(crd.spec, 'group') ?? '',
    version: stringAt(version, 'name') ?? '',
    kind,
    listKind: stringAt(names, 'listKind') ?? `${kind}List`,
    plural: stringAt(names, 'plural') ?? '',
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    shortNames: listAt(names, 'shortNames').filter((name) => typeof name === 'string'),
    categories: listAt(names, 'categories').filter((name) => typeof name === 'string'),
    namespaced: stringAt(crd.spec, 'scope') === 'Namespaced',
    subresources: isObject(subresources) ? Object.keys(subresources) : [],
    verbs: VERBS,
    printerColumns: listAt(version, 'additionalPrinterColumns').filter(
      isObject,
    ) as unknown as PrinterColumn[],
    stored: true,
  }
}

function scaleOf(scale: unknown): ScalePaths | undefined {
  const spec = stringAt(scale, 'specReplicasPath')
  const status = stringAt(scale, 'statusReplicasPath')
  if (spec === undefined || status === undefined) return undefined
  const selector = stringAt(scale, 'labelSelectorPath')
  return {
    spec: toPath(spec),
    status: toPath(status),
    selector: selector === undefined ? undefined : toPath(selector),
  }
}

/** `.spec.replicas`: the only form of JSONPath that Kubernetes allows here. */
function toPath(text: string): readonly string[] {
  return text.split('.').filter((part) => part !== '')
}
