import type { Clock, Logger, Random } from '../../base/index.ts'
import type {
  AuthorizationPolicy,
  AuthorizationPolicyName,
  Mesh,
  RequestAuthentication,
  RequestAuthenticationName,
} from '../../model/index.ts'
import type { ConnectionFacts } from '../../policy/index.ts'
import type { HttpContext } from '../exchange/types.ts'
import { ADMITTED, type Admission, type Admitted } from './admission.ts'
import { createConnectionAsker } from './ext-authz/connections.ts'
import { createExtAuthzGuard } from './ext-authz/filter.ts'
import type { AskedService, ExtAuthzCounters } from './ext-authz/service.ts'
import { createAuthenticationTable } from './jwt/authentication-table.ts'
import type { LocateKeyServer } from './jwt/fetch-keys.ts'
import { createJwtGuard, type JwtCounters, type JwtRules } from './jwt/filter.ts'
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
  /** Whether a connection that is no HTTP may be used. */
  readonly admission: (connection: ConnectionFacts) => Admission
  readonly counters: () => Iterable<readonly [prefix: string, counters: GuardCounters]>
  readonly policies: () => Iterable<AuthorizationPolicy>
  readonly authentications: () => Iterable<RequestAuthentication>
  readonly close: () => void
}

export type GuardCounters = AuthorizationCounters | JwtCounters | ExtAuthzCounters

export interface GuardsOptions {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly locateKeys: LocateKeyServer
  /** A service that decides, by its name in MeshConfig. */
  readonly provider: (name: string) => AskedService | undefined
  readonly mesh: () => Mesh | undefined
  /** Of requests that the proxy makes itself. */
  readonly context: HttpContext
}

export function createGuards(options: GuardsOptions): Guards {
  const logger = options.logger.scope('rbac')
  const authorization = createAuthorizationTable(options)
  const authentication = createAuthenticationTable({
    ...options,
    locate: options.locateKeys,
    logger: options.logger.scope('jwt'),
  })
  const jwtCounters: JwtCounters = { allowed: 0, denied: 0, cors_preflight_bypassed: 0 }
  const jwt = createJwtGuard({
    rules: () => authentication.rules() ?? NO_RULES,
    counters: jwtCounters,
    logger: options.logger.scope('jwt'),
  })
  const asked: ExtAuthzCounters = { ok: 0, denied: 0, error: 0, failure_mode_allowed: 0 }
  const extAuthz = createExtAuthzGuard({
    authorizer: authorization.ofRequests,
    provider: options.provider,
    counters: asked,
    logger: options.logger.scope('ext_authz'),
  })
  const askedOfConnections: ExtAuthzCounters = { ok: 0, denied: 0, error: 0, failure_mode_allowed: 0 }
  const connections = createConnectionAsker({
    provider: options.provider,
    counters: askedOfConnections,
    logger: options.logger.scope('ext_authz'),
    context: options.context,
  })
  const http = createAuthorizationCounters()
  const tcp = createAuthorizationCounters()
  const rbac = createRbacGuard({ authorizer: authorization.ofRequests, counters: http, logger })
  let present = new Map<GuardKind, Guard>()
  let list: readonly Guard[] = []
  let version = 0

  function wanted(): Map<GuardKind, Guard> {
    const guards = new Map<GuardKind, Guard>()
    if (authentication.rules() !== undefined) guards.set('jwt', jwt)
    if (authorization.ofRequests()?.hasAsks === true) guards.set('ext-authz', extAuthz)
    if (authorization.ofRequests() !== undefined) guards.set('rbac', rbac)
    return guards
  }

  return {
    set(policy) {
      if (policy.type === 'authorization-policy') authorization.set(policy)
      else authentication.set(policy)
    },
    deleteAuthorization: authorization.delete,
    deleteAuthentication: authentication.delete,
    settle() {
      authorization.refresh()
      authentication.settle()
      const next = wanted()
      if (next.size === present.size && [...next.keys()].every((kind) => present.has(kind))) return
      present = next
      list = ORDER.flatMap((kind) => next.get(kind) ?? [])
      version++
    },
    version: () => version,
    of: (kind) => present.get(kind),
    all: () => list,
    admission(connection) {
      const authorizer = authorization.ofConnections()
      if (authorizer === undefined) return ADMITTED
      const decide = (): Admitted => decideConnection(authorizer, connection, { counters: tcp, logger })
      const question = connections.questionOf(authorizer, connection)
      if (question === undefined) return decide()
      return {
        kind: 'asked',
        ask: (done) => question((admission) => done(admission.kind === 'admitted' ? decide() : admission)),
      }
    },
    // A proxy that never had a policy shows no figures of any.
    counters: () =>
      version === 0
        ? []
        : [
            ['http.rbac.', http],
            ['tcp.rbac.', tcp],
            ['http.jwt_authn.', jwtCounters],
            ['http.ext_authz.', asked],
            ['tcp.ext_authz.', askedOfConnections],
          ],
    policies: authorization.policies,
    authentications: authentication.policies,
    close: authentication.close,
  }
}

const NO_RULES: JwtRules = { verifiers: [], outputs: [] }

/** A token first: what it says is looked at by the others. */
const ORDER: readonly GuardKind[] = ['jwt', 'ext-authz', 'rbac']
