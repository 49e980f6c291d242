import { NAME_LOWER } from '../../http1/characters.ts'
import {
  FIELD_STRIDE,
  type HeadBlock,
  MARK_DROPPED,
  MARK_FIELD,
  MARK_REWRITE,
  MARKS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from '../../http1/head-block.ts'
import { type OutBuffer, putSlice, reserve } from '../../http1/out-buffer.ts'
import { hashName } from '../../http1/known-fields.ts'
import { writeText } from '../../http1/latin1.ts'
import { nameHash } from './field-class.ts'
import {
  createFieldTable,
  entryHash,
  type FieldTable,
  insertLine,
  LINE_EXTRA,
  lineStart,
  nameLength,
  setTableSize,
  valueLength,
} from './field-table.ts'
import { MARK_NEVER_INDEXED } from './head-assembly.ts'
import { encodedLength, encodeHuffman } from './huffman.ts'
import { ENTRY_OVERHEAD, TABLE_SIZE_DEFAULT } from './limits.ts'
import { STATIC, STATIC_COUNT, STATIC_FIELDS } from './static-table.ts'

/**
 * The encoder of one connection (RFC 7541).
 *
 * A field enters the table when it is sent a second time: values that vary (`x-request-id`, `:path`) never do, without
 * a list of their names, and those that repeat cost one byte from the third time on. A name that is not in the
 * static table enters with its first field, so that its later fields refer to it. Finding a field costs a hash of a part of
 * its value and one comparison.
 *
 * Only what enters the table is Huffman-coded: what is sent once would save a fifth of its bytes for three times the
 * work of copying them, at both ends.
 */
export interface Encoder {
  readonly table: FieldTable
  /** Slot of name and value, of the name → number of the newest entry + 1. */
  readonly exact: Float64Array
  readonly names: Float64Array
  /** Hashes of fields that were sent as literals lately. */
  readonly seen: Int32Array
  /** Sizes that the peer has to be told of before the next field: the smallest of late, and the one that holds. */
  sizeLowest: number
  sizeChanged: boolean
  /** For lines that do not stand in one piece, and for lines that come as text. */
  scratch: Buffer
  lines: Buffer
}

const EXACT_BITS = 8
const NAME_BITS = 7
const SEEN_BITS = 7
const EMPTY = Buffer.alloc(0)

export function createEncoder(): Encoder {
  return {
    table: createFieldTable(),
    exact: new Float64Array(1 << EXACT_BITS),
    names: new Float64Array(1 << NAME_BITS),
    seen: new Int32Array(1 << SEEN_BITS),
    sizeLowest: TABLE_SIZE_DEFAULT,
    sizeChanged: false,
    scratch: EMPTY,
    lines: EMPTY,
  }
}

/** The peer's decoder allows `size`; no more than the default is used of it. */
export function limitEncoderTable(encoder: Encoder, size: number): void {
  const next = Math.min(size, TABLE_SIZE_DEFAULT)
  if (next === encoder.table.sizeMax) return
  encoder.sizeLowest = encoder.sizeChanged ? Math.min(encoder.sizeLowest, next) : next
  encoder.sizeChanged = true
  setTableSize(encoder.table, next)
}

/** Before the first field of each section. */
export function beginSection(encoder: Encoder, out: OutBuffer): void {
  if (!encoder.sizeChanged) return
  encoder.sizeChanged = false
  const { sizeMax } = encoder.table
  reserve(out, INTEGER_BYTES * 2)
  if (encoder.sizeLowest < sizeMax) putInteger(out, 0x20, 0x1f, encoder.sizeLowest)
  putInteger(out, 0x20, 0x1f, sizeMax)
}

const INTEGER_BYTES = 6
const COLON = 58
const SPACE = 32
const CR = 13
const LF = 10

/** The caller has reserved the room. */
function putInteger(out: OutBuffer, first: number, mask: number, value: number): void {
  const { bytes } = out
  if (value < mask) {
    bytes[out.length++] = first | value
    return
  }
  bytes[out.length++] = first | mask
  let rest = value - mask
  while (rest >= 128) {
    bytes[out.length++] = (rest & 127) | 128
    rest = Math.floor(rest / 128)
  }
  bytes[out.length++] = rest
}

/** Fields of the static table that are written as they are. */
export function putStatic(out: OutBuffer, index: number): void {
  reserve(out, 1)
  out.bytes[out.length++] = 0x80 | index
}

/** A field given as texts, such as a pseudo-header field. @param name in lower case */
export function putField(encoder: Encoder, out: OutBuffer, name: string, value: string): void {
  const scratch = scratchFor(encoder, name.length + value.length + LINE_EXTRA)
  writeText(scratch, name, 0)
  scratch[name.length] = COLON
  scratch[name.length + 1] = SPACE
  writeText(scratch, value, name.length + 2)
  scratch[name.length + value.length + 2] = CR
  scratch[name.length + value.length + 3] = LF
  putLine(encoder, out, scratch, 0, name.length, value.length, hashName(name), false)
}

function scratchFor(encoder: Encoder, bytes: number): Buffer {
  if (encoder.scratch.length < bytes) encoder.scratch = Buffer.allocUnsafeSlow(bytes * 2)
  return encoder.scratch
}

/** Fields that a head is forwarded without: bits by number of the known field. */
export function putHeadFields(encoder: Encoder, out: OutBuffer, block: HeadBlock, without: number): void {
  const { fields, bytes, base, count } = block
  for (let index = 0, at = 0; index < count; index++, at += FIELD_STRIDE) {
    const marks = fields[at + MARKS] as number
    if ((marks & MARK_DROPPED) !== 0) continue
    const known = marks & MARK_FIELD
    if (known !== 0 && (without & (1 << known)) !== 0) continue
    const start = base + (fields[at + NAME_START] as number)
    const names = base + (fields[at + NAME_END] as number) - start
    const valueStart = base + (fields[at + VALUE_START] as number)
    const values = base + (fields[at + VALUE_END] as number) - valueStart
    const never = (marks & MARK_NEVER_INDEXED) !== 0
    const hash = fields[at + NAME_HASH] as number
    if ((marks & MARK_REWRITE) === 0) putLine(encoder, out, bytes, start, names, values, hash, never)
    else putPieces(encoder, out, bytes, { start, names, valueStart, values, hash, never })
  }
}

/** A line that is not exactly `name: value`: it is put together first. */
function putPieces(
  encoder: Encoder,
  out: OutBuffer,
  bytes: Buffer,
  line: {
    readonly start: number
    readonly names: number
    readonly valueStart: number
    readonly values: number
    readonly hash: number
    readonly never: boolean
  },
): void {
  const { names, values } = line
  const scratch = scratchFor(encoder, names + values + LINE_EXTRA)
  bytes.copy(scratch, 0, line.start, line.start + names)
  scratch[names] = COLON
  scratch[names + 1] = SPACE
  bytes.copy(scratch, names + 2, line.valueStart, line.valueStart + values)
  scratch[names + values + 2] = CR
  scratch[names + values + 3] = LF
  putLine(encoder, out, scratch, 0, names, values, line.hash, line.never)
}

/** Lines as HTTP/1.1 writes them, each ending in CR LF; names in any case. */
export function putLines(encoder: Encoder, out: OutBuffer, lines: string | Buffer): void {
  const { length } = lines
  if (length === 0) return
  if (encoder.lines.length < length) encoder.lines = Buffer.allocUnsafeSlow(length * 2)
  const scratch = encoder.lines
  if (typeof lines === 'string') writeText(scratch, lines, 0)
  else lines.copy(scratch)
  for (let i = 0; i < length;) {
    const start = i
    let hash = 0
    for (; i < length && scratch[i] !== COLON; i++) {
      const lower = NAME_LOWER[scratch[i] as number] as number
      scratch[i] = lower
      hash = (Math.imul(hash, 31) + lower) | 0
    }
    const names = i - start
    i++
    while (i < length && scratch[i] === SPACE) i++
    const valueStart = i
    while (i < length && scratch[i] !== CR) i++
    const values = i - valueStart
    i += 2
    if (names === 0 || names === length) continue
    if (valueStart === start + names + 2) {
      putLine(encoder, out, scratch, start, names, values, hash, false)
    } else {
      putPieces(encoder, out, scratch, { start, names, valueStart, values, hash, never: false })
    }
  }
}

/** Beyond this a field would push everything else out of the table. */
const INDEXED_BYTES_MAX = TABLE_SIZE_DEFAULT / 4
/** A secret this short could be guessed by watching sizes (RFC 7541, 7.1). */
const SECRET_BYTES_MIN = 20

/** @param start of a line `name: value` CR LF in one piece; the name in lower case */
function putLine(
  encoder: Encoder,
  out: OutBuffer,
  bytes: Buffer,
  start: number,
  names: number,
  values: number,
  hash: number,
  never: boolean,
): void {
  reserve(out, names + values + INTEGER_BYTES * 3)
  const valueStart = start + names + 2
  const staticName = findStaticName(bytes, start, names, hash)
  if (never || isSecret(staticName, values)) {
    const index = staticName === 0 ? findName(encoder, bytes, start, names, hash) : staticName
    putLiteral(out, 0x10, 0x0f, index, bytes, start, names, values, false)
    return
  }
  const key = keyOf(bytes, valueStart, values, hash)
  const { table, exact, seen } = encoder
  const slot = key >>> (32 - EXACT_BITS)
  const number = (exact[slot] as number) - 1
  if (number >= table.first && isSameLine(table, number, bytes, start, names, values, hash)) {
    putInteger(out, 0x80, 0x7f, STATIC_COUNT + table.next - number)
    return
  }
  if (staticName === STATIC.acceptEncoding && isUsualCoding(bytes, valueStart, values)) {
    out.bytes[out.length++] = 0x80 | STATIC.acceptEncoding
    return
  }
  const index = staticName === 0 ? findName(encoder, bytes, start, names, hash) : staticName
  const seenSlot = key & ((1 << SEEN_BITS) - 1)
  const repeats = index === 0 || seen[seenSlot] === key
  if (!repeats || names + values + ENTRY_OVERHEAD > Math.min(INDEXED_BYTES_MAX, table.sizeMax)) {
    seen[seenSlot] = key
    putLiteral(out, 0, 0x0f, index, bytes, start, names, values, false)
    return
  }
  putLiteral(out, 0x40, 0x3f, index, bytes, start, names, values, true)
  if (insertLine(table, bytes, start, { name: names, value: values }, hash, 0)) {
    exact[slot] = table.next
    if (staticName === 0) encoder.names[nameSlot(hash)] = table.next
  }
}

function isSecret(staticName: number, values: number): boolean {
  if (staticName === STATIC.authorization || staticName === STATIC.cookie) return values < SECRET_BYTES_MIN
  return staticName === STATIC.proxyAuthorization || staticName === STATIC.setCookie
}

function putLiteral(
  out: OutBuffer,
  first: number,
  mask: number,
  index: number,
  bytes: Buffer,
  start: number,
  names: number,
  values: number,
  compact: boolean,
): void {
  putInteger(out, first, mask, index)
  if (index === 0) putString(out, bytes, start, names, compact)
  putString(out, bytes, start + names + 2, values, compact)
}

function putString(out: OutBuffer, bytes: Buffer, start: number, length: number, compact: boolean): void {
  if (compact) {
    const coded = encodedLength(bytes, start, start + length)
    if (coded < length) {
      putInteger(out, 0x80, 0x7f, coded)
      out.length = encodeHuffman(bytes, start, start + length, out.bytes, out.length)
      return
    }
  }
  putInteger(out, 0, 0x7f, length)
  putSlice(out, bytes, start, start + length)
}

/** At most this many bytes at either end of a value enter its hash; comparing finds out about the others. */
const HASHED_BYTES = 8

function keyOf(bytes: Buffer, start: number, length: number, hash: number): number {
  let key = hash ^ Math.imul(length, 0x85ebca6b)
  const end = start + length
  const headEnd = length > HASHED_BYTES ? start + HASHED_BYTES : end
  for (let i = start; i < headEnd; i++) key = Math.imul(key, 31) + (bytes[i] as number)
  const tailStart = Math.max(headEnd, end - HASHED_BYTES)
  for (let i = tailStart; i < end; i++) key = Math.imul(key, 31) + (bytes[i] as number)
  return Math.imul(key ^ (key >>> 15), 0x9e3779b1) | 0
}

function nameSlot(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> (32 - NAME_BITS)
}

function isSameLine(
  table: FieldTable,
  number: number,
  bytes: Buffer,
  start: number,
  names: number,
  values: number,
  hash: number,
): boolean {
  if (entryHash(table, number) !== hash) return false
  if (nameLength(table, number) !== names || valueLength(table, number) !== values) return false
  return isSame(table.bytes, lineStart(table, number), bytes, start, names + values + 2)
}

function isSame(a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}

/** @returns the index of a dynamic entry with this name, or 0 */
function findName(encoder: Encoder, bytes: Buffer, start: number, names: number, hash: number): number {
  const { table } = encoder
  const number = (encoder.names[nameSlot(hash)] as number) - 1
  if (number < table.first || entryHash(table, number) !== hash) return 0
  if (nameLength(table, number) !== names) return 0
  return isSame(table.bytes, lineStart(table, number), bytes, start, names)
    ? STATIC_COUNT + table.next - number
    : 0
}

const STATIC_SLOT_BITS = 9
/** First index of each name of the static table, by its hash; a chain of neighbours where slots are shared. */
const STATIC_SLOTS = new Uint8Array(1 << STATIC_SLOT_BITS)
const STATIC_NAMES: readonly Buffer[] = STATIC_FIELDS.map(([name]) => Buffer.from(name, 'latin1'))
const STATIC_HASHES = Int32Array.from(STATIC_NAMES, (name) => nameHash(name, 0, name.length))
for (const [place, name] of STATIC_NAMES.entries()) {
  if (place > 0 && name.equals(STATIC_NAMES[place - 1] as Buffer)) continue
  let slot = staticSlot(STATIC_HASHES[place] as number)
  while (STATIC_SLOTS[slot] !== 0) slot = (slot + 1) & (STATIC_SLOTS.length - 1)
  STATIC_SLOTS[slot] = place + 1
}

function staticSlot(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> (32 - STATIC_SLOT_BITS)
}

/** @returns the index of the name in the static table, or 0 */
function findStaticName(bytes: Buffer, start: number, names: number, hash: number): number {
  for (let slot = staticSlot(hash); ; slot = (slot + 1) & (STATIC_SLOTS.length - 1)) {
    const index = STATIC_SLOTS[slot] as number
    if (index === 0) return 0
    if (STATIC_HASHES[index - 1] !== hash) continue
    const name = STATIC_NAMES[index - 1] as Buffer
    if (name.length === names && isSame(name, 0, bytes, start, names)) return index
  }
}

const USUAL_CODING = Buffer.from('gzip, deflate')

function isUsualCoding(bytes: Buffer, start: number, length: number): boolean {
  return length === USUAL_CODING.length && isSame(USUAL_CODING, 0, bytes, start, length)
}
