import type { PathMatch, PathRewrite, Retries, RouteAction, RouteFilter } from '../../../model/index.ts'
import type { IstioHttpRoute, IstioRedirect } from '../../resources/index.ts'
import { regexFault } from '../regex.ts'
import { corsFilters } from './cors.ts'
import { durationOf } from './duration.ts'
import { faultFilters } from './fault.ts'
import { translateHeaders } from './headers.ts'
import { mirrorFilters } from './mirrors.ts'
import { translateRetries } from './retries.ts'
import type { RuleContext } from './rule-context.ts'
import { type TranslatedMatch, translateIstioMatch } from './match.ts'
import { type RuleDestination, translateDestinations } from './rule-destination.ts'

/** One http rule of a VirtualService, before it is bound to gateways or the mesh. */
export interface IstioRule {
  readonly name: string | undefined
  readonly matches: readonly TranslatedMatch[]
  readonly filters: readonly RouteFilter[]
  /** The value of `rewrite.uri`: what it replaces depends on the kind of each match. */
  readonly rewriteUri: string | undefined
  readonly action: RuleAction
}

export type RuleAction =
  | { readonly kind: 'answer'; readonly action: RouteAction }
  | {
      readonly kind: 'forward'
      readonly destinations: readonly RuleDestination[]
      readonly timeoutMs: number | undefined
      readonly retries: Retries | undefined
    }

export function translateIstioRule(
  rule: IstioHttpRoute,
  path: string,
  context: RuleContext,
  problems: string[],
): IstioRule {
  const given = rule.match === undefined || rule.match.length === 0 ? [{}] : rule.match
  return {
    name: rule.name,
    matches: given.flatMap(
      (match, index) => translateIstioMatch(match, `${path}.match[${index}]`, problems) ?? [],
    ),
    filters: [
      ...faultFilters(rule.fault, `${path}.fault`, problems),
      ...corsFilters(rule.corsPolicy, `${path}.corsPolicy`, problems),
      ...translateHeaders(rule.headers),
      ...rewriteFilters(rule, path, problems),
      ...mirrorFilters(rule, path, context, problems),
    ],
    rewriteUri: rule.rewrite?.uri,
    action: actionOf(rule, path, context, problems),
  }
}

/** Istio: an exact or prefix match is replaced where it stands, a regular expression makes the whole path new. */
export function uriRewrite(value: string, path: PathMatch | undefined): PathRewrite {
  return { kind: path?.kind === 'regex' ? 'full' : 'prefix', value }
}

function rewriteFilters(rule: IstioHttpRoute, path: string, problems: string[]): readonly RouteFilter[] {
  const { authority, uriRegexRewrite } = rule.rewrite ?? {}
  const pattern = uriRegexRewrite?.match
  const fault = pattern === undefined ? undefined : regexFault(pattern)
  if (fault !== undefined) problems.push(`${path}.rewrite.uriRegexRewrite.match: ${fault}`)
  const regex: PathRewrite | undefined =
    pattern === undefined || fault !== undefined
      ? undefined
      : { kind: 'regex', pattern, substitution: uriRegexRewrite?.rewrite ?? '' }
  if (authority === undefined && regex === undefined) return []
  return [
    {
      kind: 'rewrite',
      ...(authority === undefined ? {} : { authority }),
      ...(regex === undefined ? {} : { path: regex }),
    },
  ]
}

function actionOf(rule: IstioHttpRoute, path: string, context: RuleContext, problems: string[]): RuleAction {
  if (rule.redirect !== undefined) return answer(redirectOf(rule.redirect))
  if (rule.directResponse !== undefined) {
    const { status, body } = rule.directResponse
    const text = body?.string ?? (body?.bytes === undefined ? undefined : textOf(body.bytes, path, problems))
    return answer({
      kind: 'respond',
      status,
      reason: 'direct_response',
      ...(text === undefined ? {} : { body: text }),
    })
  }
  const destinations = translateDestinations(rule.route ?? [], `${path}.route`, context, problems)
  if (destinations.length === 0) {
    problems.push(`${path} has no destination with a weight; it answers 503`)
    return answer({ kind: 'respond', status: 503, reason: 'no_destination' })
  }
  return {
    kind: 'forward',
    destinations,
    timeoutMs: durationOf(rule.timeout, `${path}.timeout`, problems),
    retries: translateRetries(rule.retries, `${path}.retries`, problems),
  }
}

/** Bodies travel as text in the model; what is no text would arrive changed. */
function textOf(base64: string, path: string, problems: string[]): string | undefined {
  const bytes = Buffer.from(base64, 'base64')
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  problems.push(`${path}.directResponse.body.bytes is not UTF-8; the answer has no body`)
  return undefined
}

function answer(action: RouteAction): RuleAction {
  return { kind: 'answer', action }
}

const DERIVED_PORTS = { FROM_PROTOCOL_DEFAULT: 'scheme', FROM_REQUEST_PORT: 'request' } as const

function redirectOf(redirect: IstioRedirect): RouteAction {
  const { scheme, authority, uri, prefixRewrite, port } = redirect
  const hasAuthority = authority !== undefined && authority !== ''
  const derivePort = redirect.derivePort === undefined ? 'authority' : DERIVED_PORTS[redirect.derivePort]
  const path: PathRewrite | undefined =
    uri !== undefined && uri !== ''
      ? { kind: 'full', value: uri }
      : prefixRewrite !== undefined
        ? { kind: 'prefix', value: prefixRewrite }
        : undefined
  return {
    kind: 'redirect',
    status: redirect.redirectCode === undefined || redirect.redirectCode === 0 ? 301 : redirect.redirectCode,
    ...(scheme === undefined ? {} : { scheme }),
    ...(hasAuthority ? { hostname: authority } : {}),
    ...(port === undefined ? {} : { port }),
    ...(port === undefined ? { derivePort } : {}),
    ...(path === undefined ? {} : { path }),
  }
}
