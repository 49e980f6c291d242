import type { PeerAuthentication, PeerAuthenticationName } from '../../model/index.ts'
import {
  type AuthenticatedWorkload,
  createPeerAuthenticator,
  type PeerAuthenticator,
  type PeerTlsDecision,
} from '../../policy/index.ts'

/** What workloads ask of the connections to them: one's own proxy keeps to it, and others speak as it is wanted. */
export interface PeerModes {
  readonly set: (policy: PeerAuthentication) => void
  readonly delete: (key: PeerAuthenticationName) => void
  readonly decide: (workload: AuthenticatedWorkload, port: number) => PeerTlsDecision
}

export function createPeerModes(): PeerModes {
  const policies = new Map<PeerAuthenticationName, PeerAuthentication>()
  let authenticator: PeerAuthenticator | undefined
  return {
    set(policy) {
      policies.set(policy.key, policy)
      authenticator = undefined
    },
    delete(key) {
      policies.delete(key)
      authenticator = undefined
    },
    decide(workload, port) {
      authenticator ??= createPeerAuthenticator(policies.values())
      return authenticator.decide(workload, port)
    },
  }
}
