import type { PeerAuthentication, PeerTlsMode } from '../model/index.ts'

/** What a workload's proxy asks of connections to one port, and which object says so (none: the mesh's default). */
export interface PeerTlsDecision {
  readonly mode: PeerTlsMode
  readonly policy?: PeerAuthentication
}

export interface PeerAuthenticator {
  /** @param port the workload's own */
  readonly decide: (workload: AuthenticatedWorkload, port: number) => PeerTlsDecision
}

export interface AuthenticatedWorkload {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * The narrowest object that says something holds: one for the port, one that selects the workload, one of its
 * namespace, one of the mesh; without any, TLS and plain connections are taken. Of each scope the oldest counts.
 * @see Istio, PeerAuthentication; istio/istio pilot/pkg/security/authn/policy_applier.go
 */
export function createPeerAuthenticator(policies: Iterable<PeerAuthentication>): PeerAuthenticator {
  const byNamespace = new Map<string, PeerAuthentication[]>()
  for (const policy of [...policies].toSorted(byAge)) {
    const namespace = policy.scope.namespace ?? ''
    const others = byNamespace.get(namespace)
    if (others === undefined) byNamespace.set(namespace, [policy])
    else others.push(policy)
  }
  const ofMesh = byNamespace.get('')?.[0]

  function chain({ namespace, labels }: AuthenticatedWorkload): readonly PeerAuthentication[] {
    const own = byNamespace.get(namespace) ?? []
    const selecting = own.find(({ scope }) => hasLabels(scope) && selects(scope.labels, labels))
    const ofNamespace = own.find(({ scope }) => !hasLabels(scope))
    return [selecting, ofNamespace, ofMesh].filter((one) => one !== undefined)
  }

  return {
    decide(workload, port) {
      for (const policy of chain(workload)) {
        const ofPort = hasLabels(policy.scope) ? policy.ports[String(port)] : undefined
        const mode = ofPort ?? policy.mode
        if (mode !== undefined) return { mode, policy }
      }
      return { mode: 'permissive' }
    },
  }
}

function byAge(a: PeerAuthentication, b: PeerAuthentication): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1
  return a.key < b.key ? -1 : 1
}

function hasLabels({ labels }: PeerAuthentication['scope']): boolean {
  return Object.keys(labels).length > 0
}

function selects(
  wanted: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value)
}
