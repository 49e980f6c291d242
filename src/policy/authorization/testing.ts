/** For tests: policies and facts with what a case does not care about filled in. */
import {
  type AuthorizationAction,
  type AuthorizationAttribute,
  type AuthorizationCondition,
  type AuthorizationPolicy,
  authorizationPolicyName,
  type AuthorizationRule,
  type PlainAttribute,
  spiffeId,
} from '../../model/index.ts'
import type { ConnectionFacts } from '../connection.ts'
import { type Authorizer, compileAuthorizer } from './authorizer.ts'
import type { RequestFacts } from './facts.ts'

export function conditionOf(
  attribute: PlainAttribute | AuthorizationAttribute,
  values: readonly string[],
  notValues: readonly string[] = [],
): AuthorizationCondition {
  return { attribute: typeof attribute === 'string' ? { kind: attribute } : attribute, values, notValues }
}

export function ruleOf(rule: Partial<AuthorizationRule>): AuthorizationRule {
  return { from: [], to: [], when: [], ...rule }
}

export function policyOf(
  name: string,
  kind: AuthorizationAction['kind'],
  rules: readonly Partial<AuthorizationRule>[],
  more: Partial<AuthorizationPolicy> = {},
): AuthorizationPolicy {
  const origin = { kind: 'AuthorizationPolicy', namespace: 'demo', name }
  return {
    type: 'authorization-policy',
    key: authorizationPolicyName(origin),
    scope: { namespace: 'demo', labels: {} },
    action: kind === 'custom' ? { kind, provider: 'authz' } : { kind },
    isDryRun: false,
    rules: rules.map(ruleOf),
    origin,
    ...more,
  }
}

export function requestOf(
  given: Partial<Omit<RequestFacts, 'header'>> & { readonly headers?: Readonly<Record<string, string>> } = {},
): RequestFacts {
  const { headers = {}, ...rest } = given
  return {
    method: 'GET',
    authority: 'shop.example',
    path: '/',
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
    clientAddress: () => '10.1.0.1',
    ...rest,
  }
}

export function connectionOf(
  given: Partial<ConnectionFacts> & { readonly peerOf?: readonly [namespace: string, account: string] } = {},
): ConnectionFacts {
  const { peerOf, ...rest } = given
  const peer = peerOf && {
    principal: spiffeId('cluster.local', ...peerOf),
    trustDomain: 'cluster.local',
    namespace: peerOf[0],
    serviceAccount: peerOf[1],
  }
  return {
    sourceAddress: '10.0.0.1',
    sourcePort: 40_000,
    destinationAddress: '10.0.0.2',
    destinationPort: 8080,
    ...(peer && { peer }),
    ...rest,
  }
}

export function authorizerOf(
  policies: readonly AuthorizationPolicy[],
  transport: 'http' | 'tcp' = 'http',
  aliases: readonly string[] = [],
): Authorizer {
  const compiled = compileAuthorizer(policies, { transport, trustDomains: { own: 'cluster.local', aliases } })
  if (compiled === undefined) throw new Error('there is no policy')
  return compiled
}
