import type { AuthorizationAttribute, AuthorizationPolicy } from '../../model/index.ts'
import type { ConnectionFacts } from '../connection.ts'
import { type ConditionContext, pathOf, type Test } from './condition.ts'
import type { RequestFacts } from './facts.ts'
import { decodedPath } from './path-match.ts'
import { describeFacts } from './reason.ts'
import { attributesOf, compileRule } from './rule.ts'
import type { TrustDomains } from './trust-domains.ts'

/** A rule of a policy, as logs name it. */
export interface RuleName {
  /** `<namespace>/<name>` */
  readonly policy: string
  /** Its index. */
  readonly rule: number
  /** As Envoy names it in Istio's configuration: `ns[demo]-policy[deny-writes]-rule[0]`. */
  readonly id: string
}

export type Verdict =
  /** `by` is absent where nothing asks for permission. */
  | { readonly effect: 'allow'; readonly by: RuleName | undefined }
  /** `by` is absent where no rule allows it. */
  | { readonly effect: 'deny'; readonly by: RuleName | undefined; readonly reason: string }

/** What policies say that refuse nobody. */
export interface Remarks {
  /** The AUDIT rule that matched. */
  readonly audit: RuleName | undefined
  /** What dry runs would have decided; absent: there are none. */
  readonly shadowDeny?: Verdict
  readonly shadowAllow?: Verdict
}

/** Decides over requests, or over connections, by all policies of a workload. */
export interface Authorizer {
  /** Of the services that are to be asked, those whose rules match; empty: nobody is asked. */
  readonly asks: (request: RequestFacts | undefined, connection: ConnectionFacts) => readonly CustomAsk[]
  readonly hasAsks: boolean
  /** DENY before ALLOW: an ALLOW policy makes everything refused that none of them allows. */
  readonly decide: (request: RequestFacts | undefined, connection: ConnectionFacts) => Verdict
  /** AUDIT and dry runs; undefined: there are none. */
  readonly remark: ((request: RequestFacts | undefined, connection: ConnectionFacts) => Remarks) | undefined
}

export interface CustomAsk {
  readonly provider: string
  readonly by: RuleName
}

interface CompiledRule {
  readonly name: RuleName
  readonly test: Test
  readonly attributes: readonly AuthorizationAttribute[]
}

/** @returns undefined when none of the policies says anything here */
export function compileAuthorizer(
  policies: readonly AuthorizationPolicy[],
  options: { readonly transport: ConditionContext['transport']; readonly trustDomains: TrustDomains },
): Authorizer | undefined {
  if (policies.length === 0) return undefined
  // The order in which they came must not decide which one is named.
  const sorted = policies.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const ofKind = (kind: AuthorizationPolicy['action']['kind'], isDryRun: boolean) =>
    sorted.filter((policy) => policy.action.kind === kind && policy.isDryRun === isDryRun)
  const wide = (kind: 'deny' | 'audit', isDryRun: boolean) =>
    ofKind(kind, isDryRun).flatMap((policy) => compileRules(policy, { ...options, isWide: true }))
  const narrow = (isDryRun: boolean) => {
    const allowing = ofKind('allow', isDryRun)
    return allowing.length === 0
      ? undefined
      : {
          policies: [...new Set(allowing.map(nameOf))],
          rules: allowing.flatMap((policy) => compileRules(policy, { ...options, isWide: false })),
          attributes: allowing.flatMap(({ rules }) => rules.flatMap(attributesOf)),
        }
  }
  const audits = wide('audit', false)
  const shadowDenies = wide('deny', true)
  const shadowAllows = narrow(true)
  const decide = compileDecision(wide('deny', false), narrow(false))
  const asking = compileAsks(ofKind('custom', false), options)
  return {
    asks: asking ?? (() => NO_ASKS),
    hasAsks: asking !== undefined,
    decide,
    remark:
      audits.length === 0 && shadowDenies.length === 0 && shadowAllows === undefined
        ? undefined
        : compileRemarks({ audits, shadowDenies, shadowAllows }),
  }
}

const NO_ASKS: readonly CustomAsk[] = []

interface AllowRules {
  readonly policies: readonly string[]
  readonly rules: readonly CompiledRule[]
  readonly attributes: readonly AuthorizationAttribute[]
}

type Decide = Authorizer['decide']

const UNASKED: Verdict = { effect: 'allow', by: undefined }

function compileDecision(denies: readonly CompiledRule[], allows: AllowRules | undefined): Decide {
  const granted = new Map(
    allows?.rules.map((rule): [CompiledRule, Verdict] => [rule, { effect: 'allow', by: rule.name }]),
  )
  return (request, connection) => {
    for (const rule of denies) if (rule.test(request, connection)) return denied(rule, request, connection)
    if (allows === undefined) return UNASKED
    for (const rule of allows.rules) if (rule.test(request, connection)) return granted.get(rule) ?? UNASKED
    return unallowed(allows, request, connection)
  }
}

function denied(rule: CompiledRule, request: RequestFacts | undefined, connection: ConnectionFacts): Verdict {
  const facts = describeFacts(rule.attributes, request, connection)
  const { policy, rule: index } = rule.name
  return { effect: 'deny', by: rule.name, reason: `denied by ${policy} rule ${index}: ${facts} not allowed` }
}

function unallowed(
  allows: AllowRules,
  request: RequestFacts | undefined,
  connection: ConnectionFacts,
): Verdict {
  const facts = describeFacts(allows.attributes, request, connection)
  const names = allows.policies.slice(0, NAMES_MAX).join(', ')
  const more = allows.policies.length > NAMES_MAX ? ` and ${allows.policies.length - NAMES_MAX} more` : ''
  return { effect: 'deny', by: undefined, reason: `no rule of ${names}${more} allows it: ${facts}` }
}

const NAMES_MAX = 5

/** Dry runs decide beside each other, as in Istio: those that deny, and those that allow. */
function compileRemarks(from: {
  readonly audits: readonly CompiledRule[]
  readonly shadowDenies: readonly CompiledRule[]
  readonly shadowAllows: AllowRules | undefined
}): NonNullable<Authorizer['remark']> {
  const deny = from.shadowDenies.length === 0 ? undefined : compileDecision(from.shadowDenies, undefined)
  const allow = from.shadowAllows && compileDecision([], from.shadowAllows)
  return (request, connection) => ({
    audit: from.audits.find(({ test }) => test(request, connection))?.name,
    ...(deny && { shadowDeny: deny(request, connection) }),
    ...(allow && { shadowAllow: allow(request, connection) }),
  })
}

function compileAsks(
  policies: readonly AuthorizationPolicy[],
  options: { readonly transport: ConditionContext['transport']; readonly trustDomains: TrustDomains },
): Authorizer['asks'] | undefined {
  const asking = policies.flatMap((policy) => {
    const { action } = policy
    if (action.kind !== 'custom') return []
    const { provider } = action
    return compileRules(policy, { ...options, isWide: true }).map((rule) => ({ provider, rule }))
  })
  if (asking.length === 0) return undefined
  const byProvider = [...Map.groupBy(asking, ({ provider }) => provider)]
  return (request, connection) => {
    let asks: CustomAsk[] | undefined
    for (const [provider, rules] of byProvider) {
      const match = rules.find(({ rule }) => rule.test(request, connection))
      if (match !== undefined) (asks ??= []).push({ provider, by: match.rule.name })
    }
    return asks ?? NO_ASKS
  }
}

function nameOf({ origin }: AuthorizationPolicy): string {
  return `${origin.namespace}/${origin.name}`
}

function compileRules(
  policy: AuthorizationPolicy,
  options: {
    readonly transport: ConditionContext['transport']
    readonly trustDomains: TrustDomains
    readonly isWide: boolean
  },
): readonly CompiledRule[] {
  const { namespace, name } = policy.origin
  const { isWide, ...rest } = options
  return policy.rules.flatMap((rule, index) => {
    const test = compileRule(rule, { ...rest, namespace }, isWide ? 'wide' : 'narrow')
    if (test === undefined) return []
    const attributes = attributesOf(rule)
    const looksAtPath = options.transport === 'http' && attributes.some(({ kind }) => kind === 'path')
    return [
      {
        name: {
          policy: nameOf(policy),
          rule: index,
          id: `ns[${namespace}]-policy[${name}]-rule[${index}]`,
        },
        test: isWide && looksAtPath ? onEverySpelling(test) : test,
        attributes,
      },
    ]
  })
}

/** A path that an application decodes to the one that is refused is refused too. */
function onEverySpelling(test: Test): Test {
  return (request, connection) => {
    if (test(request, connection)) return true
    if (request === undefined || !request.path.includes('%')) return false
    const path = pathOf(request)
    const decoded = decodedPath(path)
    return decoded !== path && test(withPath(request, decoded), connection)
  }
}

function withPath(request: RequestFacts, path: string): RequestFacts {
  return {
    method: request.method,
    authority: request.authority,
    path: path.replaceAll(/[?#]/g, '\u{fffd}'),
    header: (name) => request.header(name),
    clientAddress: () => request.clientAddress(),
    auth: request.auth,
  }
}
