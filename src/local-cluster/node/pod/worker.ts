import { deepEqual, messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { readJsonIfExists } from '../files.ts'
import { podPaths, type PodPaths } from '../paths.ts'
import { containersOf } from './container-view.ts'
import { finish, graceMsOf, release, removeUnknown, stopOptions, terminate } from './ending.ts'
import { type PodPlan, planPod } from './plan.ts'
import { ensureSandbox, ensureVolumes } from './preparation.ts'
import { createSlot, isRunning, observeExit, type Slot } from './slot.ts'
import { startContainers, startLookingAfter } from './starting.ts'
import { createStatusWriter } from './status-writer.ts'
import { stopContainer } from './stop.ts'
import {
  event,
  isOverdue,
  noteExit,
  onRunChange,
  OVERDUE,
  type PodRecord,
  RETRY_MS,
  type State,
  views,
  wakeAt,
  type WorkerOptions,
  writeStatus,
} from './worker-state.ts'

/** Brings one pod to what its object says, again and again; all its work is done one step at a time. */
export interface PodWorker {
  /** The pod's newest object; undefined when the API server has it no more. */
  readonly update: (pod: Pod | undefined) => void
  /** Something the pod refers to has changed; containers that wait for such a thing are tried again at once. */
  readonly poke: (changed: 'configuration' | 'images') => void
  readonly slots: () => readonly Slot[]
  readonly paths: PodPaths
  /** The pod's processes stay: a later node agent adopts them. */
  readonly close: () => void
}

export function createPodWorker(options: WorkerOptions): PodWorker {
  const { context } = options
  let busy = false
  let again = false
  const run = async () => {
    busy = true
    while (again && !state.isClosed) {
      again = false
      try {
        await step(state)
      } catch (error) {
        state.logger.error('a step of a pod failed', { error: messageOf(error) })
        wakeAt(state, context.clock.now() + RETRY_MS)
      }
    }
    busy = false
  }
  const poke = () => {
    again = true
    if (!busy && !state.isClosed) void run()
  }
  const state = createState(options, poke)
  return {
    update(pod) {
      if (pod === undefined) state.isDeleted = true
      else state.pod = pod
      poke()
    },
    poke(changed) {
      for (const slot of state.slots.values()) {
        if (slot.waiting === undefined) continue
        const waitsFor = slot.waiting.reason === 'CreateContainerConfigError' ? 'configuration' : 'images'
        if (waitsFor === changed) slot.restartAtMs = 0
      }
      poke()
    },
    slots: () => [...state.slots.values()],
    paths: state.paths,
    close() {
      state.isClosed = true
      state.wake?.cancel()
      state.status.stop()
      for (const slot of state.slots.values()) slot.probes?.abort(new Error('the node agent ends'))
    },
  }
}

function createState(options: WorkerOptions, poke: () => void): State {
  const { context, uid } = options
  const paths = podPaths({ stateDir: context.stateDir, clusterId: context.clusterId, uid })
  return {
    options,
    context,
    paths,
    logger: context.logger.scope('pod'),
    status: createStatusWriter(context),
    slots: new Map(),
    pod: undefined,
    isDeleted: false,
    record: readJsonIfExists(paths.record) as PodRecord | undefined,
    hasSandbox: false,
    terminating: undefined,
    endAtMs: Infinity,
    isHastened: false,
    isOverdue: false,
    wasOver: false,
    mountFailures: 0,
    isClosed: false,
    wake: undefined,
    poke,
  }
}

/** One pass: look at what is, do what is next, say how it stands. Safe to repeat at any time. */
async function step(state: State): Promise<void> {
  const { pod, context } = state
  if (pod === undefined) return removeUnknown(state)
  const isFirst = state.slots.size === 0
  adoptSlots(state, pod)
  for (const slot of state.slots.values()) noteExit(state, slot)
  if (state.isDeleted || pod.metadata.deletionTimestamp !== undefined) {
    state.terminating ??= terminate(state, pod)
    hasten(state, pod)
    writeStatus(state, pod, { start: [], backingOff: [] })
    return
  }
  const phase = pod.status?.phase
  if (isFirst) state.wasOver = phase === 'Succeeded' || phase === 'Failed'
  if (state.wasOver) return
  if (!(await ensureSandbox(state, pod))) return
  if (!(await ensureVolumes(state, pod))) return
  replaceChangedImages(state, pod)
  if (isOverdue(state, pod, context.clock.now())) tellOfDeadline(state)
  const plan = state.isOverdue ? OVERDUE_PLAN : await startContainers(state, pod)
  if (plan.outcome !== undefined) await finish(state, pod)
  const next = state.isOverdue ? OVERDUE_PLAN : planPod(pod, views(state), context.clock.now())
  writeStatus(state, pod, next)
  if (next.outcome !== undefined) await release(state, pod, next)
}

const OVERDUE_PLAN: PodPlan = { start: [], backingOff: [], outcome: 'Failed' }

/** Whatever its containers say when they are stopped now, the pod has failed. */
function tellOfDeadline(state: State): void {
  if (state.isOverdue) return
  state.isOverdue = true
  event(state, { type: 'Normal', reason: OVERDUE.reason, message: OVERDUE.message })
}

/** A second deletion may leave less time than the first (`kubectl delete --now`, `--force`), never more. */
function hasten(state: State, pod: Pod): void {
  const { clock } = state.context
  const endAtMs = Date.parse(pod.metadata.deletionTimestamp ?? '')
  if (Number.isNaN(endAtMs) && !state.isDeleted) return
  const wanted = state.isDeleted ? clock.now() : endAtMs
  const isFirst = state.endAtMs === Infinity
  if (wanted >= state.endAtMs) {
    if (state.isHastened && clock.now() >= state.endAtMs) killRunning(state)
    return
  }
  state.endAtMs = wanted
  if (isFirst) return
  state.isHastened = true
  if (clock.now() >= wanted) killRunning(state)
  else wakeAt(state, wanted)
}

function killRunning(state: State): void {
  for (const slot of state.slots.values()) if (isRunning(slot)) slot.run?.kill()
}

/** The containers of the specification, with the runs that a node agent before has left. */
function adoptSlots(state: State, pod: Pod): void {
  for (const { role, container } of containersOf(pod)) {
    const known = state.slots.get(container.name)
    if (known !== undefined) {
      const isResized = !deepEqual(known.container.resources, container.resources)
      known.container = container
      if (isResized && known.run !== undefined && isRunning(known)) {
        const { attempt } = known.run.record
        state.context.runtime.resize({ podUid: state.options.uid, name: known.name, attempt, container })
      }
      continue
    }
    const slot = createSlot(role, container)
    state.slots.set(container.name, slot)
    slot.run = state.context.runtime.adopt({
      container: state.paths.container(container.name),
      onChange: onRunChange(state, slot),
    })
    if (
      slot.run === undefined ||
      observeExit(slot, slot.run.terminationMessage(container.terminationMessagePath))
    )
      continue
    state.hasSandbox = true
    keepReadiness(slot, pod)
    slot.settled = true
    if (state.record !== undefined) startLookingAfter(state, slot, state.record.ip)
  }
}

/**
 * An adopted run stands as it was last reported until a probe says otherwise: a restart of the node agent must not take
 * pods that serve out of their Services for the time of a probe.
 */
function keepReadiness(slot: Slot, pod: Pod): void {
  const reported = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ].find((status) => status.name === slot.name && status.state?.running !== undefined)
  if (reported?.containerID === undefined || !reported.containerID.endsWith(slot.run?.record.id ?? '?'))
    return
  slot.started = reported.started === true
  slot.ready = reported.ready
}

/** The image is the one part of a container that may change in place: the program is stopped and the new one started. */
function replaceChangedImages(state: State, pod: Pod): void {
  for (const slot of state.slots.values()) {
    if (slot.run === undefined || !isRunning(slot) || slot.stopping) continue
    if (slot.role === 'init' || slot.role === 'ephemeral') continue
    if (slot.run.record.image === (slot.container.image ?? '')) continue
    stopContainer(slot, graceMsOf(pod), stopOptions(state)).catch((error: unknown) => {
      state.logger.error('a container was not replaced', { container: slot.name, error: messageOf(error) })
    })
  }
}
