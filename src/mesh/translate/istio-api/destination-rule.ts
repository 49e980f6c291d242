import { deepEqual } from '../../../base/index.ts'
import type {
  Origin,
  Service,
  ServicePolicy,
  Subset,
  TrafficPolicy,
  Visibility,
} from '../../../model/index.ts'
import type { DestinationRule } from '../../resources/index.ts'
import { coveringPatterns, namespaceOf, resolveShortHost } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { isVisible, visibilityOf } from '../visibility.ts'
import { translatePortPolicies, translateTrafficPolicy } from './traffic-policy.ts'

/** One DestinationRule, translated but not yet merged with others of its host. */
export interface HostRule {
  /** `<namespace>/<name>` */
  readonly key: string
  /** Fully qualified, or a wildcard. */
  readonly host: string
  readonly namespace: string
  readonly name: string
  /** RFC 3339: the oldest rule comes first where several say something of one host. */
  readonly created: string
  readonly visibility: Visibility
  /** Which clients must have; those are of the rule's own namespace then. */
  readonly clientLabels: Readonly<Record<string, string>> | undefined
  readonly traffic: TrafficPolicy | undefined
  readonly ports: Readonly<Record<string, TrafficPolicy>>
  readonly subsets: readonly Subset[]
  readonly origin: Origin
  readonly problems: readonly string[]
}

/** A rule that cannot apply to anything gets an empty host, and says why among its problems. */
export function translateDestinationRule(
  rule: DestinationRule,
  settings: MeshSettings,
  exportDefault?: readonly string[],
): HostRule {
  const namespace = namespaceOf(rule)
  const problems: string[] = []
  const { spec } = rule
  const hasPolicy = spec.trafficPolicy !== undefined
  return {
    key: `${namespace}/${rule.metadata.name}`,
    host: hostOf(rule, namespace, settings, problems),
    namespace,
    name: rule.metadata.name,
    created: rule.metadata.creationTimestamp ?? '',
    visibility: visibilityOf(spec.exportTo, namespace, exportDefault),
    clientLabels: spec.workloadSelector?.matchLabels,
    traffic: hasPolicy
      ? translateTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', problems)
      : undefined,
    ports: translatePortPolicies(spec.trafficPolicy, 'spec.trafficPolicy', problems),
    subsets: (spec.subsets ?? []).map((subset, index) => {
      const path = `spec.subsets[${index}].trafficPolicy`
      const ports = translatePortPolicies(subset.trafficPolicy, path, problems)
      return {
        ...(Object.keys(ports).length === 0 ? {} : { ports }),
        name: subset.name,
        labels: subset.labels ?? {},
        traffic: translateTrafficPolicy(subset.trafficPolicy, path, problems),
      }
    }),
    origin: { kind: 'DestinationRule', namespace, name: rule.metadata.name },
    problems,
  }
}

/** '' makes a rule that applies to nothing. */
function hostOf(
  rule: DestinationRule,
  namespace: string,
  settings: MeshSettings,
  problems: string[],
): string {
  const host = resolveShortHost(rule.spec.host ?? '', namespace, settings)
  if (host === '') problems.push('spec.host is empty; the rule is not applied')
  return host
}

/**
 * The policies of a service in the order in which clients look for one: their own namespace's, the service's
 * namespace's, the root namespace's. In each the most specific host counts, and rules of one host are merged.
 * @param rulesFor the rules whose host is exactly the given pattern
 */
export function policiesOf(
  service: Service,
  rulesFor: (pattern: string) => readonly HostRule[],
  rootNamespace: string,
): readonly ServicePolicy[] {
  const all = coveringPatterns(service.hostname).flatMap((pattern) => rulesFor(pattern))
  if (all.length === 0) return []
  const selecting = all.filter((rule) => rule.clientLabels !== undefined)
  const rules = all.filter((rule) => rule.clientLabels === undefined)
  const namespaces = [...new Set(rules.map((rule) => rule.namespace))].sort()
  const own = namespaces.flatMap((namespace) => {
    if (namespace === service.namespace || namespace === rootNamespace) return []
    return mostSpecific(rules, namespace, namespace)
  })
  const shared = [...new Set([service.namespace, rootNamespace])].flatMap((namespace) =>
    sharedPolicies(rules, namespace),
  )
  return [...selectingPolicies(selecting), ...own, ...shared]
}

/** Istio: a rule with a selector is for clients of its own namespace; with them it goes first, and alone. */
function selectingPolicies(rules: readonly HostRule[]): readonly ServicePolicy[] {
  return rules.flatMap((rule) =>
    mergeRules([rule], rule.namespace).map((policy) => ({
      ...policy,
      ...(rule.clientLabels === undefined ? {} : { clientLabels: rule.clientLabels }),
    })),
  )
}

/** A namespace's rules as others see them: first for the clients that `exportTo` names, then for all. */
function sharedPolicies(rules: readonly HostRule[], namespace: string): readonly ServicePolicy[] {
  const here = rules.filter((rule) => rule.namespace === namespace)
  const named = here.flatMap((rule) =>
    rule.visibility.kind === 'namespaces' ? [namespace, ...rule.visibility.namespaces] : [],
  )
  const [everybody] = mergeRules(hostGroup(here.filter((rule) => rule.visibility.kind === 'all')))
  const special = [...new Set(named)].sort().flatMap((client) => mostSpecific(here, namespace, client))
  // A client for whom the same holds as for everybody needs no policy of its own.
  const differs = ({ clientNamespace: _client, ...policy }: ServicePolicy): boolean =>
    !deepEqual(policy, everybody)
  return [...special.filter(differs), ...(everybody === undefined ? [] : [everybody])]
}

function mostSpecific(
  rules: readonly HostRule[],
  namespace: string,
  client: string,
): readonly ServicePolicy[] {
  const seen = rules.filter(
    (rule) => rule.namespace === namespace && (client === namespace || isVisible(rule.visibility, client)),
  )
  return mergeRules(hostGroup(seen), client)
}

/** `rules` come most specific host first: those that share the first one's host. */
function hostGroup(rules: readonly HostRule[]): readonly HostRule[] {
  return rules
    .filter((rule) => rule.host === rules[0]?.host)
    .toSorted((a, b) => compareText(a.created, b.created) || compareText(a.name, b.name))
}

/** Rules of one host, oldest first: subsets are appended (a name counts once), the first traffic policy wins. */
function mergeRules(rules: readonly HostRule[], clientNamespace?: string): readonly ServicePolicy[] {
  const [first] = rules
  if (first === undefined) return []
  const deciding = rules.find((rule) => rule.traffic !== undefined) ?? first
  const subsets = new Map<string, Subset>()
  for (const subset of rules.flatMap((rule) => rule.subsets)) {
    if (!subsets.has(subset.name)) subsets.set(subset.name, subset)
  }
  return [
    {
      ...(clientNamespace === undefined ? {} : { clientNamespace }),
      traffic: deciding.traffic ?? {},
      ports: deciding.ports,
      subsets: [...subsets.values()],
      origin: first.origin,
    },
  ]
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
