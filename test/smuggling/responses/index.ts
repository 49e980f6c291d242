import type { ResponseCase } from '../cases.ts'
import { RESPONSE_FRAMING_CASES } from './framing.ts'
import { RESPONSE_HEAD_CASES } from './heads.ts'

/** The raw responses, by what they are about. */
export const RESPONSE_CASES: Readonly<Record<string, readonly ResponseCase[]>> = {
  'framing of responses': RESPONSE_FRAMING_CASES,
  'heads of responses': RESPONSE_HEAD_CASES,
}
