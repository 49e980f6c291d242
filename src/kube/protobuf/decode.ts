import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType } from '../fields/parse.ts'
import { type MutableRecord, setOwn } from '../json.ts'
import { parseApiVersion } from '../object.ts'
import { readFields, readVarint, WireError, type WireField } from './reader.ts'
import { decodeScalar, decodeText } from './scalars.ts'

/** The content type of these bodies, which client-go sends for built-in kinds. */
export const PROTOBUF_CONTENT_TYPE = 'application/vnd.kubernetes.protobuf'

/** "k8s" and a zero byte stand before the envelope. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00]

/** Messages nested deeper than any real object is. */
const DEPTH_MAX = 100

/**
 * Decodes a request body in Kubernetes' protobuf form into the object that the same body in JSON would be.
 * @returns an error for bytes that are not such a body, and for kinds without a field table
 */
export function decodeProtobufBody(bytes: Uint8Array): Result<unknown, string> {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) {
    return fail(
      `provided data does not appear to be a protobuf message, expected prefix ${JSON.stringify(MAGIC)}`,
    )
  }
  try {
    return decodeEnvelope(bytes.subarray(MAGIC.length))
  } catch (thrown) {
    if (thrown instanceof WireError) return fail(`unable to decode protobuf body: ${messageOf(thrown)}`)
    throw thrown
  }
}

function decodeEnvelope(bytes: Uint8Array): Result<unknown, string> {
  let apiVersion = ''
  let kind = ''
  let raw: Uint8Array = new Uint8Array(0)
  for (const field of readFields(bytes)) {
    if (field.number === 1) {
      for (const meta of readFields(field.bytes)) {
        if (meta.number === 1) apiVersion = decodeText(meta.bytes)
        if (meta.number === 2) kind = decodeText(meta.bytes)
      }
    }
    if (field.number === 2) raw = field.bytes
  }
  const message = messageTypes.ofKind({ ...parseApiVersion(apiVersion), kind })
  if (!message)
    return fail(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf`,
    )
  return ok({ apiVersion, kind, ...(decodeMessage(message, raw, 0) as object) })
}

function decodeMessage(message: MessageType, bytes: Uint8Array, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new WireError('message is nested too deeply')
  const byNumber = new Map(message.fields.map((field) => [field.number, field]))
  const out: MutableRecord = {}
  let chosen: unknown
  for (const wire of readFields(bytes)) {
    const field = byNumber.get(wire.number)
    if (!field || wire.number === 0) continue
    decodeField(out, field, wire, depth)
    if (message.choice) chosen = chosen ?? out[field.name]
  }
  return message.choice ? chosen : out
}

function decodeField(out: MutableRecord, field: Field, wire: WireField, depth: number): void {
  const { type } = field
  switch (type.kind) {
    case 'list': {
      const list = (out[field.name] ??= []) as unknown[]
      list.push(...decodeItems(type.of, wire, depth))
      return
    }
    case 'map': {
      const map = (out[field.name] ??= {}) as MutableRecord
      const entry = decodeEntry(type.of, wire.bytes, depth)
      setOwn(map, entry.key, entry.value)
      return
    }
    case 'message': {
      const value = decodeValue(type, wire, depth)
      if (field.embedded && typeof value === 'object') Object.assign(out, value)
      else out[field.name] = value
      return
    }
    case 'scalar': {
      const value = decodeScalar(type.scalar, wire)
      const isZero = value === '' || value === 0 || value === false
      if (value !== undefined && !(isZero && !field.required && !field.zeroMatters)) out[field.name] = value
    }
  }
}

/** One item, or several where scalars are packed. */
function decodeItems(type: FieldType, wire: WireField, depth: number): readonly unknown[] {
  const packable = type.kind === 'scalar' && ['int32', 'int64', 'bool'].includes(type.scalar)
  if (!packable || wire.wire !== 2) return [decodeValue(type, wire, depth)]
  const items: unknown[] = []
  for (let offset = 0; offset < wire.bytes.length;) {
    const { value, next } = readVarint(wire.bytes, offset)
    items.push(decodeValue(type, { ...wire, wire: 0, scalar: value }, depth))
    offset = next
  }
  return items
}

function decodeEntry(
  type: FieldType,
  bytes: Uint8Array,
  depth: number,
): { readonly key: string; readonly value: unknown } {
  let key = ''
  let value: unknown = emptyOf(type)
  for (const field of readFields(bytes)) {
    if (field.number === 1) key = decodeText(field.bytes)
    if (field.number === 2) value = decodeValue(type, field, depth)
  }
  return { key, value }
}

function emptyOf(type: FieldType): unknown {
  if (type.kind === 'list') return []
  return type.kind === 'scalar' && type.scalar === 'string' ? '' : type.kind === 'scalar' ? '' : {}
}

function decodeValue(type: FieldType, wire: WireField, depth: number): unknown {
  switch (type.kind) {
    case 'scalar':
      return decodeScalar(type.scalar, wire) ?? null
    case 'message': {
      const message = messageTypes.get(type.name)
      return message ? decodeMessage(message, wire.bytes, depth + 1) : {}
    }
    // A list inside a map or list is a message of its own, with the items in field 1.
    case 'list':
      return [...readFields(wire.bytes)]
        .filter((field) => field.number === 1)
        .flatMap((field) => decodeItems(type.of, field, depth + 1))
    case 'map':
      return {}
  }
}
