import type { ConnectionRoute, Origin, Route, Service } from '../../../model/index.ts'
import type { VirtualService } from '../../resources/index.ts'
import { namespaceOf, resolveShortHost } from '../names.ts'
import { type Problem, problemsOf } from '../problem.ts'
import type { MeshSettings } from '../settings.ts'
import { visibilityOf } from '../visibility.ts'
import {
  type BindingContext,
  bindingsOf,
  connectionBindingsOf,
  gatewayKey,
  type RuleBinding,
} from './binding.ts'
import { layOutConnectionRules } from './connection-rule.ts'
import { type IstioRule, translateIstioRule } from './http-rule.ts'
import type { RuleContext } from './rule-context.ts'
import { type PlacedRule, rulesOf } from './delegate.ts'
import { httpsRedirectRoute } from './https-redirect.ts'
import type { TranslatedMatch } from './match.ts'
import { gatewaysOf, hostsOf } from './mesh-claim.ts'
import { layOutRule, type RulePlace } from './rule-layout.ts'

export interface VirtualServiceContext extends BindingContext {
  /** As clients in a namespace see it. */
  readonly serviceByHost: (namespace: string, hostname: string) => Service | undefined
  /** By `<namespace>/<name>`. */
  readonly virtualService: (key: string) => VirtualService | undefined
  /** Whether a VirtualService has this one for a delegate. */
  readonly isDelegate: boolean
  /** Of VirtualServices that say nothing of it. */
  readonly exportDefault: readonly string[] | undefined
  readonly settings: MeshSettings
}

export interface VirtualServiceResult {
  /** `<namespace>/<name>` */
  readonly key: string
  readonly routes: readonly Route[]
  readonly connectionRoutes: readonly ConnectionRoute[]
  readonly problems: readonly Problem[]
}

export function translateVirtualService(
  object: VirtualService,
  context: VirtualServiceContext,
): VirtualServiceResult {
  const namespace = namespaceOf(object)
  const { name, creationTimestamp = '' } = object.metadata
  const origin: Origin = { kind: 'VirtualService', namespace, name }
  const problems: string[] = []
  reportUnused(object, context, problems)
  // What a delegate says is told where it is used.
  const placed = context.isDelegate ? [] : rulesOf(object, context, problems)
  const rules = placed.map((one) => ({
    ...one,
    translated: translateIstioRule(one.rule, one.path, ruleContext(one.namespace, context), problems),
  }))
  const hosts = hostsOf(object, context.settings)
  const where = {
    hosts,
    gateways: gatewaysOf(object),
    visibility: visibilityOf(object.spec.exportTo, namespace, context.exportDefault),
  }
  const routes = bindingsOf(object, where, context).flatMap((binding, index) =>
    layOut(rules, {
      binding,
      origin,
      created: creationTimestamp,
      variant: index === 0 ? '' : `b${index}`,
      problems,
    }),
  )
  const { tls = [], tcp = [] } = object.spec
  const isOfConnections = tls.length + tcp.length > 0
  const connectionBindings = isOfConnections ? connectionBindingsOf(object, where, context) : []
  const connectionRoutes = connectionBindings.flatMap((binding, index) => {
    const variant = index === 0 ? '' : `b${index}`
    const place = { binding, hosts, origin, created: creationTimestamp, variant, problems }
    const rules = ruleContext(namespace, context)
    return [
      ...layOutConnectionRules('tls', tls, rules, place),
      ...layOutConnectionRules('tcp', tcp, rules, place),
    ]
  })
  return {
    key: `${namespace}/${name}`,
    routes,
    connectionRoutes,
    problems: problemsOf(origin, [...new Set(problems)]),
  }
}

function ruleContext(namespace: string, context: VirtualServiceContext): RuleContext {
  return {
    namespace,
    serviceByHost: (hostname) => context.serviceByHost(namespace, hostname),
    resolveHost: (host) => resolveShortHost(host, namespace, context.settings),
  }
}

function reportUnused(object: VirtualService, context: VirtualServiceContext, problems: string[]): void {
  if ((object.spec.hosts ?? []).length === 0 && !context.isDelegate) {
    problems.push('spec.hosts is empty, and no VirtualService delegates to this one: nothing uses its routes')
  }
}

/** A rule with the place that it comes from. */
interface LaidRule extends PlacedRule {
  readonly translated: IstioRule
}

/** The rules in the user's order, up to the first that takes everything: those behind it can never match. */
function layOut(
  rules: readonly LaidRule[],
  place: Omit<RulePlace, 'rule' | 'part' | 'path'>,
): readonly Route[] {
  const { binding } = place
  if (binding.content !== 'http' && binding.content !== 'any') return []
  if (binding.httpsRedirect) {
    const variant = place.variant === '' ? 'https-redirect' : `${place.variant}-https-redirect`
    return [httpsRedirectRoute({ ...place, scope: binding.scope, domains: binding.domains, variant })]
  }
  const routes: Route[] = []
  let end: string | undefined
  for (const { translated, path, index, part } of rules) {
    const matches = applicable(translated.matches, binding, place.origin.namespace)
    if (matches.length === 0) continue
    if (end !== undefined) {
      place.problems.push(`${path} can never match: ${end} before it takes every request`)
      continue
    }
    const stop = matches.findIndex((match) => match.isCatchAll)
    if (stop >= 0) end = path
    const used = stop < 0 ? matches : matches.slice(0, stop + 1)
    routes.push(...layOutRule({ ...translated, matches: used }, { ...place, rule: index, part, path }))
  }
  return routes
}

function applicable(
  matches: readonly TranslatedMatch[],
  binding: RuleBinding,
  namespace: string,
): readonly TranslatedMatch[] {
  return matches.filter(
    ({ gateways }) =>
      gateways === undefined ||
      gateways.length === 0 ||
      gateways.some((reference) => gatewayKey(reference, namespace) === binding.gateway),
  )
}
