import type { AuthorizationPolicy, AuthorizationPolicyName, Mesh } from '../../../model/index.ts'
import { isInScope } from '../../../model/index.ts'
import { type Authorizer, compileAuthorizer } from '../../../policy/index.ts'

/** The authorization policies of one proxy, compiled when they change. */
export interface AuthorizationTable {
  readonly set: (policy: AuthorizationPolicy) => void
  readonly delete: (key: AuthorizationPolicyName) => void
  /** The mesh may be called otherwise now. */
  readonly refresh: () => void
  /** @returns undefined while no policy says anything */
  readonly ofRequests: () => Authorizer | undefined
  readonly ofConnections: () => Authorizer | undefined
  readonly policies: () => Iterable<AuthorizationPolicy>
}

export function createAuthorizationTable(options: {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly mesh: () => Mesh | undefined
}): AuthorizationTable {
  const policies = new Map<AuthorizationPolicyName, AuthorizationPolicy>()
  let isStale = false
  let trustDomains = ''
  let ofRequests: Authorizer | undefined
  let ofConnections: Authorizer | undefined

  function domains() {
    const mesh = options.mesh()
    return { own: mesh?.trustDomain ?? 'cluster.local', aliases: mesh?.trustDomainAliases ?? [] }
  }

  function compile(): void {
    if (!isStale) return
    isStale = false
    const all = [...policies.values()]
    const context = { trustDomains: domains() }
    ofRequests = compileAuthorizer(all, { ...context, transport: 'http' })
    ofConnections = compileAuthorizer(all, { ...context, transport: 'tcp' })
  }

  return {
    set(policy) {
      if (isInScope(policy.scope, options)) policies.set(policy.key, policy)
      else if (!policies.delete(policy.key)) return
      isStale = true
    },
    delete(key) {
      if (policies.delete(key)) isStale = true
    },
    refresh() {
      const now = JSON.stringify(domains())
      if (now !== trustDomains && policies.size > 0) isStale = true
      trustDomains = now
    },
    ofRequests() {
      compile()
      return ofRequests
    },
    ofConnections() {
      compile()
      return ofConnections
    },
    policies: () => policies.values(),
  }
}
