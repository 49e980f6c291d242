import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType, Scalar } from '../fields/parse.ts'
import { isRecord } from '../json.ts'
import { flattenFields } from './message-schema.ts'

/** What Go prints for a scalar that is not there and has no pointer. */
const ZERO: Readonly<Record<Scalar, unknown>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  bytes: undefined,
  quantity: '0',
  time: undefined,
  microTime: undefined,
  duration: '0s',
  intOrString: 0,
  rawExtension: undefined,
  json: undefined,
  fieldsV1: undefined,
}

/** First words of field names that Go writes in capitals. */
const INITIALISMS: ReadonlySet<string> = new Set([
  'api',
  'cidr',
  'csi',
  'dns',
  'fs',
  'grpc',
  'http',
  'id',
  'ip',
  'os',
  'tcp',
  'tls',
  'uid',
  'url',
])

/**
 * A value of a built-in message as the API server prints it in an error: the members of its Go type in their order,
 * under their Go names, with those that are not set. (Types of meta/v1 keep their JSON names and leave out the unset.)
 * @param name package and name of the message, `apps/v1.DeploymentStrategy`
 * @returns a Map, which `toGoJson` writes in its own order
 */
export function goForm(value: unknown, name: string): unknown {
  const message = messageTypes.get(name)
  return message ? ofMessage(value, message) : value
}

function ofMessage(value: unknown, message: MessageType): unknown {
  const fields = flattenFields(message)
  const members = isRecord(value) ? value : {}
  if (message.name.startsWith('meta/v1.')) {
    const given = fields.filter((field) => members[field.name] !== undefined)
    return new Map(given.map((field) => [field.name, ofType(members[field.name], field.type)]))
  }
  return new Map(
    fields.map((field) => [
      goName(field.name),
      members[field.name] === undefined ? absent(field) : ofType(members[field.name], field.type),
    ]),
  )
}

function ofType(value: unknown, type: FieldType): unknown {
  switch (type.kind) {
    case 'scalar':
      return value
    case 'message':
      return goForm(value, type.name)
    case 'list':
      return Array.isArray(value) ? value.map((item) => ofType(item, type.of)) : value
    case 'map':
      if (!isRecord(value)) return value
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, ofType(item, type.of)]))
  }
}

function absent(field: Field): unknown {
  if (field.type.kind !== 'scalar') return undefined
  return field.zeroMatters && !field.required ? undefined : ZERO[field.type.scalar]
}

function goName(name: string): string {
  const first = /^[a-z]+/.exec(name)?.[0] ?? ''
  const head = INITIALISMS.has(first) ? first.toUpperCase() : first.charAt(0).toUpperCase() + first.slice(1)
  return head + name.slice(first.length)
}
