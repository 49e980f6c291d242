import {
  type CompiledSchema,
  compileSchema,
  type CustomResourceDefinition,
  type FieldError,
  type KubeObject,
  type ResourceInfo,
  resourceInfosOf,
  type StructuralSchema,
} from '../../../kube/index.ts'
import { at, isObject, type JsonObject, listAt, stringAt, withAt } from '../json.ts'
import { storageVersion } from '../kinds/crd.ts'
import { collectionOf, type ScalePaths, type ServedResource } from '../resources.ts'

/** What a CustomResourceDefinition serves: one resource for each served version, none while its names clash. */
export function servedBy(crd: KubeObject): readonly ServedResource[] {
  const isEstablished = listAt(crd.status, 'conditions').some(
    (condition) => stringAt(condition, 'type') === 'Established' && stringAt(condition, 'status') === 'True',
  )
  if (!isEstablished) return []
  const names = { ...objectAt(crd.spec, 'names'), ...objectAt(crd.status, 'acceptedNames') }
  const accepted = withAt(crd, ['spec', 'names'], names)
  return resourceInfosOf(accepted as CustomResourceDefinition).map((info) => toResource(crd, info))
}

function objectAt(value: unknown, name: string): JsonObject {
  const found = at(value, name)
  return isObject(found) ? found : {}
}

function toResource(crd: KubeObject, info: ResourceInfo): ServedResource {
  const version = listAt(crd.spec, 'versions').find((each) => stringAt(each, 'name') === info.version)
  const schema = at(version, 'schema', 'openAPIV3Schema') as StructuralSchema | undefined
  const scale = scaleOf(at(version, 'subresources', 'scale'))
  const compiled = lazySchema(schema, scale)
  return {
    info,
    collection: collectionOf(info.group, info.plural),
    storedApiVersion: `${info.group}/${storageVersion(crd)}`,
    apiVersion: `${info.group}/${info.version}`,
    conversion: undefined,
    schema: compiled,
    applySchema: () => schema,
    openApiSchema: () => schema,
    complete: completion(compiled),
    scale,
    isCustom: true,
    revision: `${crd.metadata.uid ?? ''} ${crd.metadata.generation ?? 0}`,
    generation: 'all-but-metadata',
    hasStatus: info.subresources.includes('status'),
    allowsUnconditionalUpdate: false,
  }
}

function lazySchema(
  schema: StructuralSchema | undefined,
  scale: ScalePaths | undefined,
): () => CompiledSchema | undefined {
  let compiled: CompiledSchema | undefined
  return () => {
    if (!schema) return undefined
    compiled ??= compileSchema(schema, {
      check: scale
        ? (object) => [...checkCount(object, scale.spec), ...checkCount(object, scale.status)]
        : undefined,
    })
    return compiled
  }
}

/** What a kind scales by is a count, whatever its schema says of it. */
function checkCount(object: unknown, path: readonly string[]): readonly FieldError[] {
  const name = `.${path.join('.')}`
  const count = at(object, ...path)
  if (count === undefined || count === null) return []
  if (Number.isInteger(count)) {
    const isCount = Number(count) >= 0
    return isCount
      ? []
      : [{ type: 'Invalid value', path: name, value: count, detail: 'should be a non-negative integer' }]
  }
  const type = typeof count === 'number' ? 'float64' : typeof count === 'boolean' ? 'bool' : typeof count
  const shown = typeof count === 'string' ? count : JSON.stringify(count)
  const detail = `${name} accessor error: ${shown} is of the type ${type}, expected int64`
  return [{ type: 'Invalid value', path: name, value: 0, detail }]
}

/** Most objects are complete: each is looked at once, as long as it is in memory. */
function completion(schema: () => CompiledSchema | undefined): (object: KubeObject) => KubeObject {
  const known = new WeakMap<KubeObject, KubeObject>()
  return (object) => {
    const found = known.get(object)
    if (found) return found
    const completed = (schema()?.applyDefaults(object) ?? object) as KubeObject
    known.set(object, completed)
    return completed
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
