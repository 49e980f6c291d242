import { NAME_LOWER } from './characters.ts'
import { FIELD } from './known-fields.ts'
import {
  dropField,
  dropKnown,
  FIELD_STRIDE,
  hasField,
  type HeadBlock,
  isRepeated,
  knownValue,
  MARK_FIELD,
  MARKS,
  valueAt,
} from './head-block.ts'
import { hashName } from './known-fields.ts'

/** How a message body ends. */
export type BodyKind = (typeof BODY)[keyof typeof BODY]
export const BODY = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const

export interface Framing {
  kind: BodyKind
  /** For `length`: bytes of the body. */
  length: number
  /** The connection can carry another message after this one, as far as the sender says. */
  keepAlive: boolean
  /** The protocol named by `upgrade`, in lower case, when `connection` names it too; else empty. */
  upgrade: string
}

export function createFraming(): Framing {
  return { kind: BODY.none, length: 0, keepAlive: true, upgrade: '' }
}

/**
 * Body and connection rules of a request (RFC 9112 sections 6 and 9). Anything that two readers could take for
 * different lengths is refused rather than repaired.
 * @returns undefined, or what is wrong (Envoy's response code details)
 */
export function requestFraming(block: HeadBlock, framing: Framing): string | undefined {
  const problem = readConnection(block, framing)
  if (problem !== undefined) return problem
  framing.kind = BODY.none
  framing.length = 0
  const bodyProblem = hasField(block, FIELD['transfer-encoding'])
    ? readCoding(block, framing)
    : readLength(block, framing)
  // RFC 9110 7.8: a server may ignore an upgrade. With a body it has to: some read the body as the new protocol already.
  if (framing.kind !== BODY.none) framing.upgrade = ''
  return bodyProblem
}

/**
 * The same for a response.
 * @param bodyless the request's method or the status says that no body follows (HEAD, 1xx, 204, 304)
 */
export function responseFraming(block: HeadBlock, framing: Framing, bodyless: boolean): string | undefined {
  const problem = readConnection(block, framing) ?? readNoContent(block)
  if (problem !== undefined) return problem
  framing.kind = BODY.untilClose
  framing.length = 0
  const chunked = hasField(block, FIELD['transfer-encoding'])
  if (chunked) {
    const codingProblem = readCoding(block, framing)
    if (codingProblem !== undefined) return codingProblem
  } else if (hasField(block, FIELD['content-length'])) {
    const lengthProblem = readLength(block, framing)
    if (lengthProblem !== undefined) return lengthProblem
  } else {
    framing.keepAlive = false
  }
  if (bodyless) {
    framing.kind = BODY.none
    // Without a body nothing has to be delimited by the end of the connection.
    if (!chunked && !hasField(block, FIELD['content-length'])) framing.keepAlive = saysKeepAlive(block)
  }
  return undefined
}

/**
 * Informational responses and 204 have neither length nor coding (RFC 9110 8.6, RFC 9112 6.1): a reader who went by
 * them would take the next response for a body. A length of 0 is common and harmless, and goes no further.
 */
function readNoContent(block: HeadBlock): string | undefined {
  const { status } = block
  if (status >= 200 && status !== 204) return undefined
  if (hasField(block, FIELD['transfer-encoding'])) return 'http1.transfer_encoding_not_allowed'
  if (!hasField(block, FIELD['content-length'])) return undefined
  if (isRepeated(block, FIELD['content-length']) || knownValue(block, FIELD['content-length']) !== '0') {
    return 'http1.content_length_not_allowed'
  }
  dropKnown(block, FIELD['content-length'])
  return undefined
}

/** `transfer-encoding` is there: chunked alone, without a length beside it, and not in HTTP/1.0. */
function readCoding(block: HeadBlock, framing: Framing): string | undefined {
  if (block.minor === 0) return 'http1.transfer_encoding_in_http_1_0'
  if (hasField(block, FIELD['content-length'])) return 'http1.content_length_and_chunked_not_allowed'
  if (!isChunkedOnly(block)) return 'http1.invalid_transfer_encoding'
  framing.kind = BODY.chunked
  return undefined
}

function readLength(block: HeadBlock, framing: Framing): string | undefined {
  if (!hasField(block, FIELD['content-length'])) return undefined
  if (isRepeated(block, FIELD['content-length'])) return 'http1.multiple_content_length'
  const text = knownValue(block, FIELD['content-length']) as string
  // 15 digits stay below 2^53; a sign, a list or a blank is not a length.
  if (text.length === 0 || text.length > 15) return 'http1.invalid_content_length'
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return 'http1.invalid_content_length'
    length = length * 10 + digit
  }
  framing.kind = length === 0 ? BODY.none : BODY.length
  framing.length = length
  return undefined
}

function isChunkedOnly(block: HeadBlock): boolean {
  return (
    !isRepeated(block, FIELD['transfer-encoding']) &&
    knownValue(block, FIELD['transfer-encoding'])?.toLowerCase() === 'chunked'
  )
}

function saysKeepAlive(block: HeadBlock): boolean {
  const options = knownValue(block, FIELD.connection)?.toLowerCase() ?? ''
  return block.minor === 1 ? !options.includes('close') : options.includes('keep-alive')
}

/** Fields that must not be taken away by naming them in `connection`: doing so would change what the message means. */
const PROTECTED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-client-cert',
  'authorization',
  'cookie',
  'x-request-id',
])

/** Reads `connection`, and drops the fields that it names. */
function readConnection(block: HeadBlock, framing: Framing): string | undefined {
  framing.keepAlive = block.minor === 1
  framing.upgrade = ''
  if (!hasField(block, FIELD.connection)) return undefined
  closes = false
  for (let index = 0; index < block.count; index++) {
    if (((block.fields[index * FIELD_STRIDE + MARKS] as number) & MARK_FIELD) !== FIELD.connection) continue
    const problem = readOptions(block, framing, valueAt(block, index))
    if (problem !== undefined) return problem
  }
  // RFC 9112 9.3: whatever else is said, `close` counts; and HTTP/1.0 knows no upgrade (RFC 9110 7.8).
  if (closes) framing.keepAlive = false
  if (block.minor === 0) framing.upgrade = ''
  return undefined
}

/** Of the head being read: an option was `close`. */
let closes = false

function readOptions(block: HeadBlock, framing: Framing, value: string): string | undefined {
  if (value === 'keep-alive' || value === 'close') {
    if (value === 'close') closes = true
    else framing.keepAlive = true
    return undefined
  }
  for (const part of value.toLowerCase().split(',')) {
    const option = withoutBlanks(part)
    if (option === 'close') closes = true
    else if (option === 'keep-alive') framing.keepAlive = true
    else if (option === 'upgrade') framing.upgrade = knownValue(block, FIELD.upgrade)?.toLowerCase() ?? ''
    else if (PROTECTED.has(option)) return 'http1.connection_header_rejected'
    else if (option !== '' && !isToken(option)) return 'http1.connection_header_rejected'
    else if (option !== '' && option !== 'te') dropField(block, option, hashName(option))
  }
  return undefined
}

/** `trim` would take away bytes above 127 as well, and with them what makes an option invalid. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '')
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++)
    if ((NAME_LOWER[text.charCodeAt(i) & 255] as number) === 0) return false
  return true
}
