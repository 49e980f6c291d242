/**
 * Reads HTTP/1.1 as its grammar is written and takes nothing else. It shares nothing with the codec: what the proxy
 * sends is judged by a second reading of RFC 9112.
 */
export interface ReadMessage {
  readonly first: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly trailers: readonly (readonly [name: string, value: string])[]
  /** Index after its last byte. */
  readonly end: number
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const REQUEST_LINE = new RegExp(`^${TOKEN} [\\x21\\x22\\x24-\\x7e]+ HTTP/1\\.1$`)
const STATUS_LINE = /^HTTP\/1\.1 [1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*$/
const FIELD_LINE = new RegExp(`^(${TOKEN}):[ \\t]*([^\\x00-\\x08\\x0a-\\x1f\\x7f]*?)[ \\t]*$`)
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})$/

/** @returns undefined while the request is not whole; throws for what no request begins with */
export function readRequest(text: string, start: number): ReadMessage | undefined {
  const head = readHead(text, start, REQUEST_LINE)
  if (head === undefined) return undefined
  if (valuesOf(head.fields, 'host').length !== 1) throw new Error('a request has one host')
  const framing = framingOf(head.fields)
  return readBody(text, head, framing === 'none' ? 0 : framing)
}

/**
 * @param ended the sender has ended the connection
 * @returns undefined while the response is not whole
 */
export function readResponse(
  text: string,
  start: number,
  options: { readonly method: string; readonly ended: boolean },
): ReadMessage | undefined {
  const head = readHead(text, start, STATUS_LINE)
  if (head === undefined) return undefined
  const status = statusOf(head.first)
  const framing = framingOf(head.fields)
  if (status < 200 || status === 204) {
    if (framing !== 'none') throw new Error(`${status} announces a body`)
    return readBody(text, head, 0)
  }
  if (options.method === 'HEAD' || status === 304) return readBody(text, head, 0)
  if (framing !== 'none') return readBody(text, head, framing)
  return options.ended ? { ...head, body: text.slice(head.end), trailers: [], end: text.length } : undefined
}

export function statusOf(line: string): number {
  return Number(line.slice(9, 12))
}

export function valuesOf(fields: ReadMessage['fields'], name: string): readonly string[] {
  return fields.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value)
}

type Head = Pick<ReadMessage, 'first' | 'fields' | 'end'>

function readHead(text: string, start: number, firstLine: RegExp): Head | undefined {
  const stop = text.indexOf('\r\n\r\n', start)
  if (stop < 0) {
    // What cannot begin a message is said at once, not when its end comes.
    if (/[\r\n]/.test(text.slice(start, start + 2)))
      throw new Error('an empty line in the place of a message')
    return undefined
  }
  const [first = '', ...lines] = text.slice(start, stop).split('\r\n')
  if (!firstLine.test(first)) throw new Error(`not a first line: ${JSON.stringify(first)}`)
  return { first, fields: lines.map(readField), end: stop + 4 }
}

function readField(text: string): readonly [string, string] {
  const match = FIELD_LINE.exec(text)
  if (match === null) throw new Error(`not a field line: ${JSON.stringify(text)}`)
  return [match[1] as string, match[2] as string]
}

function framingOf(fields: ReadMessage['fields']): 'none' | 'chunked' | number {
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length + lengths.length > 1) throw new Error('more than one framing')
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new Error(`transfer coding ${codings[0]}`)
    return 'chunked'
  }
  if (lengths.length === 0) return 'none'
  if (!/^[0-9]{1,15}$/.test(lengths[0] as string)) throw new Error(`length ${lengths[0]}`)
  return Number(lengths[0])
}

function readBody(text: string, head: Head, framing: 'chunked' | number): ReadMessage | undefined {
  if (framing === 'chunked') return readChunks(text, head)
  const end = head.end + framing
  return end > text.length ? undefined : { ...head, body: text.slice(head.end, end), trailers: [], end }
}

function readChunks(text: string, head: Head): ReadMessage | undefined {
  let body = ''
  let at = head.end
  for (;;) {
    const stop = text.indexOf('\r\n', at)
    if (stop < 0) return undefined
    const match = CHUNK_LINE.exec(text.slice(at, stop))
    if (match === null) throw new Error(`not a chunk size: ${JSON.stringify(text.slice(at, stop))}`)
    const size = Number.parseInt(match[1] as string, 16)
    at = stop + 2
    if (size === 0) break
    if (at + size + 2 > text.length) return undefined
    if (text.slice(at + size, at + size + 2) !== '\r\n') throw new Error('a chunk is longer than its size')
    body += text.slice(at, at + size)
    at += size + 2
  }
  const trailers: (readonly [string, string])[] = []
  for (;;) {
    const stop = text.indexOf('\r\n', at)
    if (stop < 0) return undefined
    if (stop === at) return { ...head, body, trailers, end: at + 2 }
    trailers.push(readField(text.slice(at, stop)))
    at = stop + 2
  }
}
