import { goMetadataProblem, type GroupVersionKind, type KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { cannotHandle, type DecodedObject, gvkIn, readKind } from '../decode.ts'
import type { Decoded } from '../decode-text.ts'
import { isObject, type JsonObject, show, withMembers } from '../json.ts'
import type { FieldValidation } from '../options.ts'
import type { ResourceRequest } from '../resource-request.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, type StatusError } from '../status-error.ts'

/** Collects what the client should be told beside the answer (`Warning` headers). */
export type Warn = (message: string) => void

/** How strictly fields are looked at that the kind does not have. */
export interface FieldChecks {
  readonly fieldValidation: FieldValidation
  readonly warn: Warn
  /** tells unknown fields, and with them what else is wrong with the text; without it, the fields alone */
  readonly strictProblems?: Decoded['strictProblems']
  /** how a refusal is worded where it is not of a whole object that was sent */
  readonly refuse?: (problem: string) => StatusError
}

export interface IncomingObject {
  readonly object: KubeObject
  readonly strictProblems: Decoded['strictProblems']
}

/** The body of a create or update as an object of the resource. @throws StatusError 400 or 415 */
export async function readIncoming(context: ServerContext, asked: ResourceRequest): Promise<IncomingObject> {
  const decoded = await readKind(asked.request, asked.resource.info)
  checkKind(context, asked.resource, decoded)
  const object = toKubeObject(asked, decoded.value, decoded.sourceOf)
  return { object, strictProblems: decoded.strictProblems }
}

/** The place in Kubernetes' own source that it names when it does not know a kind. */
const SCHEME = 'pkg/runtime/scheme.go:111'

/** A built-in resource takes its own kind, in any of its versions that is the one of the path. */
function checkKind(
  context: ServerContext,
  { info, isCustom }: ServedResource,
  { value }: DecodedObject,
): void {
  const sent = gvkIn(value, info)
  if (isCustom || isSameKind(sent, info)) return
  const known = context.resources.findKind(sent)
  if (!known || known.isCustom) {
    const groupVersion = sent.group === '' ? sent.version : `${sent.group}/${sent.version}`
    const why = `no kind "${sent.kind}" is registered for version "${groupVersion}" in scheme "${SCHEME}"`
    throw cannotHandle(sent, info.kind, why)
  }
  if (sent.kind === info.kind && sent.group === info.group) return // another version of it, which the path decides
  const from = `${sent.version}.${sent.kind}`
  const into = `${info.group === '' ? 'core' : (info.group.split('.', 1)[0] ?? '')}.${info.kind}`
  throw cannotHandle(sent, info.kind, `converting (${from}) to (${into}): unknown conversion`)
}

function isSameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.kind === b.kind && a.version === b.version && a.group === b.group
}

/**
 * Takes a decoded body as an object of the resource: right kind, right namespace.
 * A body may leave `apiVersion`, `kind` and `metadata` out; the path says the rest.
 * @throws StatusError 400
 */
export function toKubeObject(
  asked: ResourceRequest,
  body: JsonObject,
  sourceOf: Decoded['sourceOf'] = () => undefined,
): KubeObject {
  const { resource, path } = asked
  const { info } = resource
  const apiVersion = body['apiVersion'] ?? resource.apiVersion
  const kind = body['kind'] ?? info.kind
  if (apiVersion !== resource.apiVersion) {
    throw badRequest(
      `the API version in the data (${show(apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
    )
  }
  if (kind !== info.kind) {
    const sent = { version: info.version, kind: show(kind) }
    throw cannotHandle(sent, info.kind, 'the kind in the data does not match the expected kind')
  }
  // A built-in kind has been decoded as a whole.
  const problem = resource.isCustom ? goMetadataProblem(body['metadata'], { sourceOf }) : undefined
  if (problem !== undefined) throw cannotHandle(info, info.kind, problem)
  const metadata = withoutNulls(body['metadata'])
  if (info.namespaced && path.namespace !== '') {
    const given = metadata['namespace'] ?? ''
    if (given !== '' && given !== path.namespace) {
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      )
    }
  }
  const namespace = info.namespaced ? path.namespace : undefined
  return {
    ...body,
    apiVersion: resource.apiVersion,
    kind: info.kind,
    metadata: withMembers(metadata, { namespace }),
  } as unknown as KubeObject
}

function withoutNulls(metadata: unknown): JsonObject {
  if (!isObject(metadata)) return {}
  const nulls = Object.entries(metadata).flatMap(([key, value]) => (value === null ? [[key, undefined]] : []))
  return withMembers(metadata, Object.fromEntries(nulls) as JsonObject)
}

/**
 * Drops unknown fields and fills in defaults.
 * @throws StatusError for unknown fields under strict field validation
 */
export function pruneAndDefault(
  resource: ServedResource,
  object: KubeObject,
  checks: FieldChecks,
): KubeObject {
  const schema = resource.schema()
  if (!schema) return object
  const { value, pruned } = schema.prune(object)
  if (checks.fieldValidation !== 'Ignore') reportProblems(resource, pruned, checks)
  return schema.applyDefaults(value) as KubeObject
}

function reportProblems(resource: ServedResource, pruned: readonly string[], checks: FieldChecks): void {
  const problems = checks.strictProblems?.(pruned) ?? pruned.map((path) => `unknown field "${path}"`)
  if (problems.length === 0) return
  if (checks.fieldValidation === 'Warn') {
    for (const problem of problems) checks.warn(problem)
    return
  }
  const { info } = resource
  const problem = `strict decoding error: ${problems.join(', ')}`
  throw checks.refuse?.(problem) ?? cannotHandle(info, info.kind, problem)
}
