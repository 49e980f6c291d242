import {
  FIELD_STRIDE,
  growFields,
  type HeadBlock,
  MARKS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from '../../http1/head-block.ts'
import { FIELD, hashName } from '../../http1/known-fields.ts'
import { textOf, writeText } from '../../http1/latin1.ts'
import { BAD_VALUE, TREAT, treatmentOf } from './field-class.ts'
import { LINE_EXTRA } from './field-table.ts'

/** The field came as a literal that no table may hold, and has to go on as one (RFC 7541, 6.2.3). */
export const MARK_NEVER_INDEXED = 1024

export const SECTION = { request: 0, response: 1, trailers: 2 } as const

/** What is wrong with a head, in Envoy's words. */
export const HEAD_PROBLEM = {
  field: 'http2.invalid.header.field',
  messaging: 'http2.violation.of.messaging.rule',
  tooLarge: 'http2.headers_too_large',
  tooMany: 'http2.too_many_headers',
} as const

/**
 * A field section while it is decoded. Fields become lines of a head block, in the form that the HTTP/1.1 scanner
 * leaves them in, so that routing, filters and both codecs read them alike; pseudo-header fields become texts.
 * One serves all connections of a thread: a section is decoded within one call.
 */
export interface HeadAssembly {
  section: number
  block: HeadBlock
  /** Where the next line goes in `block.storage`. */
  tail: number
  method: string | undefined
  path: string | undefined
  scheme: string | undefined
  authority: string | undefined
  protocol: string | undefined
  status: string | undefined
  /** Text of `content-length`, of the first line of it. */
  contentLength: string | undefined
  /** The first thing that makes the message malformed. */
  problem: string | undefined
  /** Beyond the limits on a head: what follows is decoded for the table's sake and thrown away. */
  excess: string | undefined
  /** A field that is no pseudo-header field has come. */
  regular: boolean
  /** Values of `cookie` fields joined by `; ` (RFC 9113, 8.2.3). */
  cookies: Buffer
  cookiesLength: number
  cookiesNeverIndexed: boolean
  /** An authority that was found to be one: most requests name the same. */
  lastAuthority: string | undefined
}

export function createHeadAssembly(block: HeadBlock): HeadAssembly {
  return {
    section: SECTION.request,
    block,
    tail: 0,
    method: undefined,
    path: undefined,
    scheme: undefined,
    authority: undefined,
    protocol: undefined,
    status: undefined,
    contentLength: undefined,
    problem: undefined,
    excess: undefined,
    regular: false,
    cookies: Buffer.allocUnsafeSlow(COOKIES_FIRST),
    cookiesLength: 0,
    cookiesNeverIndexed: false,
    lastAuthority: undefined,
  }
}

const COOKIES_FIRST = 1024
const STORAGE_FIRST = 2048

/** @param block reset, or fresh from the pool */
export function beginHead(assembly: HeadAssembly, section: number, block: HeadBlock): void {
  assembly.section = section
  assembly.block = block
  assembly.tail = 0
  assembly.method = undefined
  assembly.path = undefined
  assembly.scheme = undefined
  assembly.authority = undefined
  assembly.protocol = undefined
  assembly.status = undefined
  assembly.contentLength = undefined
  assembly.problem = undefined
  assembly.excess = undefined
  assembly.regular = false
  assembly.cookiesLength = 0
  assembly.cookiesNeverIndexed = false
  if (block.storage.length === 0) block.storage = Buffer.allocUnsafeSlow(STORAGE_FIRST)
  block.bytes = block.storage
}

/**
 * Makes sure that `bytes` more fit behind the last line.
 * @param kept bytes behind the last line that are in use already, and counted beside `bytes`
 */
export function reserveHead(assembly: HeadAssembly, bytes: number, kept = 0): Buffer {
  const { block } = assembly
  const used = assembly.tail + kept
  if (used + bytes > block.storage.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(block.storage.length * 2, Math.ceil(used + bytes)))
    block.storage.copy(larger, 0, 0, used)
    block.storage = larger
    block.bytes = larger
  }
  return block.storage
}

/**
 * Takes the line that stands at the tail: judges it, and keeps it by moving the tail.
 * @param text the value, if it has been made before
 * @returns the text of the value if one was made
 */
export function takeLine(
  assembly: HeadAssembly,
  nameLength: number,
  valueLength: number,
  hash: number,
  fieldClass: number,
  marks: number,
  text: string | undefined,
): string | undefined {
  if ((fieldClass & BAD_VALUE) !== 0) assembly.problem ??= HEAD_PROBLEM.field
  const treatment = treatmentOf(fieldClass)
  if (treatment === TREAT.plain) {
    if (!assembly.regular) beginRegular(assembly, nameLength + valueLength + LINE_EXTRA)
    keepLine(assembly, nameLength, valueLength, hash, (fieldClass & 0xff) | marks)
    return undefined
  }
  if (treatment <= TREAT.unknownPseudo) {
    const start = assembly.tail + nameLength + 2
    return takePseudo(assembly, treatment, text ?? textOf(assembly.block.storage, start, start + valueLength))
  }
  if (!assembly.regular) beginRegular(assembly, nameLength + valueLength + LINE_EXTRA)
  const start = assembly.tail + nameLength + 2
  switch (treatment) {
    case TREAT.cookie:
      keepCookie(assembly, start, valueLength, marks)
      return undefined
    case TREAT.te:
      if (valueLength !== 8 || !isText(assembly.block.storage, start, 'trailers'))
        assembly.problem ??= HEAD_PROBLEM.messaging
      break
    case TREAT.contentLength:
      takeLength(assembly, start, valueLength)
      break
    case TREAT.host:
      break
    default:
      assembly.problem ??=
        treatment === TREAT.connectionSpecific ? HEAD_PROBLEM.messaging : HEAD_PROBLEM.field
  }
  keepLine(assembly, nameLength, valueLength, hash, (fieldClass & 0xff) | marks)
  return undefined
}

/** Two lines that disagree are two messages to two readers; equal ones are refused as well. */
function takeLength(assembly: HeadAssembly, start: number, length: number): void {
  if (assembly.contentLength !== undefined) assembly.problem ??= HEAD_PROBLEM.messaging
  assembly.contentLength ??= textOf(assembly.block.storage, start, start + length)
}

/** @returns the text */
export function takePseudo(assembly: HeadAssembly, treatment: number, text: string): string {
  if (assembly.regular || assembly.section === SECTION.trailers) assembly.problem ??= HEAD_PROBLEM.messaging
  if (!setPseudo(assembly, treatment, text)) assembly.problem ??= HEAD_PROBLEM.messaging
  return text
}

/** @returns false for one that is unknown, repeated, or of the other kind of message */
function setPseudo(assembly: HeadAssembly, treatment: number, text: string): boolean {
  const isRequest = assembly.section === SECTION.request
  switch (treatment) {
    case TREAT.method:
      if (!isRequest || assembly.method !== undefined) return false
      assembly.method = text
      return true
    case TREAT.path:
      if (!isRequest || assembly.path !== undefined) return false
      assembly.path = text
      return true
    case TREAT.scheme:
      if (!isRequest || assembly.scheme !== undefined) return false
      assembly.scheme = text
      return true
    case TREAT.authority:
      if (!isRequest || assembly.authority !== undefined) return false
      assembly.authority = text
      return true
    case TREAT.protocol:
      if (!isRequest || assembly.protocol !== undefined) return false
      assembly.protocol = text
      return true
    case TREAT.status:
      if (assembly.section !== SECTION.response || assembly.status !== undefined) return false
      assembly.status = text
      return true
    default:
      return false
  }
}

/**
 * All pseudo-header fields have come. `:authority` becomes the first line, `host`, as HTTP/1.1 and routes know it; the
 * line at the tail makes way for it.
 */
function beginRegular(assembly: HeadAssembly, lineLength: number): void {
  assembly.regular = true
  const { authority } = assembly
  if (authority === undefined || assembly.section !== SECTION.request) return
  const length = HOST_NAME.length + authority.length + LINE_EXTRA
  const bytes = reserveHead(assembly, length, lineLength)
  const at = assembly.tail
  bytes.copyWithin(at + length, at, at + lineLength)
  writeLine(bytes, at, HOST_NAME, authority)
  keepLine(assembly, HOST_NAME.length, authority.length, HOST_HASH, FIELD.host)
}

const HOST_NAME = 'host'
const HOST_HASH = hashName(HOST_NAME)

function writeLine(bytes: Buffer, at: number, name: string, value: string): void {
  writeText(bytes, name, at)
  bytes[at + name.length] = COLON
  bytes[at + name.length + 1] = SPACE
  const start = at + name.length + 2
  if (value.length <= LOOP_BYTES)
    for (let i = 0; i < value.length; i++) bytes[start + i] = value.charCodeAt(i)
  else writeText(bytes, value, start)
  bytes[start + value.length] = CR
  bytes[start + value.length + 1] = LF
}

const COLON = 58
const SPACE = 32
const CR = 13
const LF = 10
const SEMICOLON = 59
const LOOP_BYTES = 24

function keepLine(
  assembly: HeadAssembly,
  nameLength: number,
  valueLength: number,
  hash: number,
  marks: number,
): void {
  const { block, tail } = assembly
  const length = nameLength + valueLength + LINE_EXTRA
  if (tail + length > block.limits.bytesMax) assembly.excess ??= HEAD_PROBLEM.tooLarge
  if (block.count >= block.limits.fieldsMax) assembly.excess ??= HEAD_PROBLEM.tooMany
  if (assembly.excess !== undefined) return
  const known = marks & 0xff
  const at = block.count * FIELD_STRIDE
  if (at === block.fields.length) growFields(block)
  const { fields } = block
  fields[at + NAME_START] = tail
  fields[at + NAME_END] = tail + nameLength
  fields[at + VALUE_START] = tail + nameLength + 2
  fields[at + VALUE_END] = tail + length - 2
  fields[at + NAME_HASH] = hash
  fields[at + MARKS] = marks
  block.count++
  if (known !== 0) {
    if (block.known[known] === 0) block.known[known] = block.count
    else block.repeated |= 1 << known
  }
  assembly.tail = tail + length
}

function keepCookie(assembly: HeadAssembly, start: number, length: number, marks: number): void {
  if (assembly.tail + assembly.cookiesLength + length + 2 > assembly.block.limits.bytesMax)
    assembly.excess ??= HEAD_PROBLEM.tooLarge
  if (assembly.excess !== undefined) return
  if (assembly.cookiesLength + length + 2 > assembly.cookies.length) {
    const larger = Buffer.allocUnsafeSlow((assembly.cookiesLength + length + 2) * 2)
    assembly.cookies.copy(larger, 0, 0, assembly.cookiesLength)
    assembly.cookies = larger
  }
  if (assembly.cookiesLength > 0) {
    assembly.cookies[assembly.cookiesLength++] = SEMICOLON
    assembly.cookies[assembly.cookiesLength++] = SPACE
  }
  assembly.block.storage.copy(assembly.cookies, assembly.cookiesLength, start, start + length)
  assembly.cookiesLength += length
  if ((marks & MARK_NEVER_INDEXED) !== 0) assembly.cookiesNeverIndexed = true
}

const COOKIE = 'cookie'
const COOKIE_HASH = hashName(COOKIE)

/** The section is complete: what had to wait for that is put behind the lines. */
export function endHead(assembly: HeadAssembly): void {
  if (!assembly.regular) beginRegular(assembly, 0)
  const { cookiesLength } = assembly
  if (cookiesLength > 0) {
    const bytes = reserveHead(assembly, COOKIE.length + cookiesLength + LINE_EXTRA)
    writeLine(bytes, assembly.tail, COOKIE, '')
    const start = assembly.tail + COOKIE.length + 2
    assembly.cookies.copy(bytes, start, 0, cookiesLength)
    bytes[start + cookiesLength] = CR
    bytes[start + cookiesLength + 1] = LF
    const marks = assembly.cookiesNeverIndexed ? MARK_NEVER_INDEXED : 0
    keepLine(assembly, COOKIE.length, cookiesLength, COOKIE_HASH, marks)
  }
  assembly.block.length = assembly.tail
}

function isText(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}
