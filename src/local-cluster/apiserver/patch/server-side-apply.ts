import type { KubeObject, StructuralSchema } from '../../../kube/index.ts'
import { formatTime, isObject, type JsonObject, show, withMembers } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { badRequest, failure } from '../status-error.ts'
import {
  conflictsOf,
  type FieldSet,
  fieldsOf,
  mergeApplied,
  removeFields,
  withoutFields,
} from './managed-fields.ts'

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

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly apiVersion: string
  readonly time: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: FieldSet
  readonly subresource?: string
}

const METADATA_SCHEMA: StructuralSchema = {
  type: 'object',
  properties: {
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
    finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: { type: 'object' },
    },
  },
}

/** Members of metadata that say which object is meant, or that only the server sets: nobody owns them. */
const UNOWNED_METADATA = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
  'selfLink',
  'generateName',
] as const

/**
 * Server-side apply: lays the manager's configuration over the object, removes what the manager applied before
 * and no longer names, and records who owns what. Only managers that apply are recorded: fields set by other
 * kinds of writes belong to nobody and never conflict.
 * @throws StatusError 409 when another manager applied a different value and `force` is not set
 */
export function serverSideApply(request: ApplyRequest): JsonObject {
  const { resource, current, manager } = request
  const schema = schemaWithMetadata(resource.applySchema())
  const applied = ownedPart(request)
  const fields = fieldsOf(applied, schema)
  const entries = entriesOf(current)
  const isMine = (entry: Entry) =>
    entry.manager === manager &&
    entry.operation === 'Apply' &&
    (entry.subresource ?? '') === request.subresource
  const others = entries.filter((entry) => !isMine(entry))
  const conflicting = findConflicts(others, { fields, applied, current, schema })
  if (conflicting.length > 0 && !request.force) throw conflictError(conflicting)
  const mine = entries.find(isMine)
  const merged = mergeApplied(current, applied, schema)
  const kept = [fields, ...others.map((entry) => entry.fieldsV1)]
  const result = mine ? removeFields(merged, mine.fieldsV1, { keep: kept, schema }) : merged
  const conflicted = new Set(conflicting.map(({ entry }) => entry))
  const remaining = others.map((entry) =>
    conflicted.has(entry) ? { ...entry, fieldsV1: withoutFields(entry.fieldsV1, fields) } : entry,
  )
  return withManagedFields(result, request, [...remaining, entryFor(request, fields, mine)])
}

function ownedPart({ patch, resource, current }: ApplyRequest): JsonObject {
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
  const removed = Object.fromEntries(UNOWNED_METADATA.map((member) => [member, undefined]))
  const owned = withMembers(metadata, removed)
  const base = withMembers(patch, { apiVersion: undefined, kind: undefined, metadata: undefined })
  return Object.keys(owned).length === 0 ? base : { ...base, metadata: owned }
}

interface Conflict {
  readonly entry: Entry
  readonly paths: readonly string[]
}

function findConflicts(
  others: readonly Entry[],
  mine: { fields: FieldSet; applied: unknown; current: KubeObject; schema: StructuralSchema | undefined },
): readonly Conflict[] {
  return others.flatMap((entry) => {
    const paths = conflictsOf(mine.fields, entry.fieldsV1, {
      live: mine.current,
      applied: mine.applied,
      schema: mine.schema,
      path: '',
    })
    return paths.length === 0 ? [] : [{ entry, paths }]
  })
}

function conflictError(conflicts: readonly Conflict[]) {
  const all = conflicts.flatMap(({ entry, paths }) => paths.map((path) => ({ manager: entry.manager, path })))
  const causes = all.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}"`,
    field: path,
  }))
  const plural = all.length === 1 ? '' : 's'
  const [only] = all
  const text =
    all.length === 1 && only
      ? `conflict with "${only.manager}": ${only.path}`
      : conflicts
          .map(
            ({ entry, paths }) =>
              `conflicts with "${entry.manager}":\n${paths.map((path) => `- ${path}`).join('\n')}`,
          )
          .join('\n')
  return failure(409, 'Conflict', `Apply failed with ${all.length} conflict${plural}: ${text}`, { causes })
}

function entriesOf(object: KubeObject): readonly Entry[] {
  return (object.metadata.managedFields ?? []).filter(
    (entry) => isObject(entry) && isObject(entry['fieldsV1']) && typeof entry['manager'] === 'string',
  ) as Entry[]
}

function entryFor(request: ApplyRequest, fields: FieldSet, before: Entry | undefined): Entry {
  const isSame = before !== undefined && JSON.stringify(before.fieldsV1) === JSON.stringify(fields)
  return {
    manager: request.manager,
    operation: 'Apply',
    apiVersion: request.resource.apiVersion,
    time: isSame ? before.time : formatTime(request.nowMs),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(request.subresource === '' ? {} : { subresource: request.subresource }),
  }
}

function withManagedFields(
  result: unknown,
  { current, patch }: ApplyRequest,
  entries: readonly Entry[],
): JsonObject {
  const object = result as JsonObject
  const metadata = isObject(object['metadata']) ? object['metadata'] : {}
  const wanted = isObject(patch['metadata']) ? patch['metadata']['resourceVersion'] : undefined
  return {
    ...object,
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: withMembers(metadata, {
      name: current.metadata.name,
      ...(typeof wanted === 'string' ? { resourceVersion: wanted } : {}),
      managedFields: entries.filter((entry) => Object.keys(entry.fieldsV1).length > 0),
    }),
  }
}

function schemaWithMetadata(schema: StructuralSchema | undefined): StructuralSchema {
  return { ...schema, type: 'object', properties: { ...schema?.properties, metadata: METADATA_SCHEMA } }
}
