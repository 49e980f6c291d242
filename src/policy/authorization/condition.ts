import type { AuthorizationAttribute, AuthorizationCondition, PlainAttribute } from '../../model/index.ts'
import type { ConnectionFacts } from '../connection.ts'
import { compileAddress } from './address-match.ts'
import type { RequestFacts } from './facts.ts'
import { bytesOf, compilePath, decodedPath, textOfBytes } from './path-match.ts'
import { compileField, compileGlob, compileHost, compileText, type TextMatch } from './text-match.ts'
import { withAliases, type TrustDomains } from './trust-domains.ts'

/** Whether something holds of a request, or, without one, of a connection. */
export type Test = (request: RequestFacts | undefined, connection: ConnectionFacts) => boolean

/** What a policy's texts mean beside themselves. */
export interface ConditionContext {
  readonly transport: 'http' | 'tcp'
  /** Of the policy: service accounts without one are of it. */
  readonly namespace: string
  readonly trustDomains: TrustDomains
}

/**
 * What cannot be understood, or not on this transport: `narrow` makes a rule that cannot match of it, `wide` leaves it
 * out, so that a policy that refuses refuses more and one that allows allows less.
 * @see Istio, pilot/pkg/security/authz/model/model.go, checkError
 */
export type Leniency = 'narrow' | 'wide'

/** @returns the tests that hold together; undefined: never */
export function compileCondition(
  condition: AuthorizationCondition,
  context: ConditionContext,
  leniency: Leniency,
): readonly Test[] | undefined {
  const { attribute, values, notValues } = condition
  const isWide = leniency === 'wide'
  const wanted = compileValues(attribute, withSpellings(attribute, values, isWide), context)
  const unwanted = compileValues(attribute, withSpellings(attribute, notValues, isWide), context)
  if (leniency === 'narrow' && (wanted.isBroken || unwanted.isBroken)) return undefined
  return [
    ...(wanted.tests.length > 0 ? [anyOf(wanted.tests)] : []),
    ...(unwanted.tests.length > 0 ? [not(anyOf(unwanted.tests))] : []),
  ]
}

/** A refusing policy's path means what an application would decode it to as well. */
function withSpellings(
  { kind }: AuthorizationAttribute,
  values: readonly string[],
  isWide: boolean,
): readonly string[] {
  if (kind !== 'path' || !isWide) return values
  return [...new Set(values.flatMap((value) => [value, textOfBytes(decodedPath(bytesOf(value)))]))]
}

function compileValues(
  attribute: AuthorizationAttribute,
  values: readonly string[],
  context: ConditionContext,
): { readonly tests: readonly Test[]; readonly isBroken: boolean } {
  const tests = values.map((value) => compileValue(attribute, value, context))
  const good = tests.filter((test) => test !== undefined)
  return { tests: good, isBroken: good.length < tests.length }
}

export function anyOf(tests: readonly Test[]): Test {
  const [first] = tests
  if (tests.length === 1 && first !== undefined) return first
  return (request, connection) => {
    for (const test of tests) if (test(request, connection)) return true
    return false
  }
}

function not(test: Test): Test {
  return (request, connection) => !test(request, connection)
}

/** Attributes that only requests have. */
const OF_REQUESTS: ReadonlySet<AuthorizationAttribute['kind']> = new Set([
  'request-principal',
  'audience',
  'presenter',
  'host',
  'method',
  'path',
  'header',
  'claim',
])

/** @returns undefined when the value means nothing here */
function compileValue(
  attribute: AuthorizationAttribute,
  value: string,
  context: ConditionContext,
): Test | undefined {
  if (context.transport === 'tcp' && OF_REQUESTS.has(attribute.kind)) return undefined
  switch (attribute.kind) {
    case 'unknown':
      return undefined
    case 'header':
      return compileHeader(attribute.name, value)
    case 'claim': {
      const match = compileText(value)
      const { path } = attribute
      return (request) => matchesClaim(claimAt(request?.auth?.claims, path), match)
    }
    default:
      return compilePlain(attribute.kind, value, context)
  }
}

function compilePlain(kind: PlainAttribute, value: string, context: ConditionContext): Test | undefined {
  switch (kind) {
    case 'principal': {
      const tests = withAliases(value, context.trustDomains).map((one) => {
        const match = compileText(one, SPIFFE)
        return (_request: RequestFacts | undefined, { peer }: ConnectionFacts) => match(peer?.principal)
      })
      return anyOf(tests)
    }
    case 'trust-domain': {
      const match = compileText(value)
      return (_request, { peer }) => match(peer?.trustDomain)
    }
    case 'namespace': {
      const match = compileGlob(value)
      return (_request, { peer }) => match(peer?.namespace)
    }
    case 'service-account': {
      const slash = value.indexOf('/')
      const namespace = slash < 0 ? context.namespace : value.slice(0, slash)
      const account = value.slice(slash + 1)
      return (_request, { peer }) => peer?.namespace === namespace && peer.serviceAccount === account
    }
    case 'source-ip':
    case 'remote-ip':
    case 'destination-ip':
      return compileIp(kind, value)
    case 'port': {
      if (!/^\d{1,5}$/.test(value) || Number(value) > PORT_MAX) return undefined
      const port = Number(value)
      return (_request, { destinationPort }) => destinationPort === port
    }
    case 'server-name': {
      const match = compileText(value)
      return (_request, { serverName }) => match(serverName)
    }
    default:
      return compileRequest(kind, value)
  }
}

const SPIFFE = 'spiffe://'
const PORT_MAX = 65_535

function compileIp(kind: 'source-ip' | 'remote-ip' | 'destination-ip', value: string): Test | undefined {
  const match = compileAddress(value)
  if (match === undefined) return undefined
  switch (kind) {
    case 'source-ip':
      return (_request, { sourceAddress }) => match(sourceAddress)
    case 'destination-ip':
      return (_request, { destinationAddress }) => match(destinationAddress)
    case 'remote-ip':
      return (request, { sourceAddress }) => match(request?.clientAddress() ?? sourceAddress)
  }
}

type OfRequest = 'request-principal' | 'audience' | 'presenter' | 'host' | 'method' | 'path'

function compileRequest(kind: OfRequest, value: string): Test | undefined {
  switch (kind) {
    case 'request-principal':
      return compileRequestPrincipal(value)
    case 'audience':
    case 'presenter': {
      const match = compileText(value)
      const claim = kind === 'audience' ? 'aud' : 'azp'
      return (request) => matchesClaim(request?.auth?.claims[claim], match)
    }
    case 'host': {
      const match = compileHost(value)
      return (request) => match(request?.authority)
    }
    case 'method': {
      const match = compileField(value)
      return (request) => match(request?.method)
    }
    case 'path': {
      const match = compilePath(value)
      return match && ((request) => match(request && pathOf(request)))
    }
  }
}

/** Without query and fragment, as Envoy takes it. */
export function pathOf({ path }: RequestFacts): string {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code === QUESTION || code === HASH) return path.slice(0, i)
  }
  return path
}

const QUESTION = 0x3f
const HASH = 0x23

/** `issuer/subject`: an issuer may have slashes of its own. @see Istio, requestPrincipalGenerator */
function compileRequestPrincipal(value: string): Test {
  const slash = value.lastIndexOf('/')
  const issuer = slash < 0 ? value : value.slice(0, slash)
  const subject = slash < 0 ? '' : value.slice(slash + 1)
  const [ofIssuer, ofSubject] = principalParts(value, slash < 0 ? undefined : { issuer, subject })
  return (request) => ofIssuer(request?.auth?.issuer) && ofSubject(request?.auth?.subject)
}

/** A `*` at the begin or the end stands for a text that is not empty in the part that it stands in. */
function principalParts(
  value: string,
  parts: { readonly issuer: string; readonly subject: string } | undefined,
): readonly [TextMatch, TextMatch] {
  const any = compileText('*')
  if (value === '*') return [any, any]
  if (parts !== undefined) return [compileText(parts.issuer), compileText(parts.subject)]
  if (value.startsWith('*')) return [any, compileText(value)]
  if (value.endsWith('*')) return [compileText(value), any]
  return [compileText(value), compileText('')]
}

/** What HTTP/2 calls so, and `host`, which stands for it. */
const PSEUDO_FIELDS: Readonly<Record<string, (request: RequestFacts) => string>> = {
  ':method': ({ method }) => method,
  ':authority': ({ authority }) => authority,
  host: ({ authority }) => authority,
  ':path': ({ path }) => path,
}

function compileHeader(name: string, value: string): Test {
  const match = compileField(bytesOf(value))
  const pseudo = Object.hasOwn(PSEUDO_FIELDS, name) ? PSEUDO_FIELDS[name] : undefined
  if (pseudo !== undefined) return (request) => match(request && pseudo(request))
  return (request) => match(request?.header(name))
}

/** Members of members; a claim with dots in its name is found before what a path through it would lead to. */
export function claimAt(
  claims: Readonly<Record<string, unknown>> | undefined,
  path: readonly string[],
): unknown {
  let at: unknown = claims
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name))
      return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}

/** A text, or one of a list; numbers and flags are no texts, as in Istio. */
function matchesClaim(claim: unknown, match: TextMatch): boolean {
  if (typeof claim === 'string') return match(claim)
  return Array.isArray(claim) && claim.some((one) => typeof one === 'string' && match(one))
}
