import { type Node, type Pod, type Taint, type Toleration, toleratesTaint } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { formatSeconds } from './pods.ts'
import { type Controller, type ControllerContext, keyOf } from './shared-informers.ts'

const COMPONENT = 'taint-eviction-controller'

/**
 * Deletes pods from nodes that have a taint `NoExecute` which they do not tolerate, or no longer.
 * @see Toleration.tolerationSeconds: counted from when the taint is seen
 */
export function createTaintEviction(context: ControllerContext): Controller {
  const { client, informers, events, clock } = context
  const nodes = informers.of<Node>(KINDS.node)
  const pods = informers.of<Pod>(KINDS.pod)
  const podsByNode = pods.indexBy(({ spec }) => (spec.nodeName ? [spec.nodeName] : []))
  /** By uid of the pods that tolerate a taint for a time: when that began. */
  const toleratingSinceMs = new Map<string, number>()

  const queue = createObjectQueue(context, {
    name: 'taint-eviction',
    concurrency: 8,
    reads: [nodes, pods],
    reconcile: async ({ namespace, name }) => {
      const pod = pods.get(name, namespace)
      if (!pod || pod.metadata.deletionTimestamp !== undefined) return undefined
      const { uid = '' } = pod.metadata
      const taints = noExecuteTaints(nodes.get(pod.spec.nodeName ?? ''))
      const graceMs = toleratedMs(taints, pod.spec.tolerations ?? [])
      if (graceMs === Infinity) {
        if (toleratingSinceMs.delete(uid)) tell(pod, `Cancelling deletion of Pod ${namespace}/${name}`)
        return undefined
      }
      const sinceMs = toleratingSinceMs.get(uid) ?? clock.now()
      const leftMs = sinceMs + graceMs - clock.now()
      if (leftMs > 0) {
        toleratingSinceMs.set(uid, sinceMs)
        return leftMs
      }
      await evict(pod)
      toleratingSinceMs.delete(uid)
      return undefined
    },
  })

  const evict = async (pod: Pod) => {
    const { name, namespace, uid = '' } = pod.metadata
    tell(pod, `Marking for deletion Pod ${namespace}/${name}`)
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: formatSeconds(clock.now()),
    }
    const patch = { metadata: { uid }, status: { conditions: [condition] } }
    await client
      .patch(KINDS.pod, name, namespace, patch, { type: 'strategic', subresource: 'status' })
      .then(() => client.delete(KINDS.pod, name, namespace, { uid }))
      .catch(ignoreOvertaken)
  }

  const tell = (pod: Pod, message: string) =>
    events.record(pod, { type: 'Normal', reason: 'TaintManagerEviction', message, component: COMPONENT })

  pods.onChange((changes) => {
    for (const { key, before, after } of changes) {
      if (!after) toleratingSinceMs.delete(before?.metadata.uid ?? '')
      else if (hasNoExecute(nodes.get(after.spec.nodeName ?? ''))) queue.add(key)
    }
  })
  nodes.onChange((changes) => {
    for (const { before, after } of changes) {
      if (!hasNoExecute(before) && !hasNoExecute(after)) continue
      const name = (after ?? before)?.metadata.name ?? ''
      for (const pod of podsByNode.lookup(name)) queue.add(keyOf(pod))
    }
  })
  return { name: 'taint-eviction', stop: queue.stop }
}

function noExecuteTaints(node: Node | undefined): readonly Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
}

function hasNoExecute(node: Node | undefined): boolean {
  return noExecuteTaints(node).length > 0
}

/** For how long all of the taints are tolerated: by the first toleration of each, the shortest of them. */
function toleratedMs(taints: readonly Taint[], tolerations: readonly Toleration[]): number {
  const times = taints.map((taint) => {
    const toleration = tolerations.find((one) => toleratesTaint(one, taint))
    if (!toleration) return 0
    return toleration.tolerationSeconds === undefined
      ? Infinity
      : Math.max(toleration.tolerationSeconds, 0) * 1000
  })
  return Math.min(Infinity, ...times)
}
