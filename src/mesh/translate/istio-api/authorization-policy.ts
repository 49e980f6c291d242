import { parseIpv4, parseIpv4Cidr, parseIpv6 } from '../../../base/index.ts'
import {
  type AuthorizationAction,
  type AuthorizationAttribute,
  type AuthorizationCondition,
  type AuthorizationPolicy,
  authorizationPolicyName,
  type AuthorizationRule,
  isPathTemplate,
  type Origin,
  pathTemplateProblem,
  type PlainAttribute,
} from '../../../model/index.ts'
import type {
  AuthorizationPolicy as AuthorizationPolicyResource,
  IstioAuthorizationRule,
} from '../../resources/index.ts'
import { listOf, textsOf } from '../members.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'
import { attachmentOf } from './policy-scope.ts'

export interface AuthorizationResult {
  readonly key: string
  readonly policies: readonly AuthorizationPolicy[]
  /** Gateways that it names. */
  readonly gateways: readonly string[]
  /** What is wrong with it; a rule that allows does not then, one that refuses refuses more. */
  readonly problems: readonly string[]
  readonly generation: number
  readonly origin: Origin
}

const DRY_RUN = 'istio.io/dry-run'

export function translateAuthorizationPolicy(
  object: AuthorizationPolicyResource,
  settings: MeshSettings,
): AuthorizationResult {
  const namespace = namespaceOf(object)
  const { name, generation = 0, annotations } = object.metadata
  const origin = { kind: 'AuthorizationPolicy', namespace, name }
  const spec = object.spec ?? {}
  const problems: string[] = []
  const attachment = attachmentOf(spec, namespace, settings)
  const action = actionOf(spec.action ?? 'ALLOW', spec.provider?.name ?? '', problems)
  const isDryRun = dryRunOf(annotations?.[DRY_RUN], problems)
  const rules = listOf(spec.rules).map((rule, i) => translateRule(rule, { path: `rules[${i}]`, problems }))
  if (action.kind === 'custom' && isDryRun)
    problems.push(`${DRY_RUN}: a policy with CUSTOM has no dry run: nobody is asked`)
  return {
    key: `${namespace}/${name}`,
    policies: attachment.scopes.map(({ scope, part }) => ({
      type: 'authorization-policy',
      key: authorizationPolicyName(origin, part),
      scope,
      action,
      isDryRun,
      rules,
      origin,
    })),
    gateways: attachment.gateways,
    problems: [...attachment.problems, ...problems],
    generation,
    origin,
  }
}

/** What is no action refuses everything: nothing that a policy means may let more through than its author wanted. */
function actionOf(action: string, provider: string, problems: string[]): AuthorizationAction {
  switch (action) {
    case 'ALLOW':
    case 'DENY':
    case 'AUDIT':
      return { kind: ACTIONS[action] }
    case 'CUSTOM':
      if (provider !== '') return { kind: 'custom', provider }
      problems.push('provider.name: must be given with CUSTOM; everything that a rule matches is refused')
      return { kind: 'deny' }
    default:
      problems.push(
        `action: must be ALLOW, DENY, AUDIT or CUSTOM, not ${action}; what a rule matches is refused`,
      )
      return { kind: 'deny' }
  }
}

const ACTIONS = { ALLOW: 'allow', DENY: 'deny', AUDIT: 'audit' } as const

/** What Go's ParseBool takes for true. */
const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])

function dryRunOf(text: string | undefined, problems: string[]): boolean {
  if (text === undefined) return false
  if (!TRUE.has(text) && !FALSE.has(text))
    problems.push(`annotation ${DRY_RUN}: must be true or false, not ${text}; the policy is enforced`)
  return TRUE.has(text)
}

interface Place {
  readonly path: string
  readonly problems: string[]
}

function translateRule(rule: IstioAuthorizationRule, { path, problems }: Place): AuthorizationRule {
  return {
    from: listOf(rule.from).map(({ source }, i) =>
      conditionsOf(source ?? {}, SOURCE, { path: `${path}.from[${i}].source`, problems }),
    ),
    to: listOf(rule.to).map(({ operation }, i) =>
      conditionsOf(operation ?? {}, OPERATION, { path: `${path}.to[${i}].operation`, problems }),
    ),
    when: listOf(rule.when).map((condition, i) => {
      const at = { path: `${path}.when[${i}]`, problems }
      return checked(
        {
          attribute: attributeOf(condition.key, at),
          values: textsOf(condition.values),
          notValues: textsOf(condition.notValues),
        },
        at,
      )
    }),
  }
}

type Fields = readonly (readonly [member: string, not: string, kind: PlainAttribute])[]

const SOURCE: Fields = [
  ['principals', 'notPrincipals', 'principal'],
  ['requestPrincipals', 'notRequestPrincipals', 'request-principal'],
  ['namespaces', 'notNamespaces', 'namespace'],
  ['serviceAccounts', 'notServiceAccounts', 'service-account'],
  ['trustDomains', 'notTrustDomains', 'trust-domain'],
  ['ipBlocks', 'notIpBlocks', 'source-ip'],
  ['remoteIpBlocks', 'notRemoteIpBlocks', 'remote-ip'],
]

const OPERATION: Fields = [
  ['hosts', 'notHosts', 'host'],
  ['methods', 'notMethods', 'method'],
  ['paths', 'notPaths', 'path'],
  ['ports', 'notPorts', 'port'],
]

function conditionsOf(
  given: Readonly<Record<string, readonly string[] | undefined>>,
  fields: Fields,
  place: Place,
): readonly AuthorizationCondition[] {
  return fields.flatMap(([member, not, kind]) => {
    const values = textsOf(given[member])
    const notValues = textsOf(given[not])
    if (values.length === 0 && notValues.length === 0) return []
    const at = { ...place, path: `${place.path}.${member}` }
    return [checked({ attribute: { kind }, values, notValues }, at)]
  })
}

const KEYS: Readonly<Record<string, PlainAttribute>> = {
  'source.ip': 'source-ip',
  'remote.ip': 'remote-ip',
  'source.namespace': 'namespace',
  'source.principal': 'principal',
  'source.serviceAccount': 'service-account',
  'source.trustDomain': 'trust-domain',
  'request.auth.principal': 'request-principal',
  'request.auth.audiences': 'audience',
  'request.auth.presenter': 'presenter',
  'destination.ip': 'destination-ip',
  'destination.port': 'port',
  'connection.sni': 'server-name',
}

function attributeOf(key: string, { path, problems }: Place): AuthorizationAttribute {
  const plain = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
  if (plain !== undefined) return { kind: plain }
  const header = /^request\.headers\[([^\]]+)\]$/.exec(key)?.[1]
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() }
  const claims = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1]
  if (claims !== undefined) return { kind: 'claim', path: claims.slice(1, -1).split('][') }
  problems.push(
    `${path}.key: ${key} is not known; a rule with it allows nothing, and refuses whatever the rest of it matches`,
  )
  return { kind: 'unknown', name: key }
}

/** Says what of a condition means nothing. */
function checked(condition: AuthorizationCondition, { path, problems }: Place): AuthorizationCondition {
  const { attribute, values, notValues } = condition
  if (values.length === 0 && notValues.length === 0)
    problems.push(`${path}: has neither values nor notValues, so that it holds for everything`)
  for (const value of [...values, ...notValues]) {
    const problem = problemOf(attribute, value)
    if (problem !== undefined)
      problems.push(`${path}: ${JSON.stringify(value)} ${problem}; a rule that allows allows nothing with it`)
  }
  return condition
}

function problemOf(attribute: AuthorizationAttribute, value: string): string | undefined {
  switch (attribute.kind) {
    case 'source-ip':
    case 'remote-ip':
    case 'destination-ip':
      return isAddress(value) ? undefined : 'is neither an address nor a CIDR block'
    case 'port':
      return /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? undefined : 'is not a port'
    case 'path':
      return isPathTemplate(value) ? pathTemplateProblem(value) : undefined
    default:
      return undefined
  }
}

function isAddress(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  if (more.length > 0) return false
  if (!address.includes(':'))
    return bits === undefined ? parseIpv4(address) !== undefined : parseIpv4Cidr(text) !== undefined
  return (
    parseIpv6(address) !== undefined &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= 128))
  )
}
