import { messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { readJsonIfExists } from '../files.ts'
import { podPaths, type PodPaths } from '../paths.ts'
import { containersOf } from './container-view.ts'
import { finish, removeUnknown, terminate } from './ending.ts'
import { planPod } from './plan.ts'
import { ensureSandbox, ensureVolumes } from './preparation.ts'
import { createSlot, observeExit, type Slot } from './slot.ts'
import { startContainers, startLookingAfter } from './starting.ts'
import { createStatusWriter } from './status-writer.ts'
import {
  noteExit,
  onRunChange,
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
  /** Something the pod refers to has changed; waiting containers are tried again at once. */
  readonly poke: (retryNow: boolean) => void
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
    poke(retryNow) {
      if (retryNow) {
        for (const slot of state.slots.values()) if (slot.waiting !== undefined) slot.restartAtMs = 0
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
    writeStatus(state, pod, { start: [], backingOff: [] })
    return
  }
  const phase = pod.status?.phase
  if (isFirst && (phase === 'Succeeded' || phase === 'Failed')) return
  if (!(await ensureSandbox(state, pod))) return
  if (!(await ensureVolumes(state, pod))) return
  const plan = await startContainers(state, pod)
  if (plan.outcome !== undefined) await finish(state, pod)
  writeStatus(state, pod, planPod(pod, views(state), context.clock.now()))
}

/** The containers of the specification, with the runs that a node agent before has left. */
function adoptSlots(state: State, pod: Pod): void {
  for (const { role, container } of containersOf(pod)) {
    const known = state.slots.get(container.name)
    if (known !== undefined) {
      known.container = container
      continue
    }
    const slot = createSlot(role, container)
    state.slots.set(container.name, slot)
    slot.run = state.context.runtime.adopt({
      container: state.paths.container(container.name),
      onChange: onRunChange(state, slot),
    })
    if (slot.run === undefined || observeExit(slot, slot.run.terminationMessage())) continue
    state.hasSandbox = true
    if (state.record !== undefined) startLookingAfter(state, slot, state.record.ip)
  }
}
