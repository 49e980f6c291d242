import { fail, ok, type Result } from '../../base/index.ts'
import { messageTypes } from '../fields/message.ts'
import type { Field, FieldType, MessageType, PatchRule } from '../fields/parse.ts'
import {
  deepClone,
  getOwn,
  isDeeperThan,
  isRecord,
  jsonKey,
  type JsonRecord,
  type MutableRecord,
  setOwn,
} from '../json.ts'
import { flattenFields } from '../schema/message-schema.ts'
import type { GroupVersionKind } from '../object.ts'
import { goPrint } from './go-print.ts'
import { PATCH_DEPTH_MAX } from './limits.ts'

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const SET_ELEMENT_ORDER = '$setElementOrder/'
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/'

/** Why a patch was refused, and by which answer the API server says so. */
export interface StrategicPatchProblem {
  /** `malformed`: a directive of the wrong type; `unfitting`: it contradicts itself; `broken`: anything else */
  readonly kind: 'malformed' | 'unfitting' | 'broken'
  readonly message: string
}

/** Thrown inside, caught at the door. */
class PatchError extends Error {
  override readonly name = 'PatchError'
  readonly kind: StrategicPatchProblem['kind']

  constructor(kind: StrategicPatchProblem['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/**
 * Applies a strategic merge patch to a copy of a built-in object: lists merge by the keys that the kind's field
 * table gives.
 * @returns an error for custom resources too, which have no such keys (the API server answers 415 for them)
 */
export function applyStrategicMergePatch(
  doc: unknown,
  patch: unknown,
  gvk: GroupVersionKind,
): Result<unknown, StrategicPatchProblem> {
  const refuse = (text: string) => fail({ kind: 'malformed', message: text } as const)
  const message = messageTypes.ofKind(gvk)
  if (!message)
    return refuse(`strategic merge patch is not supported for ${gvk.kind}: no patch keys are known`)
  if (!isRecord(patch)) return refuse('strategic merge patch format is not supported')
  if (isDeeperThan(patch, PATCH_DEPTH_MAX)) return refuse('the patch is nested too deeply')
  try {
    return ok(mergeMap(isRecord(doc) ? doc : {}, patch, message))
  } catch (thrown) {
    if (thrown instanceof PatchError) return fail({ kind: thrown.kind, message: thrown.message })
    throw thrown
  }
}

function mergeMap(original: JsonRecord, patch: JsonRecord, message: MessageType | undefined): JsonRecord {
  const directive = getOwn(patch, DIRECTIVE)
  if (directive === 'delete') return {}
  if (directive === 'replace') return plain(patch) as JsonRecord
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive, patch)
  const out: MutableRecord = {}
  const retained = retainedKeys(patch)
  for (const [key, value] of Object.entries(original)) {
    if (!retained || retained.has(key)) setOwn(out, key, deepClone(value))
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$')) mergeField({ out, key, value, patch, field: fieldOf(message, key) })
  }
  for (const key of Object.keys(patch)) {
    if (key.startsWith(DELETE_FROM_LIST)) deleteFromList(out, key.slice(DELETE_FROM_LIST.length), patch[key])
    if (key.startsWith(SET_ELEMENT_ORDER))
      reorderUntouched(out, key.slice(SET_ELEMENT_ORDER.length), patch, message)
  }
  return out
}

function unknownDirective(directive: unknown, patch: JsonRecord): PatchError {
  return typeof directive === 'string'
    ? new PatchError('broken', `unknown patch type: ${directive} in map: ${goPrint(patch)}`)
    : new PatchError('broken', `invalid value for special key: ${DIRECTIVE}`)
}

function retainedKeys(patch: JsonRecord): ReadonlySet<unknown> | undefined {
  const list = getOwn(patch, RETAIN_KEYS)
  if (list === undefined) return undefined
  if (!Array.isArray(list)) throw new PatchError('malformed', 'invalid patch format of retainKeys')
  const retained = new Set<unknown>(list)
  const stray = Object.entries(patch).some(
    ([key, value]) => !key.startsWith('$') && value !== null && !retained.has(key),
  )
  if (stray) throw new PatchError('unfitting', "patch content doesn't match retainKeys list")
  return retained
}

interface FieldMerge {
  readonly out: MutableRecord
  readonly key: string
  readonly value: unknown
  readonly patch: JsonRecord
  readonly field: Field | undefined
}

function mergeField(merge: FieldMerge): void {
  const { out, key, value, patch, field } = merge
  const current = getOwn(out, key)
  if (value === null) {
    delete out[key]
  } else if (isRecord(value) && isRecord(current)) {
    setOwn(out, key, mergeMap(current, value, messageIn(field?.type)))
  } else if (isRecord(value) && getOwn(value, DIRECTIVE) === 'delete') {
    delete out[key]
  } else if (Array.isArray(value) && Array.isArray(current) && field?.patch?.merge) {
    const order = getOwn(patch, `${SET_ELEMENT_ORDER}${key}`)
    setOwn(
      out,
      key,
      mergeList(current, value, { rule: field.patch, item: messageIn(field.type), order: listOrNone(order) }),
    )
  } else {
    setOwn(out, key, plain(value))
  }
}

interface ListMerge {
  readonly rule: PatchRule
  readonly item: MessageType | undefined
  readonly order: readonly unknown[] | undefined
}

function mergeList(
  current: readonly unknown[],
  patch: readonly unknown[],
  merge: ListMerge,
): readonly unknown[] {
  const mergeKey = merge.rule.mergeKey
  if (mergeKey === '') {
    const added = patch.filter((item) => !current.includes(item))
    return ordered([...current, ...added], current, merge.order ?? patch, '')
  }
  if (patch.some((item) => isRecord(item) && getOwn(item, DIRECTIVE) === 'replace')) {
    return patch.filter((item) => !isRecord(item) || getOwn(item, DIRECTIVE) !== 'replace').map(plain)
  }
  const out = [...current]
  const kept: unknown[] = []
  for (const item of patch) {
    if (!isRecord(item))
      throw new PatchError('broken', `invalid element type in merging list:${goPrint(patch)}`)
    const id = keyOf(item, mergeKey)
    if (id === undefined)
      throw new PatchError('broken', `map: ${goPrint(item)} does not contain declared merge key: ${mergeKey}`)
    const index = out.findIndex((other) => keyOf(other, mergeKey) === id)
    const directive = getOwn(item, DIRECTIVE)
    if (directive !== undefined && directive !== 'merge' && directive !== 'delete')
      throw unknownDirective(directive, item)
    if (directive === 'delete') {
      if (index >= 0) out.splice(index, 1)
      continue
    }
    kept.push(item)
    const existing = out[index]
    if (isRecord(existing)) out[index] = mergeMap(existing, item, merge.item)
    else out.push(plain(item))
  }
  return ordered(out, current, merge.order ?? kept, mergeKey)
}

/**
 * Puts the items named by `order` into that order; the others, known only to the server, keep their place
 * relative to their neighbours in the live list.
 */
function ordered(
  items: readonly unknown[],
  live: readonly unknown[],
  order: readonly unknown[],
  mergeKey: string,
): readonly unknown[] {
  const id = (item: unknown) => (mergeKey === '' ? jsonKey(item) : (keyOf(item, mergeKey) ?? ''))
  const rank = new Map(order.map((item, index) => [id(item), index]))
  const liveRank = new Map(live.map((item, index) => [id(item), index]))
  const named = items.filter((item) => rank.has(id(item)))
  named.sort((a, b) => (rank.get(id(a)) ?? 0) - (rank.get(id(b)) ?? 0))
  const others = items.filter((item) => !rank.has(id(item)))
  const out: unknown[] = []
  while (named.length > 0 && others.length > 0) {
    const left = liveRank.get(id(named[0]))
    const right = liveRank.get(id(others[0])) ?? Number.POSITIVE_INFINITY
    out.push(left === undefined || left < right ? named.shift() : others.shift())
  }
  return [...out, ...named, ...others]
}

/** An element order without changes to the list itself still orders it. */
function reorderUntouched(
  out: MutableRecord,
  key: string,
  patch: JsonRecord,
  message: MessageType | undefined,
): void {
  const current = getOwn(out, key)
  const order = listOrNone(getOwn(patch, `${SET_ELEMENT_ORDER}${key}`))
  const rule = fieldOf(message, key)?.patch
  if (Object.hasOwn(patch, key) || !Array.isArray(current) || !order || !rule) return
  setOwn(out, key, ordered(current, current, order, rule.mergeKey))
}

function deleteFromList(out: MutableRecord, key: string, removed: unknown): void {
  const current = getOwn(out, key)
  if (!Array.isArray(removed)) throw new PatchError('malformed', 'invalid patch format of primitive list')
  if (Array.isArray(current))
    setOwn(
      out,
      key,
      current.filter((item) => !removed.includes(item)),
    )
}

function listOrNone(value: unknown): readonly unknown[] | undefined {
  if (value !== undefined && !Array.isArray(value))
    throw new PatchError('malformed', 'invalid patch format of setElementOrder list')
  return value
}

/** The merge key's value as text that tells numbers from strings. */
function keyOf(item: unknown, mergeKey: string): string | undefined {
  const value = isRecord(item) ? getOwn(item, mergeKey) : undefined
  return value === undefined ? undefined : jsonKey(value)
}

function fieldOf(message: MessageType | undefined, key: string): Field | undefined {
  return message && flattenFields(message).find((field) => field.name === key)
}

/** The message of a field's value or of its items. */
function messageIn(type: FieldType | undefined): MessageType | undefined {
  if (!type) return undefined
  if (type.kind === 'message') return messageTypes.get(type.name)
  return type.kind === 'list' ? messageIn(type.of) : undefined
}

/** What is left of a patch when Kubernetes has applied it: lists that came with their order are used up. */
export function withoutSpentDirectives(patch: unknown): unknown {
  if (!isRecord(patch)) return patch
  const entries = Object.entries(patch).filter(
    ([key]) =>
      key !== RETAIN_KEYS &&
      !key.startsWith(SET_ELEMENT_ORDER) &&
      !Object.hasOwn(patch, `${SET_ELEMENT_ORDER}${key}`),
  )
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutSpentDirectives(value)]))
}

/** A copy without directives and nulls: what is new in the document is stored as it is. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !isRecord(item) || getOwn(item, DIRECTIVE) === undefined).map(plain)
  }
  if (!isRecord(value)) return value
  const entries = Object.entries(value).filter(
    ([key, item]) =>
      !isDirectiveKey(key) && item !== null && !(isRecord(item) && getOwn(item, DIRECTIVE) === 'delete'),
  )
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]))
}

function isDirectiveKey(key: string): boolean {
  return (
    key === DIRECTIVE ||
    key === RETAIN_KEYS ||
    key.startsWith(SET_ELEMENT_ORDER) ||
    key.startsWith(DELETE_FROM_LIST)
  )
}
