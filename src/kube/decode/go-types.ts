import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType, Scalar } from '../fields/parse.ts'
import { isRecord } from '../json.ts'
import type { GroupVersionKind } from '../object.ts'
import { flattenFields, hasTypeMeta } from '../schema/message-schema.ts'
import { base64Problem, durationProblem, quantityProblem, timeProblem } from './go-scalars.ts'
import type { JsonPath } from './scan-json.ts'

export interface GoTypesOptions {
  /** A number as it was written, where the text is known: JavaScript's numbers forget. */
  readonly sourceOf?: (path: JsonPath) => string | undefined
  /** whose words: those for a text, or those for a value that a strategic merge patch has left; `decoder` by default */
  readonly words?: 'decoder' | 'converter'
}

/**
 * Why a JSON value does not fit the Go types of a built-in kind, in the words of the API server's decoder.
 * @returns undefined where it fits, and for kinds that are not built in
 */
export function goTypeProblem(
  value: unknown,
  gvk: GroupVersionKind,
  options: GoTypesOptions = {},
): string | undefined {
  const message = messageTypes.ofKind(gvk)
  if (!message) return undefined
  return problemInMessage(value, message, { path: [], fields: [], struct: '', options })
}

/** The same for the metadata of a kind that is not built in. */
export function goMetadataProblem(metadata: unknown, options: GoTypesOptions = {}): string | undefined {
  const message = messageTypes.get('meta/v1.ObjectMeta')
  if (!message) return undefined
  const place = { path: ['metadata'], fields: ['metadata'], struct: 'Unstructured', options }
  return problemInMessage(metadata, message, place)
}

/** Where the decoder is: the path in the document, and what Go's messages have of it. */
interface Place {
  readonly path: JsonPath
  /** names of fields; indices and keys of maps are not told */
  readonly fields: readonly string[]
  /** the Go type that has the last of the fields */
  readonly struct: string
  readonly options: GoTypesOptions
}

function problemInMessage(value: unknown, message: MessageType, place: Place): string | undefined {
  if (value === null || value === undefined) return undefined
  if (message.choice) return undefined
  if (!isRecord(value)) return wrongContainer(value, ['struct from:', goNameOf(message)], place)
  const fields = fieldsByName(message)
  const struct = shortName(message)
  for (const [name, member] of Object.entries(value)) {
    const field = fields.get(name)
    if (!field || fitsPlainly(member, field.type)) continue
    const inside = { ...place, path: [...place.path, name], fields: [...place.fields, name], struct }
    const problem = problemInValue(member, field.type, inside)
    if (problem !== undefined) return problem
  }
  return undefined
}

const TYPE_META: readonly Field[] = ['kind', 'apiVersion'].map((name) => ({
  name,
  number: 0,
  type: { kind: 'scalar', scalar: 'string' },
  embedded: false,
  required: false,
  zeroMatters: false,
  set: false,
}))

const fieldMaps = new WeakMap<MessageType, ReadonlyMap<string, Field>>()

function fieldsByName(message: MessageType): ReadonlyMap<string, Field> {
  const known = fieldMaps.get(message)
  if (known) return known
  const fields = [...(hasTypeMeta(message) ? TYPE_META : []), ...flattenFields(message)]
  const made = new Map(fields.map((field) => [field.name, field]))
  fieldMaps.set(message, made)
  return made
}

function problemInValue(value: unknown, type: FieldType, place: Place): string | undefined {
  if (value === null || value === undefined) return undefined
  switch (type.kind) {
    case 'scalar':
      return problemInScalar(value, type.scalar, place)
    case 'message': {
      const message = messageTypes.get(type.name)
      return message && problemInMessage(value, message, place)
    }
    case 'list':
      if (!Array.isArray(value)) return wrongContainer(value, ['slice from', goTypeOf(type)], place)
      return firstOf(value.entries(), type.of, (item, index) =>
        problemInValue(item, type.of, { ...place, path: [...place.path, index] }),
      )
    case 'map':
      if (!isRecord(value)) return wrongContainer(value, ['map from', goTypeOf(type)], place)
      return firstOf(Object.entries(value), type.of, (item, key) =>
        problemInValue(item, type.of, { ...place, path: [...place.path, key] }),
      )
  }
}

function firstOf<K>(
  entries: Iterable<readonly [K, unknown]>,
  type: FieldType,
  problemOf: (item: unknown, key: K) => string | undefined,
): string | undefined {
  for (const [key, item] of entries) {
    if (fitsPlainly(item, type)) continue
    const problem = problemOf(item, key)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Most values are such; for them no place is made that nobody would read. */
function fitsPlainly(value: unknown, type: FieldType): boolean {
  if (type.kind !== 'scalar') return false
  if (type.scalar === 'string') return typeof value === 'string'
  if (type.scalar === 'bool') return typeof value === 'boolean'
  return type.scalar === 'int32' && typeof value === 'number' && isWithin(value, 2 ** 31)
}

const INT_MAX: Partial<Readonly<Record<Scalar, number>>> = { int32: 2 ** 31, int64: 2 ** 63 }

function problemInScalar(value: unknown, scalar: Scalar, place: Place): string | undefined {
  switch (scalar) {
    case 'string':
      return typeof value === 'string' ? undefined : wrongType(value, 'string', place)
    case 'bool':
      return typeof value === 'boolean' ? undefined : wrongType(value, 'bool', place)
    case 'int32':
    case 'int64':
      if (typeof value !== 'number') return wrongType(value, scalar, place)
      return isWithin(value, INT_MAX[scalar] ?? 0) ? undefined : wrongNumber(value, scalar, place)
    case 'double':
      if (typeof value !== 'number') return wrongType(value, 'float64', place)
      return Number.isFinite(value) ? undefined : wrongNumber(value, 'float64', place)
    case 'bytes':
      return typeof value === 'string' ? base64Problem(value) : wrongType(value, '[]uint8', place)
    case 'quantity':
      return quantityProblem(typeof value === 'string' ? value.trim() : JSON.stringify(value))
    case 'time':
    case 'microTime':
      return typeof value === 'string' ? timeProblem(value, scalar) : wrongValue(value, 'string')
    case 'duration':
      return typeof value === 'string' ? durationProblem(value) : wrongValue(value, 'string')
    case 'intOrString':
      if (typeof value === 'string') return undefined
      if (typeof value !== 'number') return wrongValue(value, 'int32')
      return isWithin(value, 2 ** 31) ? undefined : wrongValue(value, 'int32', ` ${numberText(value, place)}`)
    case 'rawExtension':
    case 'json':
    case 'fieldsV1':
      return undefined
  }
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= -max && value < max
}

/** @param what as the converter, and as the decoder name what should be there */
function wrongContainer(value: unknown, what: readonly [string, string], place: Place): string {
  if (place.options.words !== 'converter') return wrongType(value, what[1], place)
  return `cannot restore ${what[0]} ${goKind(value)}`
}

function wrongType(value: unknown, goType: string, place: Place, more = ''): string {
  const { fields, struct, options } = place
  if (options.words === 'converter') {
    // Go would make a text of a number, of its code point, so the converter refuses that by itself.
    const converts = typeof value === 'number' && (goType === 'string' || more !== '')
    return converts ? `cannot convert ${goKind(value)} to ${goType}` : `unrecognized type: ${goType}`
  }
  const into =
    fields.length === 0
      ? `value of type ${goType}`
      : `struct field ${struct}.${fields.join('.')} of type ${goType}`
  return `json: cannot unmarshal ${jsonKind(value)}${more} into Go ${into}`
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'object' ? 'map' : typeof value === 'boolean' ? 'bool' : 'string'
}

function wrongNumber(value: number, goType: string, place: Place): string {
  return wrongType(value, goType, place, ` ${numberText(value, place)}`)
}

/** A type with a decoder of its own does not know what field it is in. */
function wrongValue(value: unknown, goType: string, more = ''): string {
  return `json: cannot unmarshal ${jsonKind(value)}${more} into Go value of type ${goType}`
}

function numberText(value: number, { path, options }: Place): string {
  return options.sourceOf?.(path) ?? String(value)
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

const GO_SCALARS: Readonly<Record<Scalar, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  intOrString: 'intstr.IntOrString',
  rawExtension: 'runtime.RawExtension',
  json: 'v1.JSON',
  fieldsV1: 'v1.FieldsV1',
}

/** The name that Go prints for a type. (Texts and numbers that have a type of their own in Go are told as what they are.) */
export function goTypeOf(type: FieldType): string {
  switch (type.kind) {
    case 'scalar':
      return GO_SCALARS[type.scalar]
    case 'message': {
      const message = messageTypes.get(type.name)
      return message ? goNameOf(message) : type.name
    }
    case 'list':
      return `[]${goTypeOf(type.of)}`
    case 'map':
      return type.of.kind === 'scalar' && type.of.scalar === 'quantity'
        ? 'v1.ResourceList'
        : `map[string]${goTypeOf(type.of)}`
  }
}

/** `v1.Container` of `core/v1.Container`: Go's packages are named after the version. */
function goNameOf({ name }: MessageType): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

function shortName({ name }: MessageType): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
