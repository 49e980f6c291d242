import type { JwtRule } from '../../../model/index.ts'
import type { RequestAuth } from '../../../policy/index.ts'
import { isKnownAlgorithm, verifySignature } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { JWT, type JwtProblem } from './problems.ts'
import { parseToken, type Token } from './token.ts'

/** A token that is believed. */
export interface VerifiedToken {
  readonly auth: RequestAuth
  readonly token: Token
}

/** Verifies tokens by one rule, and remembers those that held. */
export interface JwtVerifier {
  readonly rule: JwtRule
  readonly keys: KeySource
  /** @param now milliseconds of the wall clock */
  readonly verify: (text: string, now: number) => VerifiedToken | JwtProblem
}

/** Of each rule; a token that was verified once is good until it expires or the keys change. */
const REMEMBERED_MAX = 1000
/** Envoy's clock_skew_seconds. */
const SKEW_SECONDS = 60

export function createJwtVerifier(rule: JwtRule, keys: KeySource): JwtVerifier {
  const remembered = new Map<string, VerifiedToken>()
  let keysThen: unknown

  function verifyAnew(text: string): VerifiedToken | JwtProblem {
    const token = parseToken(text)
    if (typeof token === 'string') return token
    if (token.issuer !== rule.issuer) return JWT.issuer
    if (!isKnownAlgorithm(token.alg)) return JWT.algUnknown
    const known = keys.current()
    if (typeof known === 'string') return known
    const problem = verifySignature(token, known)
    if (problem !== undefined) return problem
    return { token, auth: authOf(token, rule) }
  }

  return {
    rule,
    keys,
    verify(text, now) {
      const current = keys.current()
      if (current !== keysThen) remembered.clear()
      keysThen = current
      const before = remembered.get(text)
      const verified = before ?? verifyAnew(text)
      if (typeof verified === 'string') return verified
      const problem = problemNow(verified.token, rule, now / 1000)
      if (problem !== undefined) {
        remembered.delete(text)
        return problem
      }
      if (before === undefined) {
        if (remembered.size >= REMEMBERED_MAX) dropOldest(remembered)
        remembered.set(text, verified)
      }
      return verified
    },
  }
}

function dropOldest(remembered: Map<string, unknown>): void {
  const [oldest] = remembered.keys()
  if (oldest !== undefined) remembered.delete(oldest)
}

function problemNow(token: Token, { audiences }: JwtRule, now: number): JwtProblem | undefined {
  const { notBefore, expiry } = token
  if (notBefore !== undefined && now < notBefore - SKEW_SECONDS) return JWT.early
  if (expiry !== undefined && now > expiry + SKEW_SECONDS) return JWT.expired
  if (audiences.length > 0 && !audiences.some((one) => isAmong(one, token.audiences))) return JWT.audience
  return undefined
}

/** Without scheme and the slash at the end, as Envoy compares them. */
function isAmong(wanted: string, audiences: readonly string[]): boolean {
  const plain = plainAudience(wanted)
  return audiences.some((one) => plainAudience(one) === plain)
}

function plainAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '')
}

function authOf({ claims, issuer, subject }: Token, rule: JwtRule): RequestAuth {
  const split = rule.spaceDelimitedClaims.flatMap((name): [string, unknown][] => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined
    return typeof value === 'string' && value.includes(' ') ? [[name, value.split(/ +/).filter(Boolean)]] : []
  })
  return {
    claims: split.length === 0 ? claims : { ...claims, ...Object.fromEntries(split) },
    issuer,
    subject,
  }
}
