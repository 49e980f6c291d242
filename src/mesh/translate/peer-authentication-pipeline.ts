import type { Collection, Graph } from '../../base/index.ts'
import type { PeerAuthentication } from '../../model/index.ts'
import {
  type PeerAuthenticationResult,
  translatePeerAuthentication,
} from './istio-api/peer-authentication.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'

export interface PeerAuthenticationPipeline {
  readonly peerAuthentications: Collection<PeerAuthentication>
  readonly problems: Collection<Problem>
}

export function createPeerAuthenticationPipeline(
  graph: Graph,
  sources: Sources,
  settings: MeshSettings,
): PeerAuthenticationPipeline {
  const results: Collection<PeerAuthenticationResult> = graph.derive({
    name: 'peer authentication results',
    input: sources.peerAuthentications,
    transform: (object) => [translatePeerAuthentication(object, settings)],
  })
  return {
    peerAuthentications: graph.derive({
      name: 'peer authentications',
      input: results,
      transform: ({ policy }) => [policy],
    }),
    problems: graph.derive({
      name: 'peer authentication problems',
      input: results,
      transform: ({ policy, problems }) => problemsOf(policy.origin, problems),
    }),
  }
}
