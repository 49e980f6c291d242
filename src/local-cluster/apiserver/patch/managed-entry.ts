import type { KubeObject, StructuralSchema } from '../../../kube/index.ts'
import { isObject, withMembers } from '../json.ts'
import { type FieldSet, isEmptySet, unionOf } from './field-set.ts'
import type { Schema } from './list-schema.ts'

/** One line of `metadata.managedFields`: which fields a manager has set, and how. */
export interface ManagedEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: FieldSet
  readonly subresource?: string
}

/** Who writes, and how: entries of the same writer are one. */
export interface Writer {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
}

/** Appliers keep their entry when they change to another version of the API. */
export function isOf(entry: ManagedEntry, writer: Writer): boolean {
  return (
    entry.manager === writer.manager &&
    entry.operation === writer.operation &&
    (entry.subresource ?? '') === writer.subresource &&
    (writer.operation === 'Apply' || entry.apiVersion === writer.apiVersion)
  )
}

export function entryOf(writer: Writer, fields: FieldSet, time: string | undefined): ManagedEntry {
  const { manager, operation, apiVersion, subresource } = writer
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: shared(fields),
    ...(subresource === '' ? {} : { subresource }),
  }
}

const SHARED_MAX = 512
const SHARED_TEXT_MAX = 8 * 1024
const sharedSets = new Map<string, FieldSet>()

/** Objects made alike have the same fields: one set in memory serves all of them. */
function shared(fields: FieldSet): FieldSet {
  const text = JSON.stringify(fields)
  if (text.length > SHARED_TEXT_MAX) return fields
  const known = sharedSets.get(text)
  if (known) return known
  if (sharedSets.size >= SHARED_MAX) sharedSets.clear()
  sharedSets.set(text, fields)
  return fields
}

/** @returns undefined when any entry is malformed */
export function parseEntries(value: unknown): readonly ManagedEntry[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.every(isEntry) ? value : undefined
}

function isEntry(entry: unknown): entry is ManagedEntry {
  return (
    isObject(entry) &&
    isObject(entry['fieldsV1']) &&
    entry['fieldsType'] === 'FieldsV1' &&
    (entry['operation'] === 'Apply' || entry['operation'] === 'Update') &&
    typeof entry['manager'] === 'string' &&
    typeof entry['apiVersion'] === 'string' &&
    isTime(entry['time'])
  )
}

function isTime(time: unknown): boolean {
  return time === undefined || (typeof time === 'string' && !Number.isNaN(Date.parse(time)))
}

export function entriesOf(object: KubeObject): readonly ManagedEntry[] {
  return parseEntries(object.metadata.managedFields ?? []) ?? []
}

/** Kubernetes' order: appliers first, then by time and name. */
export function sortEntries(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const rank = ({ operation, time = '', manager, apiVersion, subresource = '' }: ManagedEntry) =>
    `${operation}\0${time}\0${manager}\0${apiVersion}\0${subresource}`
  return entries
    .map((entry) => ({ entry, key: rank(entry) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ entry }) => entry)
}

const UPDATERS_MAX = 10
const ANCIENT = 'ancient-changes'

/** Only the latest updaters keep a name, as in Kubernetes; the fields of those before are one entry. */
export function capUpdaters(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update')
  if (updaters.length <= UPDATERS_MAX) return entries
  const named = sortEntries(updaters.filter(({ manager }) => manager !== ANCIENT))
  const old = named.slice(0, named.length - UPDATERS_MAX + 1)
  const [first] = old
  if (!first) return entries
  const merged = [...updaters.filter(({ manager }) => manager === ANCIENT), ...old]
  const writer: Writer = {
    manager: ANCIENT,
    operation: 'Update',
    apiVersion: first.apiVersion,
    subresource: '',
  }
  const fields = merged.reduce<FieldSet>((union, { fieldsV1 }) => unionOf(union, fieldsV1), {})
  const gone = new Set(merged)
  return [...entries.filter((entry) => !gone.has(entry)), entryOf(writer, fields, old.at(-1)?.time)]
}

export function withoutEmpty(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  return entries.filter(({ fieldsV1 }) => !isEmptySet(fieldsV1))
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
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
    },
  },
}

const complete = new WeakMap<StructuralSchema, StructuralSchema>()

/** A kind's schema with the one of metadata, which every kind shares. */
export function schemaWithMetadata(schema: Schema): StructuralSchema {
  const known = schema && complete.get(schema)
  if (known) return known
  const made: StructuralSchema = {
    ...schema,
    type: 'object',
    properties: { ...schema?.properties, metadata: METADATA_SCHEMA },
  }
  if (schema) complete.set(schema, made)
  return made
}

/** Members of metadata that say which object is meant, or that only the server sets: nobody owns them. */
const UNOWNED_METADATA: Readonly<Record<string, undefined>> = {
  name: undefined,
  namespace: undefined,
  uid: undefined,
  resourceVersion: undefined,
  generation: undefined,
  creationTimestamp: undefined,
  deletionTimestamp: undefined,
  deletionGracePeriodSeconds: undefined,
  managedFields: undefined,
  selfLink: undefined,
}

/** The part of an object that managers own. */
export function ownableOf(object: object): object {
  const metadata = (object as { readonly metadata?: object }).metadata ?? {}
  return withMembers(object, {
    apiVersion: undefined,
    kind: undefined,
    metadata: withMembers(metadata, UNOWNED_METADATA),
  })
}
