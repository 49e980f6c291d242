import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { JWT, type JwtProblem } from './problems.ts'
import type { Token } from './token.ts'

/** Keys of an issuer (RFC 7517) that signatures can be verified with. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
}

interface VerificationKey {
  readonly kid: string | undefined
  /** The one that it is for; undefined: any that fits. */
  readonly alg: string | undefined
  readonly family: string
  readonly key: KeyObject
}

interface Algorithm {
  /** Of keys: the type, and the curve where it matters. */
  readonly family: string
  /** undefined: part of the algorithm. */
  readonly hash: string | undefined
  readonly isPss?: boolean
}

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { family: 'rsa', hash: 'sha256' },
  RS384: { family: 'rsa', hash: 'sha384' },
  RS512: { family: 'rsa', hash: 'sha512' },
  PS256: { family: 'rsa', hash: 'sha256', isPss: true },
  PS384: { family: 'rsa', hash: 'sha384', isPss: true },
  PS512: { family: 'rsa', hash: 'sha512', isPss: true },
  ES256: { family: 'ec prime256v1', hash: 'sha256' },
  ES384: { family: 'ec secp384r1', hash: 'sha384' },
  ES512: { family: 'ec secp521r1', hash: 'sha512' },
  EdDSA: { family: 'ed', hash: undefined },
}

export function isKnownAlgorithm(alg: string): boolean {
  return Object.hasOwn(ALGORITHMS, alg)
}

/** More keys than any issuer has at a time. */
const KEYS_MAX = 100

/** Keys that are of no use here (of other kinds, broken, for encryption) are left out. */
export function parseKeySet(text: string): KeySet | JwtProblem {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return JWT.keysJson
  }
  const list = typeof parsed === 'object' && parsed !== null ? (parsed as { keys?: unknown }).keys : undefined
  if (!Array.isArray(list)) return JWT.keysJson
  const keys = list.slice(0, KEYS_MAX).flatMap((one) => parseKey(one))
  return keys.length === 0 ? JWT.noKeys : { keys }
}

function parseKey(value: unknown): readonly VerificationKey[] {
  if (typeof value !== 'object' || value === null) return []
  const { kid, alg, use, kty } = value as Readonly<Record<string, unknown>>
  // A secret that is shared is none that a mesh could hold for both.
  if (kty === 'oct' || use === 'enc') return []
  try {
    const key = createPublicKey({ key: value as JsonWebKey, format: 'jwk' })
    return [
      {
        kid: typeof kid === 'string' ? kid : undefined,
        alg: typeof alg === 'string' ? alg : undefined,
        family: familyOf(key),
        key,
      },
    ]
  } catch {
    return []
  }
}

function familyOf(key: KeyObject): string {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = key
  if (type === 'ec') return `ec ${details?.namedCurve ?? ''}`
  return type === 'ed25519' || type === 'ed448' ? 'ed' : type
}

/** @returns undefined when one of the keys has signed it */
export function verifySignature(token: Token, { keys }: KeySet): JwtProblem | undefined {
  const algorithm = Object.hasOwn(ALGORITHMS, token.alg) ? ALGORITHMS[token.alg] : undefined
  if (algorithm === undefined) return JWT.algUnknown
  const fitting = keys.filter(
    ({ kid, alg, family }) =>
      family === algorithm.family &&
      (alg === undefined || alg === token.alg) &&
      (kid === undefined || token.kid === undefined || kid === token.kid),
  )
  if (fitting.length === 0) return JWT.noKey
  const data = Buffer.from(token.signed, 'latin1')
  return fitting.some(({ key }) => isSigned(data, token.signature, algorithm, key))
    ? undefined
    : JWT.signature
}

function isSigned(data: Buffer, signature: Buffer, algorithm: Algorithm, key: KeyObject): boolean {
  const { hash = null, isPss } = algorithm
  try {
    return verify(
      hash,
      data,
      {
        key,
        dsaEncoding: 'ieee-p1363',
        ...(isPss === true && {
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }),
      },
      signature,
    )
  } catch {
    return false
  }
}
