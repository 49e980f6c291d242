import { messageTypes } from '../fields/message.ts'
import type { FieldType, MessageType } from '../fields/parse.ts'
import type { FieldError } from './field-error.ts'
import { flattenFields } from './message-schema.ts'

/**
 * Puts what a kind's table says is wrong among what the kind's own checks say, where Kubernetes would report it: a
 * field's error stands with its neighbours. What a check of the kind has already said of a field is not said twice.
 * @param own in the order of the checks, which is kept
 */
export function inFieldOrder(
  own: readonly FieldError[],
  ofTable: readonly FieldError[],
  message: MessageType,
): readonly FieldError[] {
  const fresh = ofTable.filter((error) => !own.some((known) => says(known, error)))
  if (own.length === 0 || fresh.length === 0) return [...fresh, ...own]
  const merged = own.map((error) => ({ error, place: placeOf(error.path, message) }))
  for (const error of fresh) {
    const place = placeOf(error.path, message)
    const before = merged.findLastIndex((other) => comparePlaces(other.place, place) <= 0)
    merged.splice(before + 1, 0, { error, place })
  }
  return merged.map(({ error }) => error)
}

/** The same complaint of the same field, of what it is part of, or under a name that the field once had. */
function says(own: FieldError, found: FieldError): boolean {
  if (own.path.toLowerCase() === found.path.toLowerCase()) return true
  if (own.type === 'Unsupported value' && own.detail === found.detail && own.value === found.value)
    return true
  const isPart = found.path.startsWith(own.path) && /^[.[]/.test(found.path.slice(own.path.length))
  return isPart && own.type === found.type
}

/** Where a path stands in its object: the index of each field in its message, of each item in its list. */
function placeOf(path: string, message: MessageType): readonly number[] {
  const place: number[] = []
  let type: FieldType | undefined = { kind: 'message', name: message.name }
  for (const [, name = '', key] of path.matchAll(/([^.[\]]+)|\[([^\]]*)\]/g)) {
    const step: PathStep = key === undefined ? toField(type, name) : toItem(type, key)
    place.push(step.index)
    type = step.type
  }
  return place
}

interface PathStep {
  readonly index: number
  readonly type: FieldType | undefined
}

function toItem(type: FieldType | undefined, key: string): PathStep {
  const of = type?.kind === 'list' || type?.kind === 'map' ? type.of : undefined
  return { index: /^\d+$/.test(key) ? Number(key) : 0, type: of }
}

/** A field that the message does not have stands behind those that it has. */
function toField(type: FieldType | undefined, name: string): PathStep {
  const message = type?.kind === 'message' ? messageTypes.get(type.name) : undefined
  const fields = message ? flattenFields(message) : []
  const index = fields.findIndex((field) => field.name === name)
  return { index: index < 0 ? fields.length : index, type: fields[index]?.type }
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    if (value !== other) return value - other
  }
  return a.length - b.length
}
