import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Node, Pod } from '../../kube/index.ts'
import { isConflict, isNotFound, KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { EventRecorder } from './events.ts'
import { unfitReason } from './scheduling-fit.ts'

/** Gives every unscheduled pod to the one node, unless the pod asks for another. */
export interface Scheduler {
  readonly consider: (pod: Pod) => void
}

const SCHEDULERS = ['', 'default-scheduler']
const RETRY_MS = 200
const TRIES_MAX = 25
const UNFIT_RETRY_MS = 1000

export interface SchedulerOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  readonly events: EventRecorder
  readonly nodeName: string
  /** The node's object: labels, taints and whether it is cordoned. */
  readonly node: () => Promise<Node | undefined>
}

export function createScheduler(options: SchedulerOptions): Scheduler {
  const underWay = new Set<string>()
  /** Pods that do not fit, by uid; they are looked at again when time has passed, as the node may have changed. */
  const unfit = new Map<string, Pod>()
  let isWaiting = false
  const considerLater = () => {
    if (isWaiting) return
    isWaiting = true
    options.clock.after(UNFIT_RETRY_MS, () => {
      isWaiting = false
      const pods = [...unfit.values()]
      unfit.clear()
      for (const pod of pods) consider(pod)
    })
  }
  const consider = (pod: Pod) => {
    const { uid = '' } = pod.metadata
    unfit.delete(uid)
    if (!isUnscheduled(pod) || underWay.has(uid)) return
    underWay.add(uid)
    schedule(options, pod)
      .then((outcome) => {
        if (outcome.kind !== 'unfit') return
        unfit.set(uid, outcome.pod)
        considerLater()
      })
      .catch((error: unknown) => {
        options.logger.error('a pod was not scheduled', { pod: pod.metadata.name, error: messageOf(error) })
      })
      .finally(() => underWay.delete(uid))
  }
  return { consider }
}

type Outcome = { readonly kind: 'done' } | { readonly kind: 'unfit'; readonly pod: Pod }

async function schedule(options: SchedulerOptions, pod: Pod): Promise<Outcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await place(options, pod)
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return { kind: 'done' }
      if (attempt >= TRIES_MAX) throw error
      await options.clock.sleep(RETRY_MS)
    }
  }
}

function isUnscheduled({ spec, metadata }: Pod): boolean {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return false
  if (metadata.deletionTimestamp !== undefined || (spec.schedulingGates ?? []).length > 0) return false
  return SCHEDULERS.includes(spec.schedulerName ?? '')
}

async function place(options: SchedulerOptions, pod: Pod): Promise<Outcome> {
  const node = await options.node()
  const reason = node === undefined ? undefined : unfitReason(pod, node)
  if (reason !== undefined) return { kind: 'unfit', pod: await markUnschedulable(options, pod, reason) }
  await bind(options, pod)
  const { name, namespace = '' } = pod.metadata
  options.events.record(pod, {
    type: 'Normal',
    reason: 'Scheduled',
    message: `Successfully assigned ${namespace}/${name} to ${options.nodeName}`,
    component: 'default-scheduler',
  })
  return { kind: 'done' }
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

/** Says so once for each reason. @returns the pod with the condition */
async function markUnschedulable(options: SchedulerOptions, pod: Pod, message: string): Promise<Pod> {
  const before = pod.status?.conditions ?? []
  if (before.some((one) => one.type === 'PodScheduled' && one.message === message)) return pod
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: `${new Date(options.clock.now()).toISOString().slice(0, 19)}Z`,
  } as const
  const { name, namespace } = pod.metadata
  const conditions = [...before.filter(({ type }) => type !== 'PodScheduled'), condition]
  const patch = { status: { phase: 'Pending', conditions } }
  const marked = await options.client.patch<Pod>(KINDS.pod, name, namespace, patch, {
    type: 'merge',
    subresource: 'status',
  })
  options.events.record(pod, {
    type: 'Warning',
    reason: 'FailedScheduling',
    message,
    component: 'default-scheduler',
  })
  return marked
}
