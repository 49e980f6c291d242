import { NAME_LOWER, VALUE_BYTE } from '../../http1/characters.ts'
import { equalsText, isKnownName } from '../../http1/head-block.ts'
import { FIELD, KNOWN_COUNT, hashName, knownField } from '../../http1/known-fields.ts'
import { textOf } from '../../http1/latin1.ts'

/**
 * What has to be known of a field line to judge it, found out once when the line comes as a literal and kept with it in
 * the table: the number of the known field in the low eight bits, a treatment above it, and a mark for a bad value.
 */
const TREATMENT_SHIFT = 8
const TREATMENT_MASK = 0x1f
export const BAD_VALUE = 1 << 16

export const TREAT = {
  plain: 0,
  method: 1,
  path: 2,
  scheme: 3,
  authority: 4,
  protocol: 5,
  status: 6,
  /** The last of the pseudo-header fields. */
  unknownPseudo: 7,
  /** Of a connection of HTTP/1.1: makes the message malformed (RFC 9113, 8.2.2). */
  connectionSpecific: 8,
  te: 9,
  cookie: 10,
  host: 11,
  contentLength: 12,
  /** An upper-case letter, or a byte that no name may hold. */
  badName: 13,
} as const

export function treatmentOf(fieldClass: number): number {
  return (fieldClass >>> TREATMENT_SHIFT) & TREATMENT_MASK
}

const PSEUDO: Readonly<Record<string, number>> = {
  ':method': TREAT.method,
  ':path': TREAT.path,
  ':scheme': TREAT.scheme,
  ':authority': TREAT.authority,
  ':protocol': TREAT.protocol,
  ':status': TREAT.status,
}

/** Treatment of each known field by its number. */
const KNOWN_TREATMENT = new Uint8Array(KNOWN_COUNT)
for (const name of [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
] as const) {
  KNOWN_TREATMENT[FIELD[name]] = TREAT.connectionSpecific
}
KNOWN_TREATMENT[FIELD.te] = TREAT.te
KNOWN_TREATMENT[FIELD.host] = TREAT.host
KNOWN_TREATMENT[FIELD['content-length']] = TREAT.contentLength

const COOKIE_HASH = hashName('cookie')
const COLON = 58
const SPACE = 32
const TAB = 9

/** The hash of a name as the HTTP/1.1 scanner makes it, without judging the bytes. */
export function nameHash(bytes: Buffer, start: number, length: number): number {
  let hash = 0
  for (let i = start; i < start + length; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0
  return hash
}

/** @param hash that of the name */
export function classifyName(bytes: Buffer, start: number, length: number, hash: number): number {
  if (length === 0) return TREAT.badName << TREATMENT_SHIFT
  if (bytes[start] === COLON) {
    const treatment = PSEUDO[textOf(bytes, start, start + length)] ?? TREAT.unknownPseudo
    return treatment << TREATMENT_SHIFT
  }
  for (let i = start; i < start + length; i++) {
    const code = bytes[i] as number
    // The table says 0 of what no name may hold, so NUL itself has to be asked for.
    if (code === 0 || NAME_LOWER[code] !== code) return TREAT.badName << TREATMENT_SHIFT
  }
  const known = knownField(hash, length)
  if (known !== 0 && isKnownName(bytes, start, known)) {
    return known | ((KNOWN_TREATMENT[known] as number) << TREATMENT_SHIFT)
  }
  const isCookie = hash === COOKIE_HASH && length === 6 && equalsText(bytes, start, 'cookie')
  return isCookie ? TREAT.cookie << TREATMENT_SHIFT : 0
}

/** @returns `BAD_VALUE` for a value with a control character, or with a blank at either end (RFC 9113, 8.2.1) */
export function classifyValue(bytes: Buffer, start: number, length: number): number {
  if (length === 0) return 0
  const end = start + length
  if (isBlank(bytes[start] as number) || isBlank(bytes[end - 1] as number)) return BAD_VALUE
  for (let i = start; i < end; i++) if (VALUE_BYTE[bytes[i] as number] === 0) return BAD_VALUE
  return 0
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
