import type { Logger } from '../../../base/index.ts'
import type { RequestAuth } from '../../../policy/index.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import type { Exchange } from '../../exchange/types.ts'
import { dropField } from '../../http1/head-block.ts'
import { hashName } from '../../http1/known-fields.ts'
import { createWheelTimer } from '../../net/timer-wheel.ts'
import type { FilterVerdict, Guard } from '../order.ts'
import { resumeChain } from '../run.ts'
import { findTokens, type FoundToken, locationsOf, withoutParameter } from './extract.ts'
import { JWT, type JwtProblem } from './problems.ts'
import type { JwtVerifier, VerifiedToken } from './verifier.ts'

/** What became of tokens, by Envoy's names. */
export interface JwtCounters {
  allowed: number
  denied: number
  cors_preflight_bypassed: number
}

/** The rules that hold for a proxy. */
export interface JwtRules {
  readonly verifiers: readonly JwtVerifier[]
  /** Fields that only this filter may set. */
  readonly outputs: readonly { readonly name: string; readonly hash: number }[]
}

/**
 * Verifies the token of a request, if it has one: a request without passes, and policies may ask for one (Envoy's
 * jwt_authn filter, as Istio sets it up).
 */
export function createJwtGuard(options: {
  readonly rules: () => JwtRules
  readonly counters: JwtCounters
  readonly logger: Logger
}): Guard {
  return (exchange) => {
    if (exchange.isAuthenticated) return 'continue'
    if (isPreflight(exchange)) {
      options.counters.cors_preflight_bypassed++
      return 'continue'
    }
    const rules = options.rules()
    for (const { name, hash } of rules.outputs) dropField(exchange.head, name, hash)
    return authenticate(exchange, rules, { ...options, mayWait: true })
  }
}

function isPreflight(exchange: Exchange): boolean {
  return (
    exchange.method === 'OPTIONS' &&
    (exchange.header('origin') ?? '') !== '' &&
    (exchange.header('access-control-request-method') ?? '') !== ''
  )
}

interface Surroundings {
  readonly counters: JwtCounters
  readonly logger: Logger
  /** For keys that are on their way. */
  readonly mayWait: boolean
}

type Outcome =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'verified'
      readonly verified: VerifiedToken
      readonly found: FoundToken
      readonly verifier: JwtVerifier
    }
  | { readonly kind: 'refused'; readonly problem: JwtProblem; readonly verifier: JwtVerifier | undefined }

function authenticate(exchange: Exchange, rules: JwtRules, around: Surroundings): FilterVerdict {
  const outcome = judge(exchange, rules)
  const { counters } = around
  switch (outcome.kind) {
    case 'none':
      exchange.isAuthenticated = true
      return 'continue'
    case 'verified':
      counters.allowed++
      exchange.isAuthenticated = true
      accept(exchange, outcome)
      return 'continue'
    case 'refused':
      if (around.mayWait && wouldNewKeysHelp(outcome) && outcome.verifier?.keys.refresh() === true) {
        awaitKeys(exchange, outcome.verifier, () => {
          const verdict = authenticate(exchange, rules, { ...around, mayWait: false })
          if (verdict === 'continue') resumeChain(exchange)
        })
        return 'wait'
      }
      counters.denied++
      around.logger.debug('a token is refused', { reason: outcome.problem, path: exchange.path })
      refuse(exchange, outcome.problem)
      return 'stop'
  }
}

/** One token that holds is enough. What is told of others is the last thing but a wrong issuer, as in Envoy. */
function judge(exchange: Exchange, { verifiers }: JwtRules): Outcome {
  let hasToken = false
  let refused: { problem: JwtProblem; verifier: JwtVerifier | undefined } | undefined
  const now = exchange.context.thread.clock.now()
  for (const verifier of verifiers) {
    for (const found of findTokens(exchange, locationsOf(verifier.rule))) {
      hasToken = true
      const verified = verifier.verify(found.text, now)
      if (typeof verified !== 'string') return { kind: 'verified', verified, found, verifier }
      if (verified !== JWT.issuer) refused = { problem: verified, verifier }
    }
  }
  if (!hasToken) return { kind: 'none' }
  return { kind: 'refused', ...(refused ?? { problem: JWT.issuer, verifier: undefined }) }
}

function wouldNewKeysHelp({ problem }: { readonly problem: JwtProblem }): boolean {
  return problem === JWT.fetch || problem === JWT.noKey || problem === JWT.noKeys || problem === JWT.keysJson
}

/** A request waits for keys as long as their rule says, and not longer than anybody would for a connection. */
const WAIT_MAX_MS = 5000

function awaitKeys(exchange: Exchange, { rule, keys }: JwtVerifier, done: () => void): void {
  const { wheel } = exchange.context.thread
  let isOver = false
  const finish = (): void => {
    if (isOver) return
    isOver = true
    forget()
    if (exchange.timer !== undefined) wheel.clear(exchange.timer)
    exchange.timer = undefined
    if (!exchange.finished) done()
  }
  const forget = keys.onSettled(finish)
  exchange.timer = createWheelTimer(finish)
  const ms = rule.keys.kind === 'inline' ? WAIT_MAX_MS : Math.min(WAIT_MAX_MS, rule.keys.timeoutMs)
  wheel.set(exchange.timer, ms)
}

function accept(
  exchange: Exchange,
  { verified, found, verifier }: Extract<Outcome, { kind: 'verified' }>,
): void {
  const { rule } = verifier
  exchange.auth = verified.auth
  if (!rule.forwardsToken) takeAway(exchange, found)
  if (rule.payloadHeader !== undefined)
    exchange.head.added.push(`${rule.payloadHeader}: ${verified.token.payload}\r\n`)
  for (const { claim, header } of rule.claimHeaders) {
    const text = claimText(verified.auth, claim)
    if (text !== undefined) exchange.head.added.push(`${header}: ${text}\r\n`)
  }
}

/** A cookie may be all of the application's session: it stays, as in Envoy. */
function takeAway(exchange: Exchange, { at }: FoundToken): void {
  if (at.kind === 'header') dropField(exchange.head, at.name, hashName(at.name))
  if (at.kind === 'param') {
    exchange.path = withoutParameter(exchange.path, at.name)
    exchange.targetChanged = true
  }
}

/** Texts, numbers and flags stand for themselves, lists and objects in base64url of their JSON, as in Envoy. */
function claimText({ claims }: RequestAuth, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : memberAt(claims, name.split('.'))
  switch (typeof value) {
    case 'string':
      return /^[\t\x20-\x7e]*$/.test(value) ? value : Buffer.from(value).toString('base64url')
    case 'number':
    case 'boolean':
      return String(value)
    case 'object':
      return value === null ? undefined : Buffer.from(JSON.stringify(value)).toString('base64url')
    default:
      return undefined
  }
}

function memberAt(claims: unknown, path: readonly string[]): unknown {
  let at = claims
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}

/** Of the address that a challenge names. */
const REALM_LENGTH_MAX = 256

function refuse(exchange: Exchange, problem: JwtProblem): void {
  const realm = `${exchange.scheme}://${exchange.authority}${exchange.path}`
    .slice(0, REALM_LENGTH_MAX)
    .replaceAll(/["\\\r\n]/g, '')
  sendLocalReply(exchange, {
    status: problem === JWT.audience ? 403 : 401,
    body: problem,
    flags: 0,
    details: `jwt_authn_access_denied{${problem.replaceAll(' ', '_')}}`,
    lines: `www-authenticate: Bearer realm="${realm}", error="invalid_token"\r\n`,
  })
}

export function outputsOf(verifiers: readonly JwtVerifier[]): JwtRules['outputs'] {
  const names = verifiers.flatMap(({ rule }) => [
    ...(rule.payloadHeader === undefined ? [] : [rule.payloadHeader]),
    ...rule.claimHeaders.map(({ header }) => header),
  ])
  return [...new Set(names)].map((name) => ({ name, hash: hashName(name) }))
}
