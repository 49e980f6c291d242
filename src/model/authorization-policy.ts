import type { AuthorizationPolicyName, Origin } from './names.ts'
import type { PolicyScope } from './policy-scope.ts'

/**
 * Who may do what with a workload (Istio's AuthorizationPolicy), as its author wrote it: what of it can be decided
 * depends on whether requests or connections are looked at, and is decided where they are.
 */
export interface AuthorizationPolicy {
  readonly type: 'authorization-policy'
  readonly key: AuthorizationPolicyName
  readonly scope: PolicyScope
  readonly action: AuthorizationAction
  /** Decided and told, but nobody is refused for it. */
  readonly isDryRun: boolean
  /** One that matches is enough. None: the policy matches nothing. */
  readonly rules: readonly AuthorizationRule[]
  readonly origin: Origin
}

export type AuthorizationAction =
  | { readonly kind: 'allow' | 'deny' | 'audit' }
  /** A service outside of the mesh decides (MeshConfig extensionProviders). */
  | { readonly kind: 'custom'; readonly provider: string }

/** Matches when one of `from`, one of `to` and all of `when` do; an empty list holds for everything. */
export interface AuthorizationRule {
  /** The conditions of each hold together. */
  readonly from: readonly (readonly AuthorizationCondition[])[]
  readonly to: readonly (readonly AuthorizationCondition[])[]
  readonly when: readonly AuthorizationCondition[]
}

/** One of the values, if there are any, and none of the others. */
export interface AuthorizationCondition {
  readonly attribute: AuthorizationAttribute
  readonly values: readonly string[]
  readonly notValues: readonly string[]
}

export type AuthorizationAttribute =
  | { readonly kind: PlainAttribute }
  /** `name` in lower case. */
  | { readonly kind: 'header'; readonly name: string }
  /** Of the verified token; members of members after it. */
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  /** This version does not know it. */
  | { readonly kind: 'unknown'; readonly name: string }

/** What a condition can look at without naming anything. */
export const PLAIN_ATTRIBUTES = [
  'principal',
  'trust-domain',
  'namespace',
  'service-account',
  'source-ip',
  'remote-ip',
  'request-principal',
  'audience',
  'presenter',
  'host',
  'method',
  'path',
  'port',
  'destination-ip',
  'server-name',
] as const

export type PlainAttribute = (typeof PLAIN_ATTRIBUTES)[number]

/** Whether a path of a policy is a template. @see Istio, pkg/config/security */
export function isPathTemplate(path: string): boolean {
  return path.includes('{*}') || path.includes('{**}')
}

/** @returns what is wrong with a template, if anything */
export function pathTemplateProblem(template: string): string | undefined {
  if (!template.startsWith('/')) return 'must begin with a slash'
  const segments = template.split('/')
  const rest = segments.indexOf('{**}')
  if (segments.some((segment) => !isOperator(segment) && /[{}*]/.test(segment)))
    return '{*} and {**} must be whole segments, and there are no other wildcards in a template'
  if (rest >= 0 && segments.some((segment, i) => i > rest && isOperator(segment)))
    return '{**} must be the last operator'
  return undefined
}

function isOperator(segment: string): boolean {
  return segment === '{*}' || segment === '{**}'
}
