/** What the first bytes of a connection say about its protocol. */
export type Sniffed = 'http1' | 'http2' | 'other' | 'more'

/** Enough for a request line with an ordinary path; longer ones are recognised by their beginning. */
const LINE_BYTES_MAX = 512
const PREFACE = 'PRI * HTTP/2.0\r\n'
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']

/**
 * Reads a request line, version included: `GET key` of a text protocol is not one.
 * @see Envoy, HTTP inspector
 */
export function sniff(bytes: Buffer, start: number, end: number): Sniffed {
  const text = bytes.toString('latin1', start, Math.min(end, start + LINE_BYTES_MAX))
  if (PREFACE.startsWith(text.slice(0, PREFACE.length))) {
    if (text.length >= PREFACE.length) return 'http2'
    return 'more'
  }
  const blank = text.indexOf(' ')
  if (blank < 0) return METHODS.some((method) => method.startsWith(text)) ? 'more' : 'other'
  if (!METHODS.includes(text.slice(0, blank))) return 'other'
  const lineEnd = text.indexOf('\n')
  if (lineEnd >= 0) return / HTTP\/1\.[01]\r?$/.test(text.slice(0, lineEnd)) ? 'http1' : 'other'
  if (text.length < LINE_BYTES_MAX) return 'more'
  return text[blank + 1] === '/' ? 'http1' : 'other'
}
