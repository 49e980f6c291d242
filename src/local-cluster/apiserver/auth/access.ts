import type { PolicyRule } from '../../../kube/index.ts'
import type { ResourcePath, User } from '../request.ts'

/** What somebody wants to do: with a resource, or with a path that is none (`/healthz`). */
export type Attributes =
  | {
      readonly kind: 'resource'
      readonly user: User
      /** a verb of a request, or one that only roles know (`bind`, `escalate`, `impersonate`) */
      readonly verb: string
      readonly path: ResourcePath
    }
  | { readonly kind: 'path'; readonly user: User; readonly verb: string; readonly path: string }

export interface Decision {
  readonly allowed: boolean
  /** which binding allows it; for a refusal what could not be evaluated, mostly nothing */
  readonly reason: string
}

/** Whether a user may do something. */
export type Authorize = (attributes: Attributes) => Decision

export interface Authorizer {
  readonly authorize: Authorize
  /** everything that a user may do in a namespace ('' for the cluster scope) */
  readonly rulesOf: (user: User, namespace: string) => UserRules
}

export interface UserRules {
  readonly rules: readonly PolicyRule[]
  /** bindings whose role is missing */
  readonly errors: readonly string[]
}

/** Who may do everything, whatever the roles say. */
export const SUPERUSER_GROUP = 'system:masters'

export function isSuperuser(user: User): boolean {
  return user.groups.includes(SUPERUSER_GROUP)
}
