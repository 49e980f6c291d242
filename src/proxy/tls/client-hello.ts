/** What the first bytes of a connection say about TLS. */
export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  /** Not enough bytes to tell. */
  | { readonly kind: 'more' }
  /** The first byte is none of a TLS handshake. */
  | { readonly kind: 'other' }
  /** It began as TLS and is not. */
  | { readonly kind: 'malformed'; readonly reason: string }

export interface ClientHello {
  /** Lower case, without a final dot; absent when the client names none. */
  readonly serverName: string | undefined
  readonly protocols: readonly string[]
}

/** The largest hello that is waited for. Browsers' are below 4 KiB, with post-quantum keys. */
export const HELLO_BYTES_MAX = 64 * 1024

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const RECORD_HEADER = 5
/** RFC 8446, 5.1: a plaintext record holds at most this. */
const RECORD_BYTES_MAX = 16 * 1024
const SERVER_NAME = 0
const ALPN = 16
const HOST_NAME = 0
const NAME_BYTES_MAX = 255

const MORE: HelloResult = { kind: 'more' }
const OTHER: HelloResult = { kind: 'other' }

/**
 * Reads server name and protocols from a ClientHello, whose bytes stay as they are: it may come in several records
 * and be cut anywhere.
 * @see RFC 8446, 4.1.2 and 5.1; RFC 6066, 3; RFC 7301, 3.1
 */
export function parseClientHello(bytes: Uint8Array): HelloResult {
  if (bytes.length === 0) return MORE
  if (bytes[0] !== HANDSHAKE) return OTHER
  const { content, problem } = joinRecords(bytes)
  const unfinished = problem === undefined ? MORE : malformed(problem)
  if (content.length > 0 && content[0] !== CLIENT_HELLO) return malformed('it begins with no ClientHello')
  if (content.length < 4) return unfinished
  const length = uint24(content, 1)
  if (length > HELLO_BYTES_MAX) return malformed(`its ClientHello has ${length} bytes`)
  if (content.length < 4 + length) return unfinished
  return readBody(content.subarray(4, 4 + length))
}

/** The handshake bytes of all records that have arrived, the last one maybe in part; and what is wrong with the next. */
function joinRecords(bytes: Uint8Array): {
  readonly content: Uint8Array
  readonly problem: string | undefined
} {
  const parts: Uint8Array[] = []
  let at = 0
  let problem: string | undefined
  while (at < bytes.length) {
    if (bytes[at] !== HANDSHAKE) {
      problem = 'a record is none of a handshake'
      break
    }
    const major = bytes[at + 1]
    if (major !== undefined && major !== 3) {
      problem = 'its version is none of TLS'
      break
    }
    if (at + RECORD_HEADER > bytes.length) break
    const length = uint16(bytes, at + 3)
    if (length === 0 || length > RECORD_BYTES_MAX) {
      problem = `a record has ${length} bytes`
      break
    }
    parts.push(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length))
    at += RECORD_HEADER + length
  }
  return { content: parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts), problem }
}

function readBody(body: Uint8Array): HelloResult {
  const reader = createReader(body)
  reader.skip(2 + 32) // version and random
  reader.skip(reader.uint8()) // session id
  reader.skip(reader.uint16()) // cipher suites
  reader.skip(reader.uint8()) // compression methods
  if (reader.failed()) return malformed('its ClientHello is cut short')
  let serverName: string | undefined
  let protocols: readonly string[] = []
  if (reader.left() > 0) {
    const extensions = createReader(reader.take(reader.uint16()))
    while (extensions.left() > 0 && !extensions.failed()) {
      const type = extensions.uint16()
      const content = extensions.take(extensions.uint16())
      if (type === SERVER_NAME) {
        const name = readServerName(content)
        if (name === undefined) return malformed('its server name is no host name')
        serverName = name
      } else if (type === ALPN) protocols = readProtocols(content)
    }
    if (reader.failed() || extensions.failed()) return malformed('an extension is cut short')
  }
  return { kind: 'hello', hello: { serverName, protocols } }
}

/** @returns undefined when it is no host name */
function readServerName(content: Uint8Array): string | undefined {
  const reader = createReader(content)
  const names = createReader(reader.take(reader.uint16()))
  while (names.left() > 0 && !names.failed()) {
    const type = names.uint8()
    const bytes = names.take(names.uint16())
    if (names.failed() || type !== HOST_NAME) continue
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').toLowerCase()
    return bytes.length <= NAME_BYTES_MAX && HOST.test(name) ? name.replace(/\.$/, '') : undefined
  }
  return undefined
}

/** Looser than DNS, since names with underscores are in use; nothing that could be read as a pattern. */
const HOST = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/

function readProtocols(content: Uint8Array): readonly string[] {
  const reader = createReader(content)
  const list = createReader(reader.take(reader.uint16()))
  const protocols: string[] = []
  while (list.left() > 0 && !list.failed()) {
    const bytes = list.take(list.uint8())
    if (!list.failed()) protocols.push(Buffer.from(bytes).toString('latin1'))
  }
  return protocols
}

/** Reads forward and never past the end: what is missing reads as nothing and is remembered as a failure. */
function createReader(bytes: Uint8Array) {
  let at = 0
  let short = false
  function has(count: number): boolean {
    if (at + count <= bytes.length) return true
    short = true
    at = bytes.length
    return false
  }
  return {
    left: () => bytes.length - at,
    failed: () => short,
    skip(count: number): void {
      if (has(count)) at += count
    },
    uint8(): number {
      return has(1) ? (bytes[at++] as number) : 0
    },
    uint16(): number {
      if (!has(2)) return 0
      at += 2
      return uint16(bytes, at - 2)
    },
    take(count: number): Uint8Array {
      if (!has(count)) return bytes.subarray(at, at)
      at += count
      return bytes.subarray(at - count, at)
    },
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | uint16(bytes, at + 1)
}

function malformed(reason: string): HelloResult {
  return { kind: 'malformed', reason }
}
