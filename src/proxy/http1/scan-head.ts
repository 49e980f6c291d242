import { NAME_LOWER, TARGET_BYTE, VALUE_BYTE } from './characters.ts'
import {
  equalsText,
  FIELD_STRIDE,
  growFields,
  type HeadBlock,
  isKnownName,
  MARK_REWRITE,
  MARKS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from './head-block.ts'
import { knownField } from './known-fields.ts'

/** What the scan came to; anything above `more` is a refusal. */
export const SCAN = {
  done: 0,
  more: 1,
  badLine: 2,
  badVersion: 3,
  badField: 4,
  tooLarge: 5,
  tooMany: 6,
} as const
export type ScanOutcome = (typeof SCAN)[keyof typeof SCAN]

const CR = 13
const LF = 10
const SPACE = 32
const COLON = 58

/**
 * Scans a request head in one pass (RFC 9112 sections 2 to 5), lower-casing field names in place.
 * Refuses whatever two parsers could read differently: bare CR or LF, folded lines, blanks before the colon,
 * control characters, a second blank in the request line. After `more`, call again with the same bytes and more
 * of them after: complete lines are not scanned again.
 * @param bytes may be changed only in the case of field names; `block` refers to them until `retainHead`
 */
export function scanRequestHead(block: HeadBlock, bytes: Buffer, start: number, end: number): ScanOutcome {
  return scanHead(block, bytes, start, end, scanRequestLine)
}

/** The same for a response head. */
export function scanResponseHead(block: HeadBlock, bytes: Buffer, start: number, end: number): ScanOutcome {
  return scanHead(block, bytes, start, end, scanStatusLine)
}

type LineScanner = (block: HeadBlock, bytes: Buffer, start: number, end: number) => number

/** Results of scanning one line: where the next starts, or one of these. */
const LINE_MORE = -1
const LINE_END_OF_HEAD = -2
const LINE_BAD = -3
const LINE_BAD_VERSION = -4
const LINE_TOO_MANY = -5

function scanHead(
  block: HeadBlock,
  bytes: Buffer,
  start: number,
  end: number,
  scanFirstLine: LineScanner,
): ScanOutcome {
  block.bytes = bytes
  block.base = start
  if (block.searched > 0 && !bytes.subarray(start + block.searched, end).includes(LF))
    return incomplete(block, start, end)
  let line = start + block.next
  if (block.next === 0) {
    const result = scanFirstLine(block, bytes, start, end)
    if (result === LINE_MORE) return incomplete(block, start, end)
    if (result < 0) return result === LINE_BAD_VERSION ? SCAN.badVersion : SCAN.badLine
    line = result
  }
  for (;;) {
    const result = scanField(block, bytes, line, end)
    if (result >= 0) {
      line = result
      continue
    }
    if (result === LINE_END_OF_HEAD) {
      block.length = line + 2 - start
      return block.length > block.limits.bytesMax ? SCAN.tooLarge : SCAN.done
    }
    if (result === LINE_MORE) {
      block.next = line - start
      return incomplete(block, start, end)
    }
    return result === LINE_TOO_MANY ? SCAN.tooMany : SCAN.badField
  }
}

function incomplete(block: HeadBlock, start: number, end: number): ScanOutcome {
  block.searched = end - start
  return end - start >= block.limits.bytesMax ? SCAN.tooLarge : SCAN.more
}

function scanRequestLine(block: HeadBlock, bytes: Buffer, start: number, end: number): number {
  let i = start
  while (i < end && NAME_LOWER[bytes[i] as number] !== 0) i++
  if (i >= end) return LINE_MORE
  if (bytes[i] !== SPACE || i === start) return LINE_BAD
  block.firstEnd = i - start
  const target = ++i
  while (i < end && TARGET_BYTE[bytes[i] as number] === 1) i++
  if (i >= end) return LINE_MORE
  if (bytes[i] !== SPACE || i === target) return LINE_BAD
  block.secondEnd = i - start
  return scanVersionEnd(block, bytes, i + 1, end)
}

/** `HTTP/1.x` and the line's end. */
function scanVersionEnd(block: HeadBlock, bytes: Buffer, start: number, end: number): number {
  if (end - start < 10) return LINE_MORE
  if (!isHttp1(bytes, start)) return LINE_BAD_VERSION
  block.minor = (bytes[start + 7] as number) - 48
  return bytes[start + 8] === CR && bytes[start + 9] === LF ? start + 10 : LINE_BAD
}

function isHttp1(bytes: Buffer, at: number): boolean {
  const minor = bytes[at + 7]
  return equalsText(bytes, at, 'HTTP/1.') && (minor === 48 || minor === 49)
}

function scanStatusLine(block: HeadBlock, bytes: Buffer, start: number, end: number): number {
  if (end - start < 13) return LINE_MORE
  if (!isHttp1(bytes, start)) return LINE_BAD_VERSION
  block.minor = (bytes[start + 7] as number) - 48
  if (bytes[start + 8] !== SPACE) return LINE_BAD
  let status = 0
  for (let i = start + 9; i < start + 12; i++) {
    const digit = (bytes[i] as number) - 48
    if (digit < 0 || digit > 9) return LINE_BAD
    status = status * 10 + digit
  }
  if (status < 100) return LINE_BAD
  block.status = status
  let i = start + 12
  // RFC 9112 asks for the blank even before an empty reason; servers that leave it out are common and unambiguous.
  if (bytes[i] === SPACE) i++
  else if (bytes[i] !== CR) return LINE_BAD
  block.firstEnd = i - start
  while (i < end && VALUE_BYTE[bytes[i] as number] === 1) i++
  block.secondEnd = i - start
  return lineEnd(bytes, i, end)
}

/** @returns where the next line starts if CR LF stands at `i` */
function lineEnd(bytes: Buffer, i: number, end: number): number {
  if (i >= end) return LINE_MORE
  if (bytes[i] !== CR) return LINE_BAD
  if (i + 1 >= end) return LINE_MORE
  return bytes[i + 1] === LF ? i + 2 : LINE_BAD
}

function scanField(block: HeadBlock, bytes: Buffer, start: number, end: number): number {
  let i = start
  let hash = 0
  for (; i < end; i++) {
    const lower = NAME_LOWER[bytes[i] as number] as number
    if (lower === 0) break
    bytes[i] = lower
    hash = (Math.imul(hash, 31) + lower) | 0
  }
  if (i >= end) return LINE_MORE
  if (i === start) {
    const next = lineEnd(bytes, i, end)
    return next < 0 ? next : LINE_END_OF_HEAD
  }
  if (bytes[i] !== COLON) return LINE_BAD
  const nameEnd = i++
  while (i < end && isBlank(bytes[i] as number)) i++
  const valueStart = i
  while (i < end && VALUE_BYTE[bytes[i] as number] === 1) i++
  const next = lineEnd(bytes, i, end)
  if (next < 0) return next
  let valueEnd = i
  while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1] as number)) valueEnd--
  if (block.count >= block.limits.fieldsMax) return LINE_TOO_MANY
  const asItStands = valueEnd === i && valueStart === nameEnd + 2 && bytes[nameEnd + 1] === SPACE
  const at = block.count * FIELD_STRIDE
  if (at === block.fields.length) growFields(block)
  const { fields, base } = block
  fields[at + NAME_START] = start - base
  fields[at + NAME_END] = nameEnd - base
  fields[at + VALUE_START] = valueStart - base
  fields[at + VALUE_END] = valueEnd - base
  fields[at + NAME_HASH] = hash
  const known = noteKnown(block, bytes, start, nameEnd - start, hash)
  fields[at + MARKS] = asItStands ? known : known | MARK_REWRITE
  block.count++
  return next
}

function noteKnown(block: HeadBlock, bytes: Buffer, start: number, length: number, hash: number): number {
  const field = knownField(hash, length)
  if (field === 0 || !isKnownName(bytes, start, field)) return 0
  if (block.known[field] === 0) block.known[field] = block.count + 1
  else block.repeated |= 1 << field
  return field
}

function isBlank(code: number): boolean {
  return code === SPACE || code === 9
}
