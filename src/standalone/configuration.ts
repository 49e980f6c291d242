import {
  builtInSchema,
  type CompiledSchema,
  compileSchema,
  formatFieldError,
  type KubeObject,
  type Manifest,
  parseApiVersion,
  parseManifests,
  type Position,
} from '../kube/index.ts'
import { crds, gatewayApiCrds } from '../mesh/resources/index.ts'
import { SOURCE_KINDS } from '../mesh/translate/index.ts'
import type { FileText } from './files.ts'
import type { ConfigurationProblem } from './problem.ts'

/** An object with the file and line that it stands in. */
export interface PlacedObject extends Position {
  readonly path: string
  readonly object: KubeObject
}

export interface Configuration {
  readonly objects: readonly PlacedObject[]
  /** Any of these makes the whole bad: half a configuration is not what its author meant. */
  readonly problems: readonly ConfigurationProblem[]
  /** Objects that are left out: of no concern to a proxy. */
  readonly ignored: readonly PlacedObject[]
}

const DEFAULT_NAMESPACE = 'default'

/** Reads and checks a set of files as an API server would check what is applied. */
export function readConfiguration(files: readonly FileText[]): Configuration {
  const objects: PlacedObject[] = []
  const ignored: PlacedObject[] = []
  const problems: ConfigurationProblem[] = []
  const places = new Map<string, PlacedObject>()
  for (const { path, text, isFound } of files) {
    const parsed = parseManifests(text)
    for (const { foreign, ...problem } of parsed.problems) {
      if (!isFound || foreign !== true) problems.push({ path, ...problem })
    }
    for (const manifest of parsed.manifests) {
      const { line, column } = manifest
      const kind = kindOf(manifest.object)
      if (kind === undefined) {
        ignored.push({ path, line, column, object: manifest.object })
        continue
      }
      const object = withNamespace(manifest.object, kind.namespaced)
      const checked = checkObject(object, manifest)
      problems.push(...checked.problems.map((problem) => ({ path, ...problem })))
      const placed = { path, line, column, object: checked.object }
      const name = nameOf(object)
      const before = places.get(name)
      if (before !== undefined) {
        const message = `${name} is already in ${before.path}:${before.line}`
        problems.push({ path, line, column, message })
        continue
      }
      places.set(name, placed)
      objects.push(placed)
    }
  }
  return { objects, problems, ignored }
}

function kindOf(object: KubeObject) {
  const { group } = parseApiVersion(object.apiVersion)
  return SOURCE_KINDS.find(({ kind }) => kind.group === group && kind.kind === object.kind)?.kind
}

function withNamespace(object: KubeObject, namespaced: boolean): KubeObject {
  if (!namespaced || (object.metadata.namespace ?? '') !== '') return object
  return { ...object, metadata: { ...object.metadata, namespace: DEFAULT_NAMESPACE } }
}

function nameOf(object: KubeObject): string {
  const { namespace, name } = object.metadata
  const { group } = parseApiVersion(object.apiVersion)
  const kind = group === '' ? object.kind : `${object.kind}.${group}`
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`
}

interface Checked {
  readonly object: KubeObject
  readonly problems: readonly (Position & { readonly message: string })[]
}

/** Unknown fields are errors here: a word that is misspelt would silently do nothing. */
function checkObject(object: KubeObject, manifest: Manifest): Checked {
  const schema = schemaOf(object)
  if (schema === undefined) {
    const message = `there is no ${object.kind} in ${object.apiVersion}`
    return { object, problems: [{ ...manifest.locate('apiVersion'), message }] }
  }
  const { value, pruned } = schema.prune(object)
  const defaulted = schema.applyDefaults(value) as KubeObject
  const problems = [
    ...pruned.map((path) => ({ ...manifest.locate(path), message: `unknown field "${path}"` })),
    ...schema.validate(defaulted).map((error) => ({
      ...manifest.locate(error.path),
      message: formatFieldError(error),
    })),
  ]
  return { object: defaulted, problems }
}

/** Files may use kinds and fields that a cluster gets only with a later bundle, such as TLSRoute, or retries. */
const NEWEST_GATEWAY_API = { version: 'v1.6.1', channel: 'experimental' } as const

const schemas = new Map<string, CompiledSchema | undefined>()

function schemaOf(object: KubeObject): CompiledSchema | undefined {
  const id = `${object.apiVersion} ${object.kind}`
  if (!schemas.has(id)) schemas.set(id, makeSchema(object))
  return schemas.get(id)
}

function makeSchema(object: KubeObject): CompiledSchema | undefined {
  const { group, version } = parseApiVersion(object.apiVersion)
  const builtIn = builtInSchema({ group, version, kind: object.kind })
  if (builtIn !== undefined) return builtIn
  const known = [...gatewayApiCrds(NEWEST_GATEWAY_API), ...crds()]
  const definition = known.find(({ spec }) => spec.group === group && spec.names.kind === object.kind)
  const found = definition?.spec.versions.find((one) => one.name === version && one.served)
  return found?.schema?.openAPIV3Schema && compileSchema(found.schema.openAPIV3Schema)
}
