import { textOf } from '../../http1/latin1.ts'
import { BAD_VALUE, classifyName, classifyValue, nameHash, treatmentOf } from './field-class.ts'
import {
  createFieldTable,
  entryClass,
  entryHash,
  type FieldTable,
  insertLine,
  isEntry,
  LINE_EXTRA,
  lineStart,
  nameLength,
  setTableSize,
  valueLength,
} from './field-table.ts'
import {
  endHead,
  HEAD_PROBLEM,
  type HeadAssembly,
  MARK_NEVER_INDEXED,
  reserveHead,
  takeLine,
  takePseudo,
} from './head-assembly.ts'
import { decodedLengthMax, decodeHuffman } from './huffman.ts'
import { TABLE_SIZE_DEFAULT } from './limits.ts'
import { STATIC_COUNT, STATIC_FIELDS } from './static-table.ts'

/** The decoder of one connection (RFC 7541). */
export interface Decoder {
  readonly table: FieldTable
  /** What we allow the peer's encoder to use. */
  sizeLimit: number
  /** The integer that was read last. */
  integer: number
  /** Of the block being decoded: a field has come, so the table's size may not change any more. */
  started: boolean
}

export function createDecoder(): Decoder {
  return { table: createFieldTable(), sizeLimit: TABLE_SIZE_DEFAULT, integer: 0, started: false }
}

/** Below this a loop is faster than a call into native code. */
const LOOP_BYTES = 48
/** Integers of more bytes than this exceed any length or index that could be meant. */
const INTEGER_BYTES_MAX = 5
const BAD = -1

/**
 * Decodes one complete field section into `assembly`.
 * @returns false when it is not valid: the table is not that of the peer any more, the connection must end
 */
export function decodeSection(
  decoder: Decoder,
  assembly: HeadAssembly,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  decoder.started = false
  let i = start
  while (i < end) {
    const first = bytes[i] as number
    if (first >= 0x80) i = readIndexed(decoder, assembly, bytes, i, end)
    else if (first >= 0x40) i = readLiteral(decoder, assembly, bytes, i, end, 0x3f)
    else if (first >= 0x20) i = readSizeUpdate(decoder, bytes, i, end)
    else i = readLiteral(decoder, assembly, bytes, i, end, 0x0f)
    if (i < 0) return false
  }
  endHead(assembly)
  return true
}

/** Reads an integer with a prefix into `decoder.integer`. @returns the index after it, or `BAD` */
function readInteger(decoder: Decoder, bytes: Buffer, start: number, end: number, mask: number): number {
  let value = (bytes[start] as number) & mask
  let i = start + 1
  if (value === mask) {
    let factor = 1
    for (;;) {
      if (i >= end || i - start > INTEGER_BYTES_MAX) return BAD
      const byte = bytes[i++] as number
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
      factor *= 128
    }
  }
  decoder.integer = value
  return i
}

function readSizeUpdate(decoder: Decoder, bytes: Buffer, start: number, end: number): number {
  if (decoder.started) return BAD
  const i = readInteger(decoder, bytes, start, end, 0x1f)
  if (i < 0 || decoder.integer > decoder.sizeLimit) return BAD
  setTableSize(decoder.table, decoder.integer)
  return i
}

/** The peer has not yet made its table as small as it was told to. */
function isOversized(decoder: Decoder): boolean {
  return decoder.table.sizeMax > decoder.sizeLimit
}

function readIndexed(
  decoder: Decoder,
  assembly: HeadAssembly,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  if (!decoder.started) {
    if (isOversized(decoder)) return BAD
    decoder.started = true
  }
  const i = readInteger(decoder, bytes, start, end, 0x7f)
  if (i < 0) return BAD
  const index = decoder.integer
  if (index <= STATIC_COUNT) {
    if (index === 0) return BAD
    takeStatic(assembly, index)
    return i
  }
  const { table } = decoder
  const number = table.next - (index - STATIC_COUNT)
  if (!isEntry(table, number)) return BAD
  // Once there is too much, an entry costs nothing more: one byte must not make us copy kilobytes (HPACK bomb).
  if (assembly.excess !== undefined) return i
  const names = nameLength(table, number)
  const values = valueLength(table, number)
  const slot = number & table.mask
  const known = table.texts[slot]
  if (known !== undefined) {
    takePseudo(assembly, treatmentOf(entryClass(table, number)), known)
    if ((entryClass(table, number) & BAD_VALUE) !== 0) assembly.problem ??= HEAD_PROBLEM.field
    return i
  }
  const line = lineStart(table, number)
  const target = reserveHead(assembly, names + values + LINE_EXTRA)
  copyShort(table.bytes, line, line + names + values + LINE_EXTRA, target, assembly.tail)
  const text = takeLine(
    assembly,
    names,
    values,
    entryHash(table, number),
    entryClass(table, number),
    0,
    undefined,
  )
  if (text !== undefined) table.texts[slot] = text
  return i
}

function takeStatic(assembly: HeadAssembly, index: number): void {
  const line = STATIC_LINES[index] as StaticLine
  if (index <= PSEUDO_LAST) {
    takePseudo(assembly, treatmentOf(line.fieldClass), line.value)
    return
  }
  const target = reserveHead(assembly, line.bytes.length)
  copyShort(line.bytes, 0, line.bytes.length, target, assembly.tail)
  takeLine(assembly, line.nameLength, line.valueLength, line.hash, line.fieldClass, 0, line.value)
}

/** The pseudo-header fields stand at the beginning of the static table. */
const PSEUDO_LAST = 14

interface StaticLine {
  readonly bytes: Buffer
  readonly nameLength: number
  readonly valueLength: number
  readonly value: string
  readonly hash: number
  readonly fieldClass: number
}

/** The static table as lines, by index. */
const STATIC_LINES: readonly (StaticLine | undefined)[] = [
  undefined,
  ...STATIC_FIELDS.map(([name, value]): StaticLine => {
    const bytes = Buffer.from(`${name}: ${value}\r\n`, 'latin1')
    const hash = nameHash(bytes, 0, name.length)
    const fieldClass = classifyName(bytes, 0, name.length, hash)
    return { bytes, nameLength: name.length, valueLength: value.length, value, hash, fieldClass }
  }),
]

/** A literal, with or without indexing: its line is put together at the assembly's tail. */
function readLiteral(
  decoder: Decoder,
  assembly: HeadAssembly,
  bytes: Buffer,
  start: number,
  end: number,
  mask: number,
): number {
  if (!decoder.started) {
    if (isOversized(decoder)) return BAD
    decoder.started = true
  }
  const { table } = decoder
  const first = bytes[start] as number
  let i = readInteger(decoder, bytes, start, end, mask)
  if (i < 0) return BAD
  const index = decoder.integer
  let hash: number
  let nameClass: number
  let names: number
  if (index === 0) {
    i = readText(decoder, assembly, bytes, i, end, 0)
    if (i < 0) return BAD
    names = decoder.integer
    const { storage } = assembly.block
    hash = nameHash(storage, assembly.tail, names)
    nameClass = classifyName(storage, assembly.tail, names, hash)
  } else if (index <= STATIC_COUNT) {
    const line = STATIC_LINES[index] as StaticLine
    names = line.nameLength
    hash = line.hash
    nameClass = line.fieldClass
    copyShort(line.bytes, 0, names, reserveHead(assembly, names), assembly.tail)
  } else {
    const number = table.next - (index - STATIC_COUNT)
    if (!isEntry(table, number)) return BAD
    const line = lineStart(table, number)
    names = nameLength(table, number)
    hash = entryHash(table, number)
    nameClass = entryClass(table, number) & NAME_CLASS
    copyShort(table.bytes, line, line + names, reserveHead(assembly, names), assembly.tail)
  }
  i = readText(decoder, assembly, bytes, i, end, names + 2)
  if (i < 0) return BAD
  const values = decoder.integer
  finishLiteral(decoder, assembly, { names, values, hash, nameClass, first })
  return i
}

/** Without the mark of a bad value, which is that of another line. */
const NAME_CLASS = 0xffff

function finishLiteral(
  decoder: Decoder,
  assembly: HeadAssembly,
  line: {
    readonly names: number
    readonly values: number
    readonly hash: number
    readonly nameClass: number
    readonly first: number
  },
): void {
  const { names, values, hash, first } = line
  const target = assembly.block.storage
  const { tail } = assembly
  const valueStart = tail + names + 2
  target[valueStart - 2] = 58
  target[valueStart - 1] = 32
  target[valueStart + values] = 13
  target[valueStart + values + 1] = 10
  const fieldClass = line.nameClass | classifyValue(target, valueStart, values)
  let inserted = false
  if (first >= 0x40)
    inserted = insertLine(decoder.table, target, tail, { name: names, value: values }, hash, fieldClass)
  const marks = (first & 0xf0) === 0x10 ? MARK_NEVER_INDEXED : 0
  const text = takeLine(assembly, names, values, hash, fieldClass, marks, undefined)
  if (inserted && text !== undefined)
    decoder.table.texts[(decoder.table.next - 1) & decoder.table.mask] = text
}

/** Reads a string literal to `offset` behind the tail; its length is then in `decoder.integer`. */
function readText(
  decoder: Decoder,
  assembly: HeadAssembly,
  bytes: Buffer,
  start: number,
  end: number,
  offset: number,
): number {
  if (start >= end) return BAD
  const isHuffman = (bytes[start] as number) >= 0x80
  const i = readInteger(decoder, bytes, start, end, 0x7f)
  if (i < 0) return BAD
  const length = decoder.integer
  const stop = i + length
  if (stop > end) return BAD
  if (!isHuffman) {
    const target = reserveHead(assembly, length + 2, offset)
    copyShort(bytes, i, stop, target, assembly.tail + offset)
    return stop
  }
  const target = reserveHead(assembly, decodedLengthMax(length) + 2, offset)
  const at = assembly.tail + offset
  const after = decodeHuffman(bytes, i, stop, target, at)
  if (after < 0) return BAD
  decoder.integer = after - at
  return stop
}

function copyShort(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start <= LOOP_BYTES) {
    const shift = at - start
    for (let i = start; i < end; i++) target[i + shift] = source[i] as number
  } else {
    source.copy(target, at, start, end)
  }
}

/** The fields of an assembled head, pseudo-header fields first, for tests and tools. */
export function assembledEntries(assembly: HeadAssembly): [string, string][] {
  const { block } = assembly
  const entries: [string, string][] = []
  for (const name of ['method', 'scheme', 'authority', 'path', 'protocol', 'status'] as const) {
    const value = assembly[name]
    if (value !== undefined) entries.push([`:${name}`, value])
  }
  const text = textOf(block.bytes, 0, block.length)
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(': ')
    if (colon > 0) entries.push([line.slice(0, colon), line.slice(colon + 2)])
  }
  return entries
}
