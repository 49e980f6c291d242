import { type Clock, type Logger, messageOf } from '../../../base/index.ts'
import type { Container, Node, Pod } from '../../../kube/index.ts'
import {
  ApiError,
  isConflict,
  isNotFound,
  KINDS,
  type KubeClient,
  pathOf,
} from '../../../kube/client/index.ts'
import type { EventRecorder } from '../events.ts'
import { unboundClaims } from '../volume/claims.ts'
import { createAllocations, type Allocations } from './allocations.ts'
import { unfitMessage, unfitness } from './node-fit.ts'

/** Gives every unscheduled pod to the one node, unless the pod asks for another. */
export interface Scheduler {
  /** A pod as it is now, wherever it is: what it takes of the node counts. */
  readonly consider: (pod: Pod) => void
  /** A pod that is there no more. */
  readonly forget: (uid: string) => void
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
  /** The node's object: labels, taints, what it has, and whether it is cordoned. */
  readonly node: () => Promise<Node | undefined>
  /** Whether a container's requests count. */
  readonly counts: (container: Container) => boolean
}

export function createScheduler(options: SchedulerOptions): Scheduler {
  const allocations = createAllocations(options.nodeName, options.counts)
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
    allocations.note(pod)
    unfit.delete(uid)
    if (!isUnscheduled(pod) || underWay.has(uid)) return
    underWay.add(uid)
    schedule(options, allocations, pod)
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
  return {
    consider,
    forget(uid) {
      unfit.delete(uid)
      allocations.forget(uid)
    },
  }
}

type Outcome = { readonly kind: 'done' } | { readonly kind: 'unfit'; readonly pod: Pod }

async function schedule(options: SchedulerOptions, allocations: Allocations, pod: Pod): Promise<Outcome> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await place(options, allocations, pod)
    } catch (error) {
      allocations.forget(pod.metadata.uid ?? '')
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

async function place(options: SchedulerOptions, allocations: Allocations, pod: Pod): Promise<Outcome> {
  const node = await options.node()
  const claims = await unboundClaims(options.client, pod)
  const unfit = node === undefined ? undefined : unfitness(pod, node, allocations)
  const reason =
    claims === undefined ? unfit && unfitMessage(unfit) : `0/1 nodes are available: ${claims}. not found`
  if (reason !== undefined) return { kind: 'unfit', pod: await markUnschedulable(options, pod, reason) }
  // From here on its room is its own, whatever is decided before the API server has answered.
  allocations.assume(pod)
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
  { metadata: { name, namespace, uid } }: Pod,
): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, uid },
    target: { apiVersion: 'v1', kind: 'Node', name: options.nodeName },
  }
  const path = pathOf(KINDS.pod, { namespace, name, subresource: 'binding' })
  const response = await options.client.request({ method: 'POST', path, body })
  if (response.status >= 300) throw new ApiError(response.status, response.body)
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
