import type { ExternalAuthorizer } from '../../../model/index.ts'
import type { CustomAsk } from '../../../policy/index.ts'
import type { ForwardTarget } from '../../exchange/types.ts'

/** What services have decided, by Envoy's names. */
export interface ExtAuthzCounters {
  ok: number
  denied: number
  error: number
  failure_mode_allowed: number
}

/** Where a provider is to be asked. */
export interface AskedService {
  readonly authorizer: ExternalAuthorizer
  /** undefined: its service is not known here. */
  readonly target: ForwardTarget | undefined
}

/** @see Istio: a policy whose provider cannot be used refuses what it matches */
export function badProvider({ provider, by }: CustomAsk): string {
  return `rbac_access_denied_matched_policy[istio-ext-authz-${provider}-${by.id}-deny-due-to-bad-CUSTOM-action]`
}
