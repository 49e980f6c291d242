import type { ConnectionRoute, Origin, Route } from '../../../model/index.ts'
import type { VirtualService } from '../../resources/index.ts'
import { namespaceOf, resolveShortHost } from '../names.ts'
import { type Problem, problemsOf } from '../problem.ts'
import type { MeshSettings } from '../settings.ts'
import { visibilityOf } from '../visibility.ts'
import { type BindingContext, bindingsOf, gatewayKey, type RuleBinding } from './binding.ts'
import { layOutConnectionRules } from './connection-rule.ts'
import { type IstioRule, translateIstioRule } from './http-rule.ts'
import type { RuleContext } from './rule-context.ts'
import { httpsRedirectRoute } from './https-redirect.ts'
import type { TranslatedMatch } from './match.ts'
import { gatewaysOf, hostsOf } from './mesh-claim.ts'
import { layOutRule, type RulePlace } from './rule-layout.ts'

export interface VirtualServiceContext extends BindingContext {
  readonly serviceByHost: RuleContext['serviceByHost']
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
  reportNotServed(object, problems)
  const rules = (object.spec.http ?? []).map((rule, index) =>
    translateIstioRule(rule, `spec.http[${index}]`, ruleContext(namespace, context), problems),
  )
  const hosts = hostsOf(object, context.settings)
  const bindings = bindingsOf(
    object,
    {
      hosts,
      gateways: gatewaysOf(object),
      visibility: visibilityOf(object.spec.exportTo, namespace),
    },
    context,
  )
  const routes = bindings.flatMap((binding, index) =>
    layOut(rules, {
      binding,
      origin,
      created: creationTimestamp,
      variant: index === 0 ? '' : `b${index}`,
      problems,
    }),
  )
  const connectionRoutes = bindings.flatMap((binding, index) => {
    const variant = index === 0 ? '' : `b${index}`
    const place = { binding, hosts, origin, created: creationTimestamp, variant, problems }
    const rules = ruleContext(namespace, context)
    return [
      ...layOutConnectionRules('tls', object.spec.tls ?? [], rules, place),
      ...layOutConnectionRules('tcp', object.spec.tcp ?? [], rules, place),
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
    serviceByHost: context.serviceByHost,
    resolveHost: (host) => resolveShortHost(host, namespace, context.settings),
  }
}

function reportNotServed(object: VirtualService, problems: string[]): void {
  if ((object.spec.hosts ?? []).length === 0) {
    problems.push('spec.hosts is empty: delegates are not served yet, so nothing uses these routes')
  }
}

/** The rules in the user's order, up to the first that takes everything: those behind it can never match. */
function layOut(rules: readonly (IstioRule | undefined)[], place: Omit<RulePlace, 'rule'>): readonly Route[] {
  const { binding } = place
  if (binding.content !== 'http' && binding.content !== 'any') return []
  if (binding.httpsRedirect) {
    const variant = place.variant === '' ? 'https-redirect' : `${place.variant}-https-redirect`
    return [httpsRedirectRoute({ ...place, scope: binding.scope, domains: binding.domains, variant })]
  }
  const routes: Route[] = []
  let end: number | undefined
  for (const [index, rule] of rules.entries()) {
    if (rule === undefined) continue
    const matches = applicable(rule.matches, binding, place.origin.namespace)
    if (matches.length === 0) continue
    if (end !== undefined) {
      place.problems.push(
        `spec.http[${index}] can never match: spec.http[${end}] before it takes every request`,
      )
      continue
    }
    const stop = matches.findIndex((match) => match.isCatchAll)
    if (stop >= 0) end = index
    const used = stop < 0 ? matches : matches.slice(0, stop + 1)
    routes.push(...layOutRule({ ...rule, matches: used }, { ...place, rule: index }))
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
