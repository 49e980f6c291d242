import { assert } from '../../../base/index.ts'
import { ENTRY_OVERHEAD, TABLE_SIZE_DEFAULT } from './limits.ts'

/** Integers per entry: where its line is, the lengths of name and value, the name's hash, and its class. */
const STRIDE = 5
const START = 0
const NAME_LENGTH = 1
const VALUE_LENGTH = 2
const HASH = 3
const CLASS = 4

/** What `: ` and CR LF add to name and value. */
export const LINE_EXTRA = 4
const ENTRIES_FIRST = 32
const ARENA_FIRST = 1024

/**
 * The dynamic table of one direction (RFC 7541, 2.3.2). Each entry is kept as the line `name: value` CR LF, the form in
 * which heads are held everywhere in the proxy, so that an indexed field is copied, not built. Lines stand one
 * after the other in one arena: the oldest first, so eviction moves a mark and the arena is packed only when its end
 * is reached.
 *
 * Entries are named by their number: the count of entries inserted before them.
 */
export interface FieldTable {
  /** Lines of the entries. */
  bytes: Buffer
  tail: number
  entries: Int32Array
  /** A text that was made of an entry's value, by slot. */
  readonly texts: (string | undefined)[]
  /** Slots − 1; slots are a power of two. */
  mask: number
  /** Number of the oldest entry, and of the next one to come. */
  first: number
  next: number
  /** As the specification counts: names, values and 32 for each entry. */
  size: number
  sizeMax: number
}

export function createFieldTable(): FieldTable {
  return {
    bytes: EMPTY,
    tail: 0,
    entries: NO_ENTRIES,
    texts: [],
    mask: -1,
    first: 0,
    next: 0,
    size: 0,
    sizeMax: TABLE_SIZE_DEFAULT,
  }
}

const EMPTY = Buffer.alloc(0)
const NO_ENTRIES = new Int32Array(0)

export function setTableSize(table: FieldTable, sizeMax: number): void {
  table.sizeMax = sizeMax
  evict(table, sizeMax)
}

/** Adds a line as the newest entry. One that is larger than the table empties it and is not kept, which is no error. */
export function insertLine(
  table: FieldTable,
  line: Buffer,
  start: number,
  lengths: { readonly name: number; readonly value: number },
  hash: number,
  fieldClass: number,
): boolean {
  const size = lengths.name + lengths.value + ENTRY_OVERHEAD
  if (size > table.sizeMax) {
    evict(table, 0)
    return false
  }
  evict(table, table.sizeMax - size)
  const bytes = lengths.name + lengths.value + LINE_EXTRA
  if (table.tail + bytes > table.bytes.length) makeRoom(table, bytes)
  if (table.next - table.first > table.mask) growEntries(table)
  line.copy(table.bytes, table.tail, start, start + bytes)
  const slot = table.next & table.mask
  const at = slot * STRIDE
  const { entries } = table
  entries[at + START] = table.tail
  entries[at + NAME_LENGTH] = lengths.name
  entries[at + VALUE_LENGTH] = lengths.value
  entries[at + HASH] = hash
  entries[at + CLASS] = fieldClass
  table.texts[slot] = undefined
  table.tail += bytes
  table.size += size
  table.next++
  return true
}

function evict(table: FieldTable, sizeMax: number): void {
  while (table.size > sizeMax) {
    const at = (table.first & table.mask) * STRIDE
    const { entries } = table
    table.size -=
      (entries[at + NAME_LENGTH] as number) + (entries[at + VALUE_LENGTH] as number) + ENTRY_OVERHEAD
    table.first++
  }
  if (table.first === table.next) table.tail = 0
}

/** Packs the arena; enlarges it when more than half of it is in use. */
function makeRoom(table: FieldTable, bytes: number): void {
  const { first, next } = table
  const start = first === next ? 0 : lineStart(table, first)
  const used = first === next ? 0 : table.tail - start
  let target = table.bytes
  if ((used + bytes) * 2 > target.length) {
    target = Buffer.allocUnsafeSlow(Math.max(ARENA_FIRST, (used + bytes) * 2, target.length * 2))
  }
  table.bytes.copy(target, 0, start, start + used)
  for (let number = first; number < next; number++) {
    const at = (number & table.mask) * STRIDE + START
    table.entries[at] = (table.entries[at] as number) - start
  }
  table.bytes = target
  table.tail = used
}

function growEntries(table: FieldTable): void {
  const slots = Math.max(ENTRIES_FIRST, (table.mask + 1) * 2)
  const { entries, texts, mask } = table
  const larger = new Int32Array(slots * STRIDE)
  const kept: (string | undefined)[] = Array.from({ length: slots })
  for (let number = table.first; number < table.next; number++) {
    const from = (number & mask) * STRIDE
    const slot = number & (slots - 1)
    larger.set(entries.subarray(from, from + STRIDE), slot * STRIDE)
    kept[slot] = texts[number & mask]
  }
  table.entries = larger
  table.mask = slots - 1
  texts.length = 0
  for (const text of kept) texts.push(text)
  assert(table.next - table.first <= table.mask, 'a field table has no room for another entry')
}

export function isEntry(table: FieldTable, number: number): boolean {
  return number >= table.first && number < table.next
}

export function lineStart(table: FieldTable, number: number): number {
  return table.entries[(number & table.mask) * STRIDE + START] as number
}

export function nameLength(table: FieldTable, number: number): number {
  return table.entries[(number & table.mask) * STRIDE + NAME_LENGTH] as number
}

export function valueLength(table: FieldTable, number: number): number {
  return table.entries[(number & table.mask) * STRIDE + VALUE_LENGTH] as number
}

export function entryHash(table: FieldTable, number: number): number {
  return table.entries[(number & table.mask) * STRIDE + HASH] as number
}

export function entryClass(table: FieldTable, number: number): number {
  return table.entries[(number & table.mask) * STRIDE + CLASS] as number
}
