import { fail, ok, type Result } from '../../base/index.ts'
import { deepClone, deepEqual, isDeeperThan, isRecord, type MutableRecord, setOwn } from '../json.ts'
import { PATCH_DEPTH_MAX } from './limits.ts'

/** As the API server bounds it: more operations are refused. */
export const OPERATIONS_MAX = 10_000
/** What all copies of a patch may add: without it, 30 operations that copy the document into itself fill any memory. */
const COPIED_MAX = 3 * 1024 * 1024
/** Values that moves and copies may look at: a document of a megabyte can be moved a hundred times, not ten thousand. */
const VISITED_MAX = 10_000_000

interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

/**
 * Applies RFC 6902 operations to a copy of a document.
 * @returns the new document, or why it cannot be, in the API server's words
 */
export function applyJsonPatch(doc: unknown, operations: unknown): Result<unknown, string> {
  if (!Array.isArray(operations)) return fail('error decoding patch: a JSON patch is a list of operations')
  if (operations.length > OPERATIONS_MAX) {
    return fail(
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    )
  }
  if (isDeeperThan(operations, PATCH_DEPTH_MAX))
    return fail('error decoding patch: the patch is nested too deeply')
  const holder: MutableRecord = { root: deepClone(doc) }
  const spent: Spent = { copied: 0, visited: 0 }
  for (const raw of operations) {
    const operation = parseOperation(raw)
    if (typeof operation === 'string') return fail(operation)
    const problem = applyOperation(holder, operation, spent)
    if (problem !== undefined) return fail(problem)
  }
  if (isDeeperThan(holder['root'], PATCH_DEPTH_MAX)) return fail(TOO_DEEP)
  return ok(holder['root'])
}

const TOO_DEEP = 'the patched document is nested too deeply'

interface Spent {
  copied: number
  visited: number
}

/** What a copy or move puts at a place must fit below it, and costs. @returns why not */
function charge(spent: Spent, value: unknown, path: string, isCopy: boolean): string | undefined {
  const before = spent.visited
  if (!visit(spent, value, PATCH_DEPTH_MAX - (tokensOf(path)?.length ?? 0))) return TOO_DEEP
  if (spent.visited > VISITED_MAX)
    return 'Unable to complete the patch, its moves and copies are too expensive'
  // A text counts by its length, anything else as the few bytes that it takes.
  if (isCopy) spent.copied += spent.visited - before
  if (spent.copied <= COPIED_MAX) return undefined
  return `Unable to complete the copy, the accumulated size increase of copy is ${spent.copied}, exceeding the limit ${COPIED_MAX}`
}

/** @returns false when the value is deeper than that */
function visit(spent: Spent, value: unknown, depthLeft: number): boolean {
  spent.visited += typeof value === 'string' ? value.length + 8 : 8
  if (typeof value !== 'object' || value === null) return true
  if (depthLeft <= 0) return false
  for (const [key, child] of Object.entries(value)) {
    spent.visited += key.length
    if (spent.visited > VISITED_MAX) return true
    if (!visit(spent, child, depthLeft - 1)) return false
  }
  return true
}

function parseOperation(raw: unknown): Operation | string {
  if (!isRecord(raw)) return 'error decoding patch: an operation is an object'
  const { op, path, from } = raw
  if (typeof op !== 'string' || typeof path !== 'string')
    return 'error decoding patch: an operation has an op and a path'
  if ((op === 'move' || op === 'copy') && typeof from !== 'string')
    return `error decoding patch: ${op} needs a from`
  if ((op === 'add' || op === 'replace') && !Object.hasOwn(raw, 'value')) {
    return `${op} operation does not have a value: missing value`
  }
  return { op, path, ...(typeof from === 'string' && { from }), value: raw['value'] }
}

function applyOperation(holder: MutableRecord, operation: Operation, spent: Spent): string | undefined {
  const { op, path, from = '' } = operation
  switch (op) {
    case 'add':
      return add(holder, path, deepClone(operation.value))
    case 'remove':
      return take(holder, path, 'remove').problem
    case 'replace':
      return replace(holder, path, deepClone(operation.value))
    case 'move': {
      if (path.startsWith(`${from}/`)) return `move operation does not apply: ${path} is inside ${from}`
      const taken = take(holder, from, 'move')
      return taken.problem ?? charge(spent, taken.value, path, false) ?? add(holder, path, taken.value)
    }
    case 'copy': {
      const found = find(holder, from)
      if (!found.ok) return missing('copy', from)
      return charge(spent, found.value, path, true) ?? add(holder, path, deepClone(found.value))
    }
    case 'test': {
      const found = find(holder, path)
      const value = found.ok ? found.value : undefined
      if (deepEqual(value ?? null, operation.value ?? null)) return undefined
      return `testing value ${path} failed: test failed`
    }
    default:
      return `Unexpected kind: ${op}`
  }
}

function missing(op: string, path: string): string {
  return `${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`
}

/** The tokens of a JSON pointer; the document itself is the field `root` of its holder. */
function tokensOf(pointer: string): readonly string[] | undefined {
  if (pointer === '') return ['root']
  if (!pointer.startsWith('/')) return undefined
  return [
    'root',
    ...pointer
      .slice(1)
      .split('/')
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')),
  ]
}

type Found = { readonly ok: true; readonly value: unknown } | { readonly ok: false }

function step(container: unknown, token: string): Found {
  if (Array.isArray(container)) {
    const index = indexOf(container, token)
    return index !== undefined && index < container.length
      ? { ok: true, value: container[index] }
      : { ok: false }
  }
  return isRecord(container) && Object.hasOwn(container, token)
    ? { ok: true, value: container[token] }
    : { ok: false }
}

function indexOf(list: readonly unknown[], token: string): number | undefined {
  if (token === '-') return list.length
  return /^(?:0|[1-9]\d{0,8})$/.test(token) ? Number(token) : undefined
}

function find(holder: MutableRecord, pointer: string): Found {
  let found: Found = { ok: true, value: holder }
  for (const token of tokensOf(pointer) ?? ['']) {
    if (!found.ok) return found
    found = step(found.value, token)
  }
  return found
}

/** The container of a pointer's last token. */
function parentOf(
  holder: MutableRecord,
  pointer: string,
): { readonly parent: unknown; readonly token: string } | undefined {
  const tokens = tokensOf(pointer)
  if (!tokens) return undefined
  let parent: unknown = holder
  for (const token of tokens.slice(0, -1)) {
    const found = step(parent, token)
    if (!found.ok) return undefined
    parent = found.value
  }
  return { parent, token: tokens.at(-1) ?? '' }
}

function add(holder: MutableRecord, pointer: string, value: unknown): string | undefined {
  const place = parentOf(holder, pointer)
  if (!place) return missing('add', pointer)
  const { parent, token } = place
  if (Array.isArray(parent)) {
    const index = indexOf(parent, token)
    if (index === undefined || index > parent.length) {
      return `add operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: invalid index referenced`
    }
    parent.splice(index, 0, value)
    return undefined
  }
  if (!isRecord(parent)) return missing('add', pointer)
  setOwn(parent, token, value)
  return undefined
}

function replace(holder: MutableRecord, pointer: string, value: unknown): string | undefined {
  const place = parentOf(holder, pointer)
  if (!place || !step(place.parent, place.token).ok) {
    return `replace operation does not apply: doc is missing key: ${pointer}: missing value`
  }
  const { parent, token } = place
  if (Array.isArray(parent)) parent[Number(token)] = value
  else setOwn(parent as MutableRecord, token, value)
  return undefined
}

function take(
  holder: MutableRecord,
  pointer: string,
  op: string,
): { readonly value?: unknown; readonly problem?: string } {
  const place = parentOf(holder, pointer)
  if (pointer === '')
    return { problem: `${op} operation does not apply: the whole document cannot be removed` }
  if (!place) return { problem: missing(op, pointer) }
  const found = step(place.parent, place.token)
  if (!found.ok)
    return { problem: `${op} operation does not apply: doc is missing key: ${pointer}: missing value` }
  if (Array.isArray(place.parent)) place.parent.splice(Number(place.token), 1)
  else delete (place.parent as MutableRecord)[place.token]
  return { value: found.value }
}
