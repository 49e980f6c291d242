import { rmSync } from 'node:fs'
import { messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import { writeFileAtomic } from '../files.ts'
import { linkName } from '../paths.ts'
import { unmountBelow } from '../volume/memory.ts'
import { deleteSandbox } from '../runtime/sandbox.ts'
import { type PodPlan, planPod } from './plan.ts'
import { runHook } from './probing.ts'
import { isRunning } from './slot.ts'
import { stopAll, type StopOptions } from './stop.ts'
import {
  about,
  DEFAULT_GRACE_SECONDS,
  event,
  FINAL_STATUS_WAIT_MS,
  noteExit,
  RETRY_MS,
  type State,
  views,
  wakeAt,
  writeStatus,
  ownAddresses,
} from './worker-state.ts'

/** All main containers are done for good: the sidecars may go. */
export async function finish(state: State, pod: Pod): Promise<void> {
  const running = [...state.slots.values()].filter((slot) => isRunning(slot))
  if (running.length === 0) return
  await stopAll(running, graceMsOf(pod), stopOptions(state))
  for (const slot of state.slots.values()) noteExit(state, slot)
}

/** A pod that is over keeps its logs and its status, and gives back address, network and memory, as the kubelet does. */
export async function release(state: State, pod: Pod, plan: PodPlan): Promise<void> {
  const { context, paths, record } = state
  if (record === undefined || [...state.slots.values()].some((slot) => isRunning(slot))) return
  // A node agent that finds the pod later must know that it is over.
  await state.status.flushed(FINAL_STATUS_WAIT_MS)
  state.wasOver = true
  await context.runtime.killAll(paths)
  await deleteSandbox(paths, pod.metadata.uid ?? '', ownAddresses(state, record))
  await unmountBelow(paths.root)
  state.hasSandbox = false
  state.record = { ...record, isReleased: true }
  writeFileAtomic(paths.record, JSON.stringify(state.record))
  context.ipPool.release(record.ip)
  writeStatus(state, pod, plan)
}

export function stopOptions(state: State): StopOptions {
  return {
    clock: state.context.clock,
    hook: (slot, handler, timeoutMs) =>
      runHook({ context: state.context, slot, podIp: state.record?.ip ?? '', handler, timeoutMs }),
    onHookFailure: (slot) =>
      event(state, { ...about(slot, 'FailedPreStopHook', 'PreStopHook failed'), type: 'Warning' }),
    onKilling: (slot) => event(state, about(slot, 'Killing', `Stopping container ${slot.name}`)),
  }
}

export function graceMsOf(pod: Pod): number {
  const { deletionGracePeriodSeconds } = pod.metadata
  return (
    (deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000
  )
}

/** The end of a pod: containers, status, object, sandbox, files. */
export async function terminate(state: State, pod: Pod): Promise<void> {
  try {
    await stopAll([...state.slots.values()], state.isDeleted ? 0 : graceMsOf(pod), stopOptions(state))
    for (const slot of state.slots.values()) noteExit(state, slot)
    if (!state.isDeleted) {
      writeStatus(state, pod, planPod(pod, views(state), state.context.clock.now()))
      await state.status.flushed(FINAL_STATUS_WAIT_MS)
    }
    await removeEverything(state, pod.metadata.uid ?? '')
    const { name, namespace, uid = '' } = pod.metadata
    if (!state.isDeleted)
      await state.context.client.delete(KINDS.pod, name, namespace, { gracePeriodSeconds: 0, uid })
    state.status.stop()
    state.isClosed = true
    state.options.onGone()
  } catch (error) {
    state.logger.error('the end of a pod failed and is tried again', {
      pod: pod.metadata.name,
      error: messageOf(error),
    })
    state.terminating = undefined
    wakeAt(state, state.context.clock.now() + RETRY_MS)
  }
}

/** A pod on disk of which the API server knows nothing: what runs of it ends at once. */
export async function removeUnknown(state: State): Promise<void> {
  if (!state.isDeleted) return
  await removeEverything(state, state.options.uid)
  state.isClosed = true
  state.options.onGone()
}

async function removeEverything(state: State, uid: string): Promise<void> {
  const { context, paths } = state
  await context.runtime.killAll(paths)
  await deleteSandbox(paths, uid, ownAddresses(state, state.record))
  if (state.record !== undefined && state.record.isReleased !== true) context.ipPool.release(state.record.ip)
  context.tokens.forget(uid)
  await unmountBelow(paths.root)
  rmSync(paths.root, { recursive: true, force: true })
  state.logger.debug('a pod is gone', { pod: state.pod?.metadata.name, link: linkName(uid) })
}
