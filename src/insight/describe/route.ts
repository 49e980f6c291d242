import type { KubeObject } from '../../kube/index.ts'
import { namespaceOf } from '../analyze/context.ts'
import { resolveShortHost } from '../../mesh/translate/index.ts'
import type { Service } from '../../model/index.ts'
import { field, listAt, membersAt, numberAt, textAt, textsAt } from '../analyze/read.ts'
import type { SubsetSplit } from './destination-rule.ts'
import type { World } from './world.ts'

/** What a rule is to be looked at for. */
export interface RouteSubject {
  readonly service: Service
  readonly subsets: SubsetSplit
}

/** One rule of a route, as far as it says where requests go. */
interface Rule {
  readonly protocol: 'HTTP' | 'TLS' | 'TCP'
  readonly destinations: readonly RuleDestination[]
  /** What a request must be for it; none: everything. */
  readonly matches: readonly string[]
  readonly fault?: string
}

interface RuleDestination {
  /** As it is written. */
  readonly host: string
  readonly isMeant: boolean
  readonly subset?: string
  readonly weight: number
}

/** A VirtualService, or a route of the Gateway API, as the pods of a service see it. */
export function routeLines(object: KubeObject, subject: RouteSubject, world: World): readonly string[] {
  const rules =
    object.kind === 'VirtualService'
      ? virtualServiceRules(object, subject.service, world)
      : gatewayApiRules(object, subject.service)
  return [
    `${object.kind}: ${world.nameOf(object.metadata)}`,
    ...ruleLines(rules, subject.subsets).map((line) => `   ${line}`),
  ]
}

function ruleLines(rules: readonly Rule[], subsets: SubsetSplit): readonly string[] {
  const looks = rules.map((rule) => lookAt(rule, subsets))
  const facts = looks.flatMap((look) => (look.isMatch ? look.lines : []))
  const notes = looks.flatMap((look) => (look.isMatch ? [] : look.lines)).map((line) => `   ${line}`)
  const matches = looks.filter((look) => look.isMatch).length
  const counts = (['HTTP', 'TLS', 'TCP'] as const)
    .map((protocol) => [protocol, rules.filter((rule) => rule.protocol === protocol).length] as const)
    .filter(([, count]) => count > 0)
  if (matches === 0) {
    const warnings = counts.map(
      ([protocol, count]) =>
        `WARNING: No destinations match pod subsets (checked ${count} ${protocol} routes)`,
    )
    return [...warnings, ...notes]
  }
  if (matches < rules.length) {
    const rest = `${rules.length - matches} additional destination(s) that will not reach this pod`
    return [...facts, rest, ...(facts.length === 0 ? notes : [])]
  }
  return facts.length > 0 ? facts : counts.map(([protocol, count]) => `${count} ${protocol} route(s)`)
}

/** Facts of a rule that leads to the pods, or what keeps it from them. */
function lookAt(
  rule: Rule,
  subsets: SubsetSplit,
): { readonly isMatch: boolean; readonly lines: readonly string[] } {
  const facts: string[] = []
  const notes: string[] = []
  let isMatch = false
  for (const { host, isMeant, subset, weight } of rule.destinations) {
    if (!isMeant) continue
    const note = subset === undefined ? undefined : subsetNote(subset, rule, subsets)
    if (note !== undefined) {
      notes.push(note)
      continue
    }
    isMatch = true
    if (weight > 0) {
      const named = subset === undefined ? '' : ` subset "${subset}"`
      facts.push(`Route to host "${host}"${named} with weight ${weight}%`)
    }
  }
  if (!isMatch) return { isMatch, lines: notes }
  const conditions = [...(rule.fault === undefined ? [] : [rule.fault]), ...rule.matches.filter(Boolean)]
  return { isMatch, lines: conditions.length === 0 ? facts : [...facts, conditions.join(', ')] }
}

function subsetNote(subset: string, rule: Rule, { matching, others, rule: name }: SubsetSplit) {
  if (matching.includes(subset)) return undefined
  if (others.includes(subset)) {
    const conditions = rule.matches.filter(Boolean).join(', ') || 'everything'
    return `Route to non-matching subset ${subset} for (${conditions})`
  }
  return name === undefined
    ? `Warning: Route to subset ${subset} but NO DESTINATION RULE defining subsets!`
    : `Warning: Route to UNKNOWN subset ${subset}; check DestinationRule ${name}`
}

function virtualServiceRules(object: KubeObject, service: Service, world: World): readonly Rule[] {
  const connections = (['tls', 'tcp'] as const).flatMap((member) =>
    listAt(object, 'spec', member).map((rule): Rule => ({
      protocol: member === 'tls' ? 'TLS' : 'TCP',
      destinations: istioDestinations(rule, namespaceOf(object), service, world),
      matches: listAt(rule, 'match').map(connectionMatchText),
    })),
  )
  return [...httpRules(object, service, world), ...connections]
}

/** With those of its delegates in their places. */
function httpRules(object: KubeObject, service: Service, world: World): readonly Rule[] {
  return listAt(object, 'spec', 'http').flatMap((rule): readonly Rule[] => {
    const delegate = textAt(rule, 'delegate', 'name')
    if (delegate === undefined) return [httpRule(rule, rule, namespaceOf(object), service, world)]
    const namespace = textAt(rule, 'delegate', 'namespace') ?? namespaceOf(object)
    const found = world.written({ kind: 'VirtualService', namespace, name: delegate })
    return listAt(found, 'spec', 'http').map((leaf) =>
      httpRule(leaf, listAt(leaf, 'match').length === 0 ? rule : leaf, namespace, service, world),
    )
  })
}

function httpRule(rule: unknown, matched: unknown, namespace: string, service: Service, world: World): Rule {
  const fault = field(rule, 'fault')
  return {
    protocol: 'HTTP',
    destinations: istioDestinations(rule, namespace, service, world),
    matches: listAt(matched, 'match').map(httpMatchText),
    ...(fault === undefined ? {} : { fault: `Fault injection ${JSON.stringify(fault)}` }),
  }
}

function istioDestinations(
  rule: unknown,
  namespace: string,
  service: Service,
  world: World,
): readonly RuleDestination[] {
  return listAt(rule, 'route').map((route) => {
    const host = textAt(route, 'destination', 'host') ?? ''
    const subset = textAt(route, 'destination', 'subset')
    return {
      host,
      isMeant: resolveShortHost(host, namespace, world.settings) === service.hostname,
      weight: numberAt(route, 'weight') ?? 0,
      ...(subset === undefined ? {} : { subset }),
    }
  })
}

function httpMatchText(match: unknown): string {
  const uri = field(match, 'uri')
  const path = uri === undefined ? '' : stringMatchText(uri)
  const uncased = path !== '' && field(match, 'ignoreUriCase') === true ? ' uncased' : ''
  const headers = membersAt(match, 'headers').map(([name, value]) => `${name}=${stringMatchText(value)}`)
  return labelled(`${path}${uncased}`, headers)
}

function stringMatchText(match: unknown): string {
  const prefix = textAt(match, 'prefix')
  if (prefix !== undefined) return `${prefix}*`
  return textAt(match, 'exact') ?? textAt(match, 'regex') ?? '*'
}

function labelled(path: string, headers: readonly string[]): string {
  const when = headers.length === 0 ? '' : `when headers are ${headers.join('; ')}`
  const text = [path, when].filter(Boolean).join(' ')
  return text === '' ? '' : `Match: ${text}`
}

function connectionMatchText(match: unknown): string {
  const names = textsAt(match, 'sniHosts')
  const port = numberAt(match, 'port')
  const text = [names.join(','), port === undefined ? '' : `port ${port}`].filter(Boolean).join(' ')
  return text === '' ? '' : `Match: ${text}`
}

const ROUTE_PROTOCOLS: Readonly<Record<string, Rule['protocol']>> = { TLSRoute: 'TLS', TCPRoute: 'TCP' }

function gatewayApiRules(object: KubeObject, service: Service): readonly Rule[] {
  return listAt(object, 'spec', 'rules').map((rule) => {
    const backends = listAt(rule, 'backendRefs')
    const weights = backends.map((backend) => {
      const weight = field(backend, 'weight')
      return typeof weight === 'number' ? weight : 1
    })
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return {
      protocol: ROUTE_PROTOCOLS[object.kind] ?? 'HTTP',
      destinations: backends.flatMap((backend, index) => {
        const name = textAt(backend, 'name') ?? ''
        const namespace = textAt(backend, 'namespace') ?? namespaceOf(object)
        const weight = weights[index] ?? 0
        // Here 0 is no share at all; a backend alone gets everything, which goes without saying.
        if (weight === 0) return []
        const share = backends.length === 1 ? 0 : Math.round((weight / total) * 100)
        const isMeant =
          (textAt(backend, 'kind') ?? 'Service') === 'Service' &&
          namespace === service.namespace &&
          service.hostname.startsWith(`${name}.${namespace}.`)
        return [{ host: name, isMeant, weight: share }]
      }),
      matches: listAt(rule, 'matches').map(gatewayMatchText),
    }
  })
}

function gatewayMatchText(match: unknown): string {
  const value = textAt(match, 'path', 'value')
  const isPrefix = (textAt(match, 'path', 'type') ?? 'PathPrefix') === 'PathPrefix'
  const method = [textAt(match, 'method', 'service'), textAt(match, 'method', 'method')]
    .filter((part) => part !== undefined)
    .join('/')
  const path = value === undefined ? method : `${value}${isPrefix ? '*' : ''}`
  const headers = listAt(match, 'headers').map(
    (header) => `${textAt(header, 'name') ?? ''}=${textAt(header, 'value') ?? ''}`,
  )
  return labelled(path === '/*' ? '' : path, headers)
}
