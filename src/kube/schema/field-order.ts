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
  const isSaid = saidBy(own)
  const fresh = ofTable.filter((error) => !isSaid(error))
  if (own.length === 0 || fresh.length === 0) return [...fresh, ...own]
  const last = lastNotAfter(own.map(({ path }) => placeOf(path, message)))
  const behind = Map.groupBy(
    fresh.map((error) => ({ error, place: placeOf(error.path, message) })),
    ({ place }) => last(place),
  )
  const at = (index: number) =>
    (behind.get(index) ?? []).sort((a, b) => comparePlaces(a.place, b.place)).map(({ error }) => error)
  return [...at(-1), ...own.flatMap((error, index) => [error, ...at(index)])]
}

/**
 * Whether there is the same complaint of the same field, of what it is part of, or under a name that the field once
 * had. A body can be wrong in a hundred thousand places, so that each is looked up, not compared with all.
 */
function saidBy(own: readonly FieldError[]): (found: FieldError) => boolean {
  const paths = new Set(own.map(({ path }) => path.toLowerCase()))
  const typesAt = Map.groupBy(own, ({ path, type }) => `${type} ${path}`)
  const unsupported = new Map<string, Set<unknown>>()
  for (const { type, detail, value } of own) {
    if (type !== 'Unsupported value') continue
    unsupported.set(detail, (unsupported.get(detail) ?? new Set()).add(value))
  }
  return (found) => {
    if (paths.has(found.path.toLowerCase())) return true
    if (unsupported.get(found.detail)?.has(found.value)) return true
    return [...found.path.matchAll(/[.[]/g)].some(({ index }) =>
      typesAt.has(`${found.type} ${found.path.slice(0, index)}`),
    )
  }
}

/** @returns which of the places, whatever their order, is the last that is not after a given one; -1 where all are */
function lastNotAfter(places: readonly (readonly number[])[]): (place: readonly number[]) => number {
  const leastFrom = [...places]
  for (let index = places.length - 2; index >= 0; index -= 1) {
    const [here = [], next = []] = leastFrom.slice(index, index + 2)
    if (comparePlaces(next, here) < 0) leastFrom[index] = next
  }
  return (place) => {
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePlaces(leastFrom[middle] ?? [], place) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }
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
