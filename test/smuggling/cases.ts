import type { RuleName } from './rules.ts'

/** How a connection goes on after the bytes of a case; a plain second request always follows them. */
export type Ending =
  /** Everything is answered, and the second request is read as what it is. */
  | 'kept'
  /** One refusal, then the end: the second request is never read. */
  | 'refused'
  /** Answered, and then ended as the client asked. */
  | 'closed'
  /** The bytes are the beginning of a request whose rest never comes; no second request follows. */
  | 'unfinished'

export interface RequestCase {
  readonly name: string
  readonly rule: RuleName
  readonly bytes: string
  readonly ending: Ending
  /** What the back end must have read, as `METHOD TARGET HOST BODYLENGTH`, with ` +name` for each trailer, ` ^protocol` for an upgrade. */
  readonly meant: readonly string[]
  /** Status of what the proxy answers itself. */
  readonly status: number
}

/** The request that follows each case on its connection. */
export const SECOND = 'GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n'
export const SECOND_MEANT = 'GET /second a.example 0'

/** Refused whole: nothing of it may be read as a request by anybody. */
export function refused(rule: RuleName, name: string, bytes: string, status = 400): RequestCase {
  return { rule, name, bytes, ending: 'refused', meant: [], status }
}

/** Read as what is meant, and the connection goes on. */
export function forwarded(
  rule: RuleName,
  name: string,
  bytes: string,
  ...meant: readonly string[]
): RequestCase {
  return { rule, name, bytes, ending: 'kept', meant, status: 0 }
}

/** Read as what is meant; the connection ends with the answer. */
export function closing(
  rule: RuleName,
  name: string,
  bytes: string,
  ...meant: readonly string[]
): RequestCase {
  return { rule, name, bytes, ending: 'closed', meant, status: 0 }
}

/** The first requests are sound; what follows them is refused. */
export function refusedAfter(
  rule: RuleName,
  name: string,
  bytes: string,
  ...meant: readonly string[]
): RequestCase {
  return { rule, name, bytes, ending: 'refused', meant, status: 400 }
}

/** Sound, but answered by the proxy itself. */
export function answered(rule: RuleName, name: string, bytes: string, status: number): RequestCase {
  return { rule, name, bytes, ending: 'kept', meant: [], status }
}

/** Broken off: nobody may take it for a whole request. */
export function unfinished(rule: RuleName, name: string, bytes: string): RequestCase {
  return { rule, name, bytes, ending: 'unfinished', meant: [], status: 0 }
}

/** A POST with these lines, each without its end, and this body. */
export function post(lines: string | readonly string[], body = ''): string {
  return message('POST /p HTTP/1.1', ['Host: a.example', ...[lines].flat()], body)
}

/** A GET with these lines. */
export function get(lines: string | readonly string[] = []): string {
  return message('GET /g HTTP/1.1', ['Host: a.example', ...[lines].flat()], '')
}

/** A GET with this first line. */
export function line(text: string): string {
  return message(text, ['Host: a.example'], '')
}

/** A chunked POST with this body as it is on the wire. */
export function chunked(body: string): string {
  return post('Transfer-Encoding: chunked', body)
}

export function message(first: string, lines: readonly string[], body: string): string {
  return `${[first, ...lines].join('\r\n')}\r\n\r\n${body}`
}

export interface ResponseCase {
  readonly name: string
  readonly rule: RuleName
  /** Method of the request that is answered. */
  readonly method: string
  readonly bytes: string
  /** The server ends the connection after the bytes. */
  readonly ends: boolean
  /** What the client reads: whole, broken off after its head, or an error in its place. */
  readonly outcome: 'passed' | 'broken' | 'rejected'
  /** `STATUS BODYLENGTH`, the informational ones before it. */
  readonly meant: string
}

interface ResponseOptions {
  readonly method?: string
  readonly ends?: boolean
}

/** Passed on as what is meant, `STATUS BODYLENGTH`. */
export function passed(
  rule: RuleName,
  name: string,
  bytes: string,
  meant: string,
  options: ResponseOptions = {},
): ResponseCase {
  return { rule, name, bytes, meant, outcome: 'passed', method: 'GET', ends: false, ...options }
}

/** No head of it reaches the client, who gets a 502. */
export function rejected(
  rule: RuleName,
  name: string,
  bytes: string,
  options: ResponseOptions = {},
): ResponseCase {
  return { rule, name, bytes, meant: '502', outcome: 'rejected', method: 'GET', ends: false, ...options }
}

/** The server ends before there is a head: the client gets a 503. */
export function dropped(rule: RuleName, name: string, bytes: string): ResponseCase {
  return { rule, name, bytes, meant: '503', outcome: 'rejected', method: 'GET', ends: true }
}

/** The head was passed on before it went wrong: the client must see that it is not whole. */
export function broken(
  rule: RuleName,
  name: string,
  bytes: string,
  options: ResponseOptions = {},
): ResponseCase {
  return { rule, name, bytes, meant: '', outcome: 'broken', method: 'GET', ends: false, ...options }
}

/** A response with these lines, each without its end, and this body. */
export function reply(first: string, lines: string | readonly string[] = [], body = ''): string {
  return message(`HTTP/1.1 ${first}`, [lines].flat(), body)
}

export type Fields = readonly (readonly [name: string, value: string])[]

export interface Http2Case {
  readonly name: string
  readonly rule: RuleName
  readonly fields: Fields
  /** Payloads of DATA frames; none: the head ends the stream. */
  readonly data: readonly string[]
  readonly trailers: Fields
  /** Undefined: refused, by whatever means of the protocol. */
  readonly meant: string | undefined
}

export function h2Refused(
  rule: RuleName,
  name: string,
  fields: Fields,
  data: readonly string[] = [],
  trailers: Fields = [],
): Http2Case {
  return { rule, name, fields, data, trailers, meant: undefined }
}

export function h2Forwarded(
  rule: RuleName,
  name: string,
  fields: Fields,
  meant: string,
  ...[data = [], trailers = []]: readonly [data?: readonly string[], trailers?: Fields]
): Http2Case {
  return { rule, name, fields, data, trailers, meant }
}
