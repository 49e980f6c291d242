import type { RequestCase } from '../cases.ts'
import { CHUNK_CASES } from './chunks.ts'
import { CODING_CASES } from './codings.ts'
import { FIELD_CASES } from './fields.ts'
import { LENGTH_CASES } from './lengths.ts'
import { LINE_CASES } from './lines.ts'
import { TARGET_CASES } from './targets.ts'

/** The raw requests, by what they are about. */
export const REQUEST_CASES: Readonly<Record<string, readonly RequestCase[]>> = {
  'lengths of requests': LENGTH_CASES,
  'transfer codings of requests': CODING_CASES,
  'chunked requests': CHUNK_CASES,
  'request lines': LINE_CASES,
  'targets and hosts': TARGET_CASES,
  'fields of requests': FIELD_CASES,
}
