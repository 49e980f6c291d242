import type { Http2Case } from '../cases.ts'
import { HTTP2_BODY_CASES } from './bodies.ts'
import { HTTP2_FIELD_CASES } from './fields.ts'

/** Requests of HTTP/2 on their way to HTTP/1.1, by what they are about. */
export const HTTP2_CASES: Readonly<Record<string, readonly Http2Case[]>> = {
  'heads of HTTP/2': HTTP2_FIELD_CASES,
  'bodies of HTTP/2': HTTP2_BODY_CASES,
}
