import type { PeerAuthentication } from '../../model/index.ts'
import { type AuthenticatedWorkload, createPeerAuthenticator } from '../../policy/index.ts'
import type { World } from './world.ts'

/** What a workload asks of those who connect to it, and the objects that say so. */
export function peerAuthenticationLines(workload: AuthenticatedWorkload, world: World): readonly string[] {
  const policies = world.model.peerAuthentications.list()
  const authenticator = createPeerAuthenticator(policies)
  const applied = policies.filter((policy) => isFor(policy, workload)).toSorted(byWidth)
  const ports = [...new Set(applied.flatMap((policy) => Object.keys(policy.ports)))]
    .map(Number)
    .sort((a, b) => a - b)
  const portLines = ports.flatMap((port) => {
    const { mode, policy } = authenticator.decide(workload, port)
    return policy?.ports[String(port)] === undefined ? [] : [`      ${port}: ${mode.toUpperCase()}`]
  })
  return [
    'Effective PeerAuthentication:',
    // No port is 0, so that only what is said of the whole workload is asked for.
    `   Workload mTLS mode: ${authenticator.decide(workload, 0).mode.toUpperCase()}`,
    ...(portLines.length === 0 ? [] : ['   Port Level mTLS mode:', ...portLines]),
    ...(applied.length === 0
      ? []
      : [
          'Applied PeerAuthentication:',
          `   ${applied.map(({ origin }) => `${origin.name}.${origin.namespace}`).join(', ')}`,
        ]),
  ]
}

function isFor({ scope }: PeerAuthentication, { namespace, labels }: AuthenticatedWorkload): boolean {
  if (scope.namespace === undefined) return true
  if (scope.namespace !== namespace) return false
  return Object.entries(scope.labels).every(([name, value]) => labels[name] === value)
}

/** The mesh's first, then the namespace's, then those that select the workload. */
function byWidth(a: PeerAuthentication, b: PeerAuthentication): number {
  return widthOf(a) - widthOf(b) || (a.key < b.key ? -1 : 1)
}

function widthOf({ scope }: PeerAuthentication): number {
  if (scope.namespace === undefined) return 0
  return Object.keys(scope.labels).length === 0 ? 1 : 2
}
