import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Node, Pod } from '../../kube/index.ts'
import { isConflict, isNotFound, KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { EventRecorder } from './events.ts'

/** Gives every unscheduled pod to the one node, unless the pod asks for another. */
export interface Scheduler {
  readonly consider: (pod: Pod) => void
}

const SCHEDULERS = ['', 'default-scheduler']
const RETRY_MS = 200
const TRIES_MAX = 25

export function createScheduler(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  readonly events: EventRecorder
  readonly nodeName: string
  /** The node's object; labels are what pods select by. */
  readonly node: () => Promise<Node | undefined>
}): Scheduler {
  const underWay = new Set<string>()
  const schedule = async (pod: Pod) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await place(options, pod)
        return
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return
        if (attempt >= TRIES_MAX) throw error
        await options.clock.sleep(RETRY_MS)
      }
    }
  }
  return {
    consider(pod) {
      const { uid = '' } = pod.metadata
      if (!isWaiting(pod) || underWay.has(uid)) return
      underWay.add(uid)
      schedule(pod)
        .catch((error: unknown) => {
          options.logger.error('a pod was not scheduled', { pod: pod.metadata.name, error: messageOf(error) })
        })
        .finally(() => underWay.delete(uid))
    },
  }
}

function isWaiting({ spec, metadata, status }: Pod): boolean {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return false
  if (metadata.deletionTimestamp !== undefined || (spec.schedulingGates ?? []).length > 0) return false
  if (status?.conditions?.some((one) => one.type === 'PodScheduled' && one.reason === 'Unschedulable'))
    return false
  return SCHEDULERS.includes(spec.schedulerName ?? '')
}

async function place(options: Parameters<typeof createScheduler>[0], pod: Pod): Promise<void> {
  const wanted = Object.entries(pod.spec.nodeSelector ?? {})
  const labels = wanted.length === 0 ? {} : ((await options.node())?.metadata.labels ?? {})
  if (!wanted.every(([key, value]) => labels[key] === value)) {
    await markUnschedulable(options, pod)
    return
  }
  await bind(options, pod)
  const { name, namespace = '' } = pod.metadata
  options.events.record(pod, {
    type: 'Normal',
    reason: 'Scheduled',
    message: `Successfully assigned ${namespace}/${name} to ${options.nodeName}`,
    component: 'default-scheduler',
  })
}

async function bind(
  options: { readonly client: KubeClient; readonly nodeName: string },
  pod: Pod,
): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  // Our API server lets an empty node name be filled, which is all that a Binding does.
  const patch = { metadata: { uid }, spec: { nodeName: options.nodeName } }
  await options.client.patch(KINDS.pod, name, namespace, patch, { type: 'merge' })
}

async function markUnschedulable(
  options: { readonly client: KubeClient; readonly clock: Clock; readonly events: EventRecorder },
  pod: Pod,
): Promise<void> {
  const message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
  const lastTransitionTime = `${new Date(options.clock.now()).toISOString().slice(0, 19)}Z`
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime,
  }
  const { name, namespace } = pod.metadata
  const patch = { status: { phase: 'Pending', conditions: [condition] } }
  await options.client.patch(KINDS.pod, name, namespace, patch, { type: 'merge', subresource: 'status' })
  options.events.record(pod, {
    type: 'Warning',
    reason: 'FailedScheduling',
    message,
    component: 'default-scheduler',
  })
}
