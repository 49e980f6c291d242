import type { Collection, Graph } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { type KindRef, type PeerAuthentication, RESOURCE_KINDS } from '../resources/index.ts'
import { namespaceOf, objectKey } from './names.ts'
import { type Problem, problemsOf } from './problem.ts'
import type { Sources } from './sources.ts'
import { condition, type StatusUpdate } from './status.ts'

/** Who wrote these believes to be protected: that they are not is said in logs and in the object's own status. */
export interface SecurityPipeline {
  readonly statuses: readonly Collection<StatusUpdate>[]
  readonly problems: readonly Collection<Problem>[]
}

interface Unenforced {
  readonly key: string
  readonly object: KubeObject
  readonly message: string
}

export function createSecurityPipeline(graph: Graph, sources: Sources): SecurityPipeline {
  const { peerAuthentication } = RESOURCE_KINDS
  const all = [follow(graph, sources.peerAuthentications, peerAuthentication, ofPeers)]
  return { statuses: all.map(({ statuses }) => statuses), problems: all.map(({ problems }) => problems) }
}

function follow<T extends KubeObject>(
  graph: Graph,
  input: Collection<T>,
  kind: KindRef,
  effectOf: (object: T) => string | undefined,
) {
  const unenforced: Collection<Unenforced> = graph.derive({
    name: `unenforced ${kind.plural}`,
    input,
    transform(object) {
      const effect = effectOf(object)
      if (effect === undefined) return []
      return [
        {
          key: objectKey(object),
          object,
          message: `${kind.kind} is not enforced yet, it has no effect: ${effect}`,
        },
      ]
    },
  })
  return {
    problems: graph.derive({
      name: `${kind.plural} problems`,
      input: unenforced,
      transform: ({ object, message }) =>
        problemsOf({ kind: kind.kind, namespace: namespaceOf(object), name: object.metadata.name }, [
          message,
        ]),
    }),
    statuses: graph.derive({
      name: `${kind.plural} statuses`,
      input: unenforced,
      transform: ({ object, message }) => [statusOf(object, kind, message)],
    }),
  }
}

function statusOf(object: KubeObject, kind: KindRef, message: string): StatusUpdate {
  const { name, generation = 0 } = object.metadata
  const namespace = namespaceOf(object)
  const outcome = { status: false, reason: 'NotEnforced', message }
  return {
    key: `${kind.kind}/${namespace}/${name}`,
    kind,
    namespace,
    name,
    observedGeneration: generation,
    status: { conditions: [condition(generation, 'Accepted', outcome)] },
  }
}

/** Connections without TLS are taken as they always are: only what asks for more is not done. */
function ofPeers({ spec }: PeerAuthentication): string | undefined {
  const modes = [spec?.mtls?.mode, ...Object.values(spec?.portLevelMtls ?? {}).map(({ mode }) => mode)]
  return modes.includes('STRICT') ? 'connections without mutual TLS are taken' : undefined
}
