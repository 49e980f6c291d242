import type { KubeObject, StructuralSchema } from '../../../kube/index.ts'
import { formatTime, isObject, type JsonObject, sameJson, show, withAt, withMembers } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, failure, unexplained } from '../status-error.ts'
import {
  commonFields,
  compareFields,
  type FieldSet,
  fieldsOf,
  isEmptySet,
  pathsOf,
  withoutFields,
} from './field-set.ts'
import {
  entriesOf,
  entryOf,
  isOf,
  type ManagedEntry,
  ownableOf,
  schemaWithMetadata,
  sortEntries,
  withoutEmpty,
  type Writer,
} from './managed-entry.ts'
import { mergeApplied, removeFields } from './merge-applied.ts'
import { typedProblem } from './typed-check.ts'

export interface ApplyRequest {
  readonly resource: ServedResource
  /** what is there now; without uid where nothing is */
  readonly current: KubeObject
  readonly patch: JsonObject
  readonly manager: string
  readonly force: boolean
  readonly subresource: string
  readonly nowMs: number
}

/** What an object without any entries was written by: nobody who could be asked. */
const BEFORE_FIRST_APPLY = 'before-first-apply'
const KUBECTL = 'kubectl'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * Server-side apply: lays the manager's configuration over the object, removes what the manager applied before,
 * no longer names and nobody else has, and records who owns what.
 * @throws StatusError 409 when the configuration changes a field of another manager and `force` is not set
 */
export function serverSideApply(request: ApplyRequest): JsonObject {
  const { resource, current } = request
  const schema = schemaWithMetadata(resource.applySchema())
  const applied = ownedPart(request)
  checkTypes(request)
  const fields = fieldsOf(applied, schema)
  const writer: Writer = {
    manager: request.manager,
    operation: 'Apply',
    apiVersion: resource.apiVersion,
    subresource: request.subresource,
  }
  const entries = entriesBefore(current, schema)
  const others = entries.filter((entry) => !isOf(entry, writer))
  const mine = entries.find((entry) => isOf(entry, writer))
  const merged = mergeApplied(current, applied, schema) as KubeObject
  const { changed } = compareFields(ownableOf(current), ownableOf(merged), schema)
  const conflicts = findConflicts(others, changed)
  if (conflicts.length > 0 && !request.force) refuseConflicts(request, conflicts, schema)
  const kept = [fields, ...others.map((entry) => entry.fieldsV1)]
  const result = mine ? removeFields(merged, mine.fieldsV1, { keep: kept, schema }) : merged
  const lost = new Map(conflicts.map(({ entry, set }) => [entry, set]))
  const remaining = others.map((entry) => {
    const set = lost.get(entry)
    return set ? { ...entry, fieldsV1: withoutFields(entry.fieldsV1, set) } : entry
  })
  const object = withLastApplied(result as JsonObject, request)
  return withManagedFields(object, request, [
    ...remaining,
    entryFor(writer, { fields, mine, request, object }),
  ])
}

function entriesBefore(current: KubeObject, schema: StructuralSchema): readonly ManagedEntry[] {
  const entries = entriesOf(current)
  if (entries.length > 0 || current.metadata.uid === undefined) return entries
  const { apiVersion } = current
  const writer: Writer = { manager: BEFORE_FIRST_APPLY, operation: 'Update', apiVersion, subresource: '' }
  const { changed } = compareFields({ metadata: {} }, ownableOf(current), schema)
  const created = current.metadata.creationTimestamp
  return isEmptySet(changed) ? [] : [entryOf(writer, changed, created)]
}

/** The configuration without what nobody owns; a subresource is applied by itself. */
function ownedPart({ patch, resource, current, subresource }: ApplyRequest): JsonObject {
  const metadata = patch['metadata'] ?? {}
  if (!isObject(metadata)) throw badRequest('metadata must be an object')
  if (metadata['managedFields'] !== undefined && JSON.stringify(metadata['managedFields']) !== '[]') {
    throw badRequest('metadata.managedFields must be nil')
  }
  const apiVersion = patch['apiVersion']
  if (apiVersion !== undefined && apiVersion !== resource.apiVersion) {
    throw badRequest(
      `the API version in the data (${show(apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
    )
  }
  const name = metadata['name']
  if (name !== undefined && name !== current.metadata.name) {
    throw badRequest(
      `the name of the object (${show(name)}) does not match the name on the URL (${current.metadata.name})`,
    )
  }
  const owned = ownableOf(
    withMembers(patch, { metadata: withMembers(metadata, { generateName: undefined }) }),
  )
  const part = owned as JsonObject
  if (subresource === 'status') return part['status'] === undefined ? {} : { status: part['status'] }
  const whole = resource.hasStatus ? withMembers(part, { status: undefined }) : part
  const isBare = Object.keys(part['metadata'] as object).length === 0
  return isBare ? withMembers(whole, { metadata: undefined }) : whole
}

/** @throws StatusError where the configuration does not fit the schema of the kind */
function checkTypes({ patch, resource, current }: ApplyRequest): void {
  const schema = resource.applySchema()
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = patch
  const declared = schema?.properties?.['metadata']
  const problem = typedProblem(declared ? { metadata, ...rest } : rest, schema)
  if (problem === undefined) return
  const { group, version, kind } = resource.info
  const { name, namespace = '' } = current.metadata
  const what = `${namespace}/${name}; ${group}/${version}, Kind=${kind}`
  throw unexplained(`failed to create typed patch object (${what}): ${problem}`)
}

interface Conflict {
  readonly entry: ManagedEntry
  readonly set: FieldSet
}

function findConflicts(others: readonly ManagedEntry[], changed: FieldSet): readonly Conflict[] {
  return others.flatMap((entry) => {
    const set = commonFields(entry.fieldsV1, changed)
    return isEmptySet(set) ? [] : [{ entry, set }]
  })
}

/** What kubectl wrote by client-side apply is its own: it takes it over without a conflict. */
function refuseConflicts(
  request: ApplyRequest,
  conflicts: readonly Conflict[],
  schema: StructuralSchema,
): void {
  const own = request.manager === KUBECTL ? lastAppliedFields(request.current, schema) : {}
  const left = conflicts.flatMap(({ entry, set }) => {
    const rest = withoutFields(set, own)
    return isEmptySet(rest) ? [] : [{ entry, set: rest }]
  })
  if (left.length > 0) throw conflictError(left)
}

/** The fields of the last client-side apply that nobody has changed since. */
function lastAppliedFields(current: KubeObject, schema: StructuralSchema): FieldSet {
  const text = current.metadata.annotations?.[LAST_APPLIED]
  if (text === undefined) return {}
  let last: unknown
  try {
    last = JSON.parse(text)
  } catch {
    return {}
  }
  if (!isObject(last)) return {}
  const applied = ownableOf(last)
  const { changed, removed } = compareFields(applied, ownableOf(current), schema)
  return withoutFields(withoutFields(fieldsOf(applied, schema), changed), removed)
}

/** kubectl's note of what it applied stays true for those who go back to client-side apply. */
function withLastApplied(
  object: JsonObject,
  { current, patch, manager, subresource }: ApplyRequest,
): JsonObject {
  const isKept =
    manager === KUBECTL && subresource === '' && current.metadata.annotations?.[LAST_APPLIED] !== undefined
  if (!isKept) return object
  const metadata = isObject(patch['metadata']) ? patch['metadata'] : {}
  const annotations = isObject(metadata['annotations']) ? metadata['annotations'] : {}
  const said = withAt(
    patch,
    ['metadata', 'annotations'],
    withMembers(annotations, { [LAST_APPLIED]: undefined }),
  )
  return withAt(object, ['metadata', 'annotations', LAST_APPLIED], `${JSON.stringify(said)}\n`)
}

function conflictError(conflicts: readonly Conflict[]) {
  const sorted = conflicts.toSorted((a, b) => (a.entry.manager < b.entry.manager ? -1 : 1))
  const all = sorted.flatMap(({ entry, set }) =>
    pathsOf(set).map((path) => ({ who: managerText(entry), path })),
  )
  const causes = all.map(({ who, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${who}`,
    field: path,
  }))
  const [only] = all
  const lines = sorted.flatMap(({ entry, set }) => [
    `conflicts with ${managerText(entry)}:`,
    ...pathsOf(set).map((path) => `- ${path}`),
  ])
  const text =
    all.length === 1 && only
      ? `Apply failed with 1 conflict: conflict with ${only.who}: ${only.path}`
      : `Apply failed with ${all.length} conflicts: ${lines.join('\n')}`
  return failure(409, 'Conflict', text, { causes })
}

/** `"kubectl-edit" with subresource "status" using apps/v1` */
function managerText({ manager, operation, apiVersion, subresource }: ManagedEntry): string {
  const name = JSON.stringify(manager)
  const where = subresource === undefined ? name : `${name} with subresource ${JSON.stringify(subresource)}`
  return operation === 'Update' ? `${where} using ${apiVersion}` : where
}

function entryFor(
  writer: Writer,
  made: {
    readonly fields: FieldSet
    readonly mine: ManagedEntry | undefined
    readonly request: ApplyRequest
    readonly object: JsonObject
  },
): ManagedEntry {
  const { fields, mine, request, object } = made
  const isSame =
    mine !== undefined &&
    mine.apiVersion === writer.apiVersion &&
    sameJson(mine.fieldsV1, fields) &&
    sameJson(ownableOf(request.current), ownableOf(object))
  return isSame ? mine : entryOf(writer, fields, formatTime(request.nowMs))
}

function withManagedFields(
  object: JsonObject,
  { current, patch }: ApplyRequest,
  entries: readonly ManagedEntry[],
): JsonObject {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {}
  const wanted = isObject(patch['metadata']) ? patch['metadata']['resourceVersion'] : undefined
  return {
    ...object,
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: withMembers(metadata, {
      name: current.metadata.name,
      ...(typeof wanted === 'string' ? { resourceVersion: wanted } : {}),
      managedFields: sortEntries(withoutEmpty(entries)),
    }),
  }
}
