import { JWT, type JwtProblem } from './problems.ts'

/** A token in compact form (RFC 7515, 7519), read and not yet believed. */
export interface Token {
  readonly alg: string
  readonly kid: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly issuer: string
  readonly subject: string | undefined
  readonly audiences: readonly string[]
  /** Seconds since 1970; undefined: without. */
  readonly notBefore: number | undefined
  readonly expiry: number | undefined
  /** As it came, base64url. */
  readonly payload: string
  /** What the signature is for. */
  readonly signed: string
  readonly signature: Buffer
}

/** Longer ones are not read: no field of a request is as long either. */
const TOKEN_LENGTH_MAX = 64 * 1024

export function parseToken(text: string): Token | JwtProblem {
  const parts = text.split('.', 4)
  const [header = '', payload = '', signature = ''] = parts
  if (parts.length !== 3 || text.length > TOKEN_LENGTH_MAX) return JWT.form
  const head = parsePart(header, JWT.headerBase64, JWT.headerJson)
  if (typeof head === 'string') return head
  const { alg, kid } = head
  if (typeof alg !== 'string') return JWT.algMissing
  if (kid !== undefined && typeof kid !== 'string') return JWT.kid
  const claims = parsePart(payload, JWT.payloadBase64, JWT.payloadJson)
  if (typeof claims === 'string') return claims
  if (!isBase64Url(signature)) return JWT.signatureBase64
  const registered = readClaims(claims)
  if (typeof registered === 'string') return registered
  return {
    alg,
    kid,
    claims,
    ...registered,
    payload,
    signed: `${header}.${payload}`,
    signature: Buffer.from(signature, 'base64url'),
  }
}

function parsePart(
  text: string,
  badText: JwtProblem,
  badJson: JwtProblem,
): Readonly<Record<string, unknown>> | JwtProblem {
  if (!isBase64Url(text)) return badText
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>
  } catch {
    // Told below.
  }
  return badJson
}

function isBase64Url(text: string): boolean {
  return /^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1
}

type Registered = Pick<Token, 'issuer' | 'subject' | 'audiences' | 'notBefore' | 'expiry'>

function readClaims(claims: Readonly<Record<string, unknown>>): Registered | JwtProblem {
  const { iss: issuer = '', sub: subject, nbf: notBefore, exp: expiry, aud = [] } = claims
  if (typeof issuer !== 'string') return JWT.issuerType
  if (subject !== undefined && typeof subject !== 'string') return JWT.subjectType
  if (!isTime(notBefore)) return JWT.notBeforeType
  if (!isTime(expiry)) return JWT.expiryType
  const audiences: unknown = typeof aud === 'string' ? [aud] : aud
  if (!isTexts(audiences)) return JWT.audienceType
  return { issuer, subject, audiences, notBefore, expiry }
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
