import { assert } from '../../base/index.ts'

/**
 * Fields that the engine looks at on every message: the scanner notes where each is, so nothing searches for it. There can
 * be 31, as their numbers are bits of masks.
 */
export const KNOWN_FIELDS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'keep-alive',
  'proxy-connection',
  'http2-settings',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'server',
  'date',
  'x-envoy-upstream-service-time',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-envoy-decorator-operation',
  'x-envoy-attempt-count',
  'user-agent',
  'content-type',
  'grpc-timeout',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
] as const

export type KnownField = (typeof KNOWN_FIELDS)[number]

/** Number of a known field: its place in the list, from 1; 0 is any other field. */
export const FIELD = Object.fromEntries(KNOWN_FIELDS.map((name, index) => [name, index + 1])) as Readonly<
  Record<KnownField, number>
>

export const KNOWN_COUNT: number = KNOWN_FIELDS.length + 1

/** The hash that the scanner builds while it lower-cases a name; the same for a name in lower case. */
export function hashName(name: string): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0
  return hash
}

const SLOT_BITS = 11
const SLOT_FIELD = new Uint8Array(1 << SLOT_BITS)
const FIELD_HASH = new Int32Array(KNOWN_COUNT)
const FIELD_LENGTH = new Uint8Array(KNOWN_COUNT)
for (const [index, name] of KNOWN_FIELDS.entries()) {
  const hash = hashName(name)
  assert(SLOT_FIELD[slotOf(hash)] === 0, `two known fields share the slot of ${name}: enlarge the table`)
  SLOT_FIELD[slotOf(hash)] = index + 1
  FIELD_HASH[index + 1] = hash
  FIELD_LENGTH[index + 1] = name.length
}

/**
 * The number of the known field with this hash and length, or 0. The caller compares the bytes: another name may
 * have the same hash.
 */
export function knownField(hash: number, length: number): number {
  const field = SLOT_FIELD[slotOf(hash)] as number
  return field !== 0 && FIELD_HASH[field] === hash && FIELD_LENGTH[field] === length ? field : 0
}

function slotOf(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> (32 - SLOT_BITS)
}
