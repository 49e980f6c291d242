import type { Clock, Logger } from '../../base/index.ts'
import type {
  AuthorizationPolicy,
  AuthorizationPolicyName,
  Mesh,
  RequestAuthentication,
  RequestAuthenticationName,
} from '../../model/index.ts'
import type { ConnectionFacts } from '../../policy/index.ts'
import type { Guard } from './order.ts'
import { createAuthorizationTable } from './rbac/authorization-table.ts'
import {
  type AuthorizationCounters,
  createAuthorizationCounters,
  createRbacGuard,
  decideConnection,
} from './rbac/filter.ts'

export type GuardKind = 'jwt' | 'ext-authz' | 'rbac'

/** What of security stands before a proxy's workload or routes: only what a policy asks for. */
export interface Guards {
  readonly set: (policy: AuthorizationPolicy | RequestAuthentication) => void
  readonly deleteAuthorization: (key: AuthorizationPolicyName) => void
  readonly deleteAuthentication: (key: RequestAuthenticationName) => void
  /** Once after a batch of changes. */
  readonly settle: () => void
  /** Changes when a filter comes or goes; what is in a policy is looked up with each request. */
  readonly version: () => number
  readonly of: (kind: GuardKind) => Guard | undefined
  /** All of them, in their order; empty while there is no policy. */
  readonly all: () => readonly Guard[]
  /** @returns why a connection that is no HTTP is refused; undefined when it is not */
  readonly refusal: (connection: ConnectionFacts) => string | undefined
  readonly counters: () => Iterable<readonly [prefix: string, counters: AuthorizationCounters]>
  readonly policies: () => Iterable<AuthorizationPolicy>
  readonly close: () => void
}

export interface GuardsOptions {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly logger: Logger
  readonly mesh: () => Mesh | undefined
}

export function createGuards(options: GuardsOptions): Guards {
  const logger = options.logger.scope('rbac')
  const authorization = createAuthorizationTable(options)
  const http = createAuthorizationCounters()
  const tcp = createAuthorizationCounters()
  const rbac = createRbacGuard({ authorizer: authorization.ofRequests, counters: http, logger })
  let present = new Map<GuardKind, Guard>()
  let list: readonly Guard[] = []
  let version = 0

  function wanted(): Map<GuardKind, Guard> {
    const guards = new Map<GuardKind, Guard>()
    if (authorization.ofRequests() !== undefined) guards.set('rbac', rbac)
    return guards
  }

  return {
    set(policy) {
      if (policy.type === 'authorization-policy') authorization.set(policy)
    },
    deleteAuthorization: authorization.delete,
    deleteAuthentication: () => {},
    settle() {
      authorization.refresh()
      const next = wanted()
      if (next.size === present.size && [...next.keys()].every((kind) => present.has(kind))) return
      present = next
      list = ORDER.flatMap((kind) => next.get(kind) ?? [])
      version++
    },
    version: () => version,
    of: (kind) => present.get(kind),
    all: () => list,
    refusal(connection) {
      const authorizer = authorization.ofConnections()
      return authorizer && decideConnection(authorizer, connection, { counters: tcp, logger })
    },
    counters: () => [
      ['http.rbac.', http],
      ['tcp.rbac.', tcp],
    ],
    policies: authorization.policies,
    close() {},
  }
}

/** A token first: what it says is looked at by the others. */
const ORDER: readonly GuardKind[] = ['jwt', 'ext-authz', 'rbac']
