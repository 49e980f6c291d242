import type { KubeObject } from '../../../kube/index.ts'
import { type Analyzer, fullName, namespaceOf } from '../context.ts'
import { exportScopes, hostsOverlap, toFqdn } from '../hosts.ts'
import { type Message, createMessage } from '../messages.ts'
import { textsAt } from '../read.ts'

/** VirtualServices of the mesh that claim the same host: sidecars take one of them alone (IST0109). */
export const meshHosts: Analyzer = {
  name: 'virtualservice.ConflictingMeshGatewayHostsAnalyzer',
  analyze(context) {
    const claims = collectClaims(context.of('virtualService'))
    const reported = new Set<KubeObject>()
    const messages: Message[] = []
    for (const [claim, own] of [...claims].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const claimants = [...own, ...claimantsEverywhere(claim, claims)]
      if (claimants.length < 2) continue
      const names = claimants.map(fullName).sort().join(',')
      for (const object of claimants) {
        if (reported.has(object)) continue
        reported.add(object)
        messages.push(createMessage('IST0109', object, names, claim))
      }
    }
    return messages
  },
}

type Claims = ReadonlyMap<string, readonly KubeObject[]>

/** By `scope/host`. */
function collectClaims(virtualServices: readonly KubeObject[]): Claims {
  const claims = new Map<string, KubeObject[]>()
  for (const object of virtualServices) {
    const gateways = textsAt(object, 'spec', 'gateways')
    if (gateways.length > 0 && !gateways.includes('mesh')) continue
    const namespace = namespaceOf(object)
    for (const scope of exportScopes(textsAt(object, 'spec', 'exportTo'), namespace)) {
      for (const host of textsAt(object, 'spec', 'hosts')) {
        const claim = `${scope}/${toFqdn(namespace, host)}`
        const list = claims.get(claim)
        if (list === undefined) claims.set(claim, [object])
        else list.push(object)
      }
    }
  }
  return claims
}

/** For a claim within one namespace: the claims in all namespaces that meet it. */
function claimantsEverywhere(claim: string, claims: Claims): readonly KubeObject[] {
  if (claim.startsWith('*/')) return []
  const host = claim.slice(claim.indexOf('/') + 1)
  return [...claims]
    .filter(([other]) => other.startsWith('*/') && hostsOverlap(host, other.slice(2)))
    .flatMap(([, objects]) => objects)
}
