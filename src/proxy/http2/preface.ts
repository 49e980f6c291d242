import { PREFACE } from './protocol.ts'

/** What the first bytes of a connection say. */
export type PrefaceVerdict = 'http2' | 'other' | 'more'

/**
 * Recognises the preface of a client that speaks HTTP/2 without having asked (prior knowledge): after its first line no other
 * protocol can follow, so the rest need not have arrived.
 */
export function detectPreface(bytes: Uint8Array, start: number, end: number): PrefaceVerdict {
  const length = Math.min(end - start, FIRST_LINE_BYTES)
  for (let i = 0; i < length; i++) if (bytes[start + i] !== PREFACE[i]) return 'other'
  return length === FIRST_LINE_BYTES ? 'http2' : 'more'
}

const FIRST_LINE_BYTES = 'PRI * HTTP/2.0\r\n'.length
