import { messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { nameservers } from './etc-files.ts'
import { stopOptions } from './ending.ts'
import { type PodPlan, planPod } from './plan.ts'
import { etcOptions } from './preparation.ts'
import { lookAfter } from './probing.ts'
import { processNamespace } from './process-namespace.ts'
import { buildRunRequest, type Refusal, type RequestResult } from './run-request.ts'
import type { Slot } from './slot.ts'
import { stopContainer } from './stop.ts'
import {
  about,
  addressesOf,
  DEFAULT_GRACE_SECONDS,
  event,
  noteExit,
  onRunChange,
  PULL_BACKOFF_MAX_MS,
  PULL_BACKOFF_MS,
  RETRY_MS,
  type State,
  views,
  wakeAt,
} from './worker-state.ts'

/** Starts what may start now. @returns the plan that is left */
export async function startContainers(state: State, pod: Pod): Promise<PodPlan> {
  const { clock } = state.context
  for (;;) {
    const plan = planPod(pod, views(state), clock.now())
    if (plan.wakeAtMs !== undefined) wakeAt(state, plan.wakeAtMs)
    tellOfBackOff(state, pod, plan)
    let progressed = false
    for (const name of plan.start) {
      const slot = state.slots.get(name)
      if (slot !== undefined && (await startContainer(state, pod, slot))) progressed = true
    }
    // A container that starts (a sidecar) or ends at once (the capture) may let the next one go.
    if (!progressed) return plan
    for (const slot of state.slots.values()) noteExit(state, slot)
  }
}

/** Once for each end of a container. */
function tellOfBackOff(state: State, pod: Pod, { backingOff }: PodPlan): void {
  const { name, namespace = '', uid = '' } = pod.metadata
  for (const slot of backingOff.map((container) => state.slots.get(container))) {
    if (slot?.ended === undefined || slot.backOffTold) continue
    slot.backOffTold = true
    const message = `Back-off restarting failed container ${slot.name} in pod ${name}_${namespace}(${uid})`
    event(state, { ...about(slot, 'BackOff', message), type: 'Warning' })
  }
}

/** @returns whether it was started */
async function startContainer(state: State, pod: Pod, slot: Slot): Promise<boolean> {
  const { context, paths } = state
  const request = await requestFor(state, pod, slot)
  if (request.kind !== 'ready') {
    keepWaiting(state, slot, request)
    return false
  }
  if (request.notice !== undefined)
    event(state, { ...about(slot, 'SecurityContext', request.notice), type: 'Warning' })
  const image = slot.container.image ?? ''
  event(state, about(slot, 'Pulled', `Container image "${image}" already present on machine`))
  const attempt = slot.run === undefined ? 0 : slot.run.record.attempt + 1
  try {
    slot.run = await context.runtime.start({
      pod: paths,
      podUid: pod.metadata.uid ?? '',
      name: slot.name,
      attempt,
      failures: slot.failures,
      image,
      container: slot.container,
      request: request.request,
      onChange: onRunChange(state, slot),
    })
  } catch (error) {
    keepWaiting(state, slot, { kind: 'bad-config', message: messageOf(error) })
    return false
  }
  slot.last = slot.ended ?? slot.last
  slot.ended = undefined
  slot.waiting = undefined
  slot.pullFailures = 0
  slot.wasAttached = false
  slot.backOffTold = false
  slot.settled = slot.container.lifecycle?.postStart === undefined
  event(state, about(slot, 'Created', `Created container: ${slot.name}`))
  event(state, about(slot, 'Started', `Started container ${slot.name}`))
  startLookingAfter(state, slot, state.record?.ip ?? '')
  return true
}

async function requestFor(state: State, pod: Pod, slot: Slot): Promise<RequestResult> {
  const { context, paths } = state
  const podIps = addressesOf(state.record)
  try {
    const pidNamespace = await processNamespace(state, pod, slot)
    return buildRunRequest({
      context,
      pod,
      container: slot.container,
      paths,
      podIps,
      nameservers: nameservers(etcOptions(state, pod, podIps)),
      ...(pidNamespace === undefined ? {} : { pidNamespace }),
    })
  } catch (error) {
    return { kind: 'bad-config', message: messageOf(error) }
  }
}

const WAITING_REASONS = {
  'bad-config': 'CreateContainerConfigError',
  'never-pull': 'ErrImageNeverPull',
  'invalid-image': 'InvalidImageName',
} as const

function keepWaiting(state: State, slot: Slot, { kind, message }: Refusal): void {
  if (kind === 'no-image') waitForImage(state, slot, message)
  else {
    slot.waiting = { reason: WAITING_REASONS[kind], message }
    slot.restartAtMs = state.context.clock.now() + PULL_BACKOFF_MS
    if (kind === 'invalid-image') event(state, { ...about(slot, 'InspectFailed', message), type: 'Warning' })
    const words = kind === 'invalid-image' ? WAITING_REASONS[kind] : message
    event(state, { ...about(slot, 'Failed', `Error: ${words}`), type: 'Warning' })
  }
  wakeAt(state, slot.restartAtMs)
}

/** Kubernetes shows the failed pull first and the back-off at the next look. */
function waitForImage(state: State, slot: Slot, message: string): void {
  const image = slot.container.image ?? ''
  const isRepeated = slot.pullFailures > 0
  const backOff = `Back-off pulling image "${image}"`
  const reason = isRepeated ? 'ImagePullBackOff' : 'ErrImagePull'
  slot.waiting = { reason, message: isRepeated ? `${backOff}: ${message}` : message }
  const delay = Math.min(PULL_BACKOFF_MAX_MS, PULL_BACKOFF_MS * 2 ** Math.min(slot.pullFailures - 1, 10))
  slot.restartAtMs = state.context.clock.now() + (isRepeated ? delay : RETRY_MS)
  slot.pullFailures += 1
  if (isRepeated) event(state, about(slot, 'BackOff', backOff))
  else {
    event(state, about(slot, 'Pulling', `Pulling image "${image}"`))
    const failed = `Failed to pull image "${image}": ${message}`
    event(state, { ...about(slot, 'Failed', failed), type: 'Warning' })
  }
  event(state, { ...about(slot, 'Failed', `Error: ${reason}`), type: 'Warning' })
}

export function startLookingAfter(state: State, slot: Slot, podIp: string): void {
  void lookAfter({
    context: state.context,
    slot,
    podIp,
    onChange: state.poke,
    onUnhealthy: (message) => event(state, { ...about(slot, 'Unhealthy', message), type: 'Warning' }),
    onHookFailure: () =>
      event(state, { ...about(slot, 'FailedPostStartHook', 'PostStartHook failed'), type: 'Warning' }),
    onDead({ message, graceSeconds }) {
      event(state, about(slot, 'Killing', message))
      const ofPod = state.pod?.spec.terminationGracePeriodSeconds
      const graceMs = (graceSeconds ?? ofPod ?? DEFAULT_GRACE_SECONDS) * 1000
      void stopContainer(slot, graceMs, { ...stopOptions(state), onKilling: () => {} })
    },
  }).catch((error: unknown) => {
    state.logger.error('the probes of a container broke', { container: slot.name, error: messageOf(error) })
  })
}
