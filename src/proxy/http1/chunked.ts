import { HEX_VALUE, NAME_LOWER, VALUE_BYTE } from './characters.ts'
import { EXTENSION as WITHIN, nextExtension } from './chunk-extension.ts'

/** Bytes of chunk extensions in one body, and of all trailers: both are for attackers, hardly for users. */
export const CHUNK_EXTENSION_BYTES_MAX = 4096
export const TRAILER_BYTES_MAX = 8192

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILER_START = 6
const TRAILER_NAME = 7
const TRAILER_VALUE = 8
const TRAILER_LF = 9
const LAST_LF = 10
const DONE = 11
const BAD = 12

/** State of a chunked body between reads (RFC 9112 section 7). */
export interface ChunkedDecoder {
  state: number
  size: number
  digits: number
  /** Where in the extensions of a chunk; see `nextExtension`. */
  extension: number
  extensionBytes: number
  /** The trailer lines as received, names in lower case. */
  trailers: string
  /** After a step: the run of data bytes that it found, empty when start = end. */
  dataStart: number
  dataEnd: number
}

export function createChunkedDecoder(): ChunkedDecoder {
  return {
    state: SIZE,
    size: 0,
    digits: 0,
    extension: WITHIN.name,
    extensionBytes: 0,
    trailers: '',
    dataStart: 0,
    dataEnd: 0,
  }
}

export function resetChunkedDecoder(decoder: ChunkedDecoder): void {
  decoder.state = SIZE
  decoder.size = 0
  decoder.digits = 0
  decoder.extensionBytes = 0
  decoder.trailers = ''
}

export function isChunkedDone(decoder: ChunkedDecoder): boolean {
  return decoder.state === DONE
}

export function isChunkedBad(decoder: ChunkedDecoder): boolean {
  return decoder.state === BAD
}

/**
 * Reads up to the end of the next run of data, of the body, or of the bytes; call until it returns `end`, or the
 * decoder is done or bad. Sizes are plain hexadecimal, lines end in CR LF, well-formed extensions are left out within
 * a limit.
 * @returns the index after the last byte that was read
 */
export function decodeChunked(decoder: ChunkedDecoder, bytes: Buffer, start: number, end: number): number {
  let i = start
  decoder.dataStart = decoder.dataEnd = start
  while (i < end) {
    if (decoder.state === DATA) {
      const run = Math.min(decoder.size, end - i)
      decoder.dataStart = i
      i += run
      decoder.dataEnd = i
      decoder.size -= run
      if (decoder.size === 0) decoder.state = DATA_CR
      return i
    }
    decoder.state = nextState(decoder, bytes[i] as number)
    if (decoder.state === BAD) return i
    i++
    if (decoder.state === DONE) return i
  }
  return i
}

function nextState(decoder: ChunkedDecoder, code: number): number {
  switch (decoder.state) {
    case SIZE:
      return sizeByte(decoder, code)
    case EXTENSION:
      return extensionByte(decoder, code)
    case SIZE_LF:
      if (code !== 10) return BAD
      decoder.digits = 0
      return decoder.size === 0 ? TRAILER_START : DATA
    case DATA_CR:
      return code === 13 ? DATA_LF : BAD
    case DATA_LF:
      return code === 10 ? SIZE : BAD
    default:
      return trailerByte(decoder, code)
  }
}

function sizeByte(decoder: ChunkedDecoder, code: number): number {
  const value = HEX_VALUE[code] as number
  if (value !== 255) {
    decoder.size = decoder.size * 16 + value
    // 12 digits stay far below 2^53 and above any body.
    return ++decoder.digits <= 12 ? SIZE : BAD
  }
  if (decoder.digits === 0) return BAD
  if (code === 13) return SIZE_LF
  if (code !== 59) return BAD
  decoder.extension = WITHIN.name
  return EXTENSION
}

function extensionByte(decoder: ChunkedDecoder, code: number): number {
  const extension = nextExtension(decoder.extension, code)
  decoder.extension = extension
  if (extension === WITHIN.end) return SIZE_LF
  if (extension === WITHIN.bad || ++decoder.extensionBytes > CHUNK_EXTENSION_BYTES_MAX) return BAD
  return EXTENSION
}

function trailerByte(decoder: ChunkedDecoder, code: number): number {
  switch (decoder.state) {
    case TRAILER_START:
      if (code === 13) return LAST_LF
      return trailerName(decoder, code)
    case TRAILER_NAME:
      return code === 58 ? appended(decoder, ':', TRAILER_VALUE) : trailerName(decoder, code)
    case TRAILER_VALUE:
      if (code === 13) return TRAILER_LF
      return VALUE_BYTE[code] === 1 ? appended(decoder, String.fromCharCode(code), TRAILER_VALUE) : BAD
    case TRAILER_LF:
      return code === 10 ? appended(decoder, '\r\n', TRAILER_START) : BAD
    case LAST_LF:
      return code === 10 ? DONE : BAD
    default:
      return BAD
  }
}

function trailerName(decoder: ChunkedDecoder, code: number): number {
  const lower = NAME_LOWER[code] as number
  return lower === 0 ? BAD : appended(decoder, String.fromCharCode(lower), TRAILER_NAME)
}

function appended(decoder: ChunkedDecoder, text: string, state: number): number {
  decoder.trailers += text
  return decoder.trailers.length > TRAILER_BYTES_MAX ? BAD : state
}

/**
 * Fields that a trailer must not bring (RFC 9110 section 6.5.1): they would change framing, routing, who the client is,
 * how the content is read, or what was decided on the head.
 */
const FORBIDDEN = new RegExp(
  `^(?:${[
    'transfer-encoding|content-(?:length|encoding|type|range)',
    'host|forwarded|x-forwarded-.*|x-envoy-.*|x-request-id|x-real-ip|via|max-forwards',
    'connection|proxy-connection|keep-alive|upgrade|http2-settings|te|trailer|expect',
    '(?:proxy-)?(?:authorization|authenticate|authentication-info)|www-authenticate|cookie|set-cookie',
    'range|if-.*|cache-control|pragma|age|expires|vary|date|location|retry-after',
  ].join('|')})$`,
)

/** The trailers that may be passed on, as lines. */
export function forwardedTrailers(decoder: ChunkedDecoder): string {
  if (decoder.trailers === '') return ''
  let lines = ''
  for (const line of decoder.trailers.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && !FORBIDDEN.test(line.slice(0, colon))) lines += `${line}\r\n`
  }
  return lines
}
