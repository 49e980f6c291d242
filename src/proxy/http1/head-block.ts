import { KNOWN_COUNT, KNOWN_FIELDS, hashName } from './known-fields.ts'
import { textOf } from './latin1.ts'

/** Envoy's default limits: 60 KiB and 100 fields. */
export const HEAD_BYTES_MAX = 60 * 1024
export const HEAD_FIELDS_MAX = 100

/** What a head may be. */
export interface HeadLimits {
  readonly bytesMax: number
  readonly fieldsMax: number
}

export const HEAD_LIMITS: HeadLimits = { bytesMax: HEAD_BYTES_MAX, fieldsMax: HEAD_FIELDS_MAX }

/** Integers per field in `HeadBlock.fields`: where name and value are, the name's hash, and marks. */
export const FIELD_STRIDE = 6
export const NAME_START = 0
export const NAME_END = 1
export const VALUE_START = 2
export const VALUE_END = 3
export const NAME_HASH = 4
export const MARKS = 5

/** The field is not forwarded. */
export const MARK_DROPPED = 256
/** The line is not exactly `name: value`, so it cannot be copied as it stands. */
export const MARK_REWRITE = 512
/** The low bits of the marks: the number of the known field, or 0. */
export const MARK_FIELD = 255

/**
 * A scanned head: bytes with names in lower case, and where everything is in them. No text is made of a field that
 * nobody asks for. Offsets are relative to the start of `bytes` + `base`.
 */
export interface HeadBlock {
  bytes: Buffer
  /** Where the head starts in `bytes`. */
  base: number
  /** Bytes of the head, the empty line included. */
  length: number
  count: number
  fields: Int32Array
  /** Of the head that is being read. */
  limits: HeadLimits
  /** By field number: 1 + index of its first line, or 0. */
  readonly known: Uint16Array
  /** Bit per field number: it occurs more than once. */
  repeated: number
  /** Request: end of the method and of the target. Response: end of the version, start of the reason. */
  firstEnd: number
  secondEnd: number
  /** Response only. */
  status: number
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  minor: number
  /** Where scanning goes on: start of the first line that is not complete yet; 0 is the first line. */
  next: number
  /** Up to where no line feed was found in that line. */
  searched: number
  /** Lines to be added when the head is written on. */
  readonly added: (Buffer | string)[]
  /** The head as it came, names in their own case, where that is to be kept. */
  cased: Buffer | undefined
  /** Memory of its own, for a head that must outlive the read buffer. */
  storage: Buffer
}

export function createHeadBlock(): HeadBlock {
  return {
    bytes: EMPTY,
    base: 0,
    length: 0,
    count: 0,
    fields: new Int32Array(HEAD_FIELDS_MAX * FIELD_STRIDE),
    limits: HEAD_LIMITS,
    known: new Uint16Array(KNOWN_COUNT),
    repeated: 0,
    firstEnd: 0,
    secondEnd: 0,
    status: 0,
    minor: 1,
    next: 0,
    searched: 0,
    added: [],
    cased: undefined,
    storage: EMPTY,
  }
}

const EMPTY = Buffer.alloc(0)

export function resetHeadBlock(block: HeadBlock): void {
  block.base = 0
  block.length = 0
  block.count = 0
  block.limits = HEAD_LIMITS
  block.known.fill(0)
  block.repeated = 0
  block.next = 0
  block.searched = 0
  block.added.length = 0
  block.cased = undefined
}

/** Makes room for another field where the limits allow for more than is usual. */
export function growFields(block: HeadBlock): void {
  const larger = new Int32Array(block.fields.length * 2)
  larger.set(block.fields)
  block.fields = larger
}

/** Moves the head into memory of its own, for one that must outlive the read buffer. */
export function retainHead(block: HeadBlock): void {
  if (block.storage.length < block.length) {
    block.storage = Buffer.allocUnsafeSlow(block.length <= STORAGE_BYTES ? STORAGE_BYTES : block.length)
  }
  block.bytes.copy(block.storage, 0, block.base, block.base + block.length)
  block.bytes = block.storage
  block.base = 0
}

const STORAGE_BYTES = 2048

/** Blocks for reuse: a head and its offsets cost more to allocate than to fill. */
export interface BlockPool {
  readonly acquire: () => HeadBlock
  readonly release: (block: HeadBlock) => void
}

const POOLED_BLOCKS_MAX = 256

export function createBlockPool(): BlockPool {
  const free: HeadBlock[] = []
  return {
    acquire: () => free.pop() ?? createHeadBlock(),
    release(block) {
      resetHeadBlock(block)
      block.bytes = EMPTY
      if (block.storage.length > STORAGE_BYTES) block.storage = EMPTY
      if (free.length < POOLED_BLOCKS_MAX) free.push(block)
    },
  }
}

/** @param field its number, `FIELD.host`: a lookup by name for each question is what it saves */
export function hasField(block: HeadBlock, field: number): boolean {
  return block.known[field] !== 0
}

/** Whether the field occurs more than once. */
export function isRepeated(block: HeadBlock, field: number): boolean {
  return (block.repeated & (1 << field)) !== 0
}

/** The value of a known field's first line. */
export function knownValue(block: HeadBlock, field: number): string | undefined {
  const index = block.known[field] as number
  return index === 0 ? undefined : valueAt(block, index - 1)
}

export function valueAt(block: HeadBlock, index: number): string {
  const at = index * FIELD_STRIDE
  const { fields, base } = block
  return textOf(
    block.bytes,
    base + (fields[at + VALUE_START] as number),
    base + (fields[at + VALUE_END] as number),
  )
}

export function nameAt(block: HeadBlock, index: number): string {
  const at = index * FIELD_STRIDE
  const { fields, base } = block
  return textOf(
    block.bytes,
    base + (fields[at + NAME_START] as number),
    base + (fields[at + NAME_END] as number),
  )
}

/**
 * The value of a field by its name in lower case; several lines are joined by a comma, as Envoy matches them.
 * Fields that the engine dropped are not seen.
 */
export function fieldValue(block: HeadBlock, name: string): string | undefined {
  const hash = hashName(name)
  let value: string | undefined
  for (let index = 0; index < block.count; index++) {
    if (!isNamed(block, index, name, hash)) continue
    const text = valueAt(block, index)
    value = value === undefined ? text : `${value},${text}`
  }
  return value
}

/** Drops every line of that name. @param name in lower case */
export function dropField(block: HeadBlock, name: string, hash: number): void {
  for (let index = 0; index < block.count; index++) {
    if (isNamed(block, index, name, hash)) dropAt(block, index)
  }
  const { added } = block
  for (let index = added.length - 1; index >= 0; index--) {
    const line = added[index]
    const text = typeof line === 'string' ? line : line?.toString('latin1', 0, name.length + 1)
    if (text?.startsWith(`${name}:`)) added.splice(index, 1)
  }
}

export function dropKnown(block: HeadBlock, field: number): void {
  const first = block.known[field] as number
  if (first === 0) return
  dropAt(block, first - 1)
  if ((block.repeated & (1 << field)) === 0) return
  for (let index = first; index < block.count; index++) {
    if (((block.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_FIELD) === field) dropAt(block, index)
  }
}

export function dropAt(block: HeadBlock, index: number): void {
  const at = index * FIELD_STRIDE + MARKS
  block.fields[at] = (block.fields[at] as number) | MARK_DROPPED
}

export function isDropped(block: HeadBlock, index: number): boolean {
  return ((block.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_DROPPED) !== 0
}

/** All fields that are forwarded, in order, for logs and tests. */
export function fieldEntries(block: HeadBlock): [string, string][] {
  const entries: [string, string][] = []
  for (let index = 0; index < block.count; index++) {
    if (!isDropped(block, index)) entries.push([nameAt(block, index), valueAt(block, index)])
  }
  return entries
}

/** The bytes of each known field's name, to confirm what a hash suggests. */
const KNOWN_BYTES: readonly string[] = ['', ...KNOWN_FIELDS]

export function isKnownName(bytes: Buffer, start: number, field: number): boolean {
  return equalsText(bytes, start, KNOWN_BYTES[field] as string)
}

/** Whether the bytes from `start` are this text; the caller has compared the length. */
export function equalsText(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}

function isNamed(block: HeadBlock, index: number, name: string, hash: number): boolean {
  const at = index * FIELD_STRIDE
  const { fields } = block
  if (fields[at + NAME_HASH] !== hash) return false
  if (((fields[at + MARKS] as number) & MARK_DROPPED) !== 0) return false
  const start = fields[at + NAME_START] as number
  return (
    (fields[at + NAME_END] as number) - start === name.length &&
    equalsText(block.bytes, block.base + start, name)
  )
}

/** A copy in memory of its own, for one who needs the head longer, or changes it otherwise. */
export function copyHead(from: HeadBlock, to: HeadBlock): void {
  to.bytes = Buffer.copyBytesFrom(from.bytes, from.base, from.length)
  to.base = 0
  to.length = from.length
  to.count = from.count
  while (to.fields.length < from.fields.length) growFields(to)
  to.fields.set(from.fields.subarray(0, from.count * FIELD_STRIDE))
  to.known.set(from.known)
  to.repeated = from.repeated
  to.firstEnd = from.firstEnd
  to.secondEnd = from.secondEnd
  to.status = from.status
  to.minor = from.minor
  to.cased = from.cased
  to.added.length = 0
  to.added.push(...from.added)
}
