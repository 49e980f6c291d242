import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, messageOf } from '../../../base/index.ts'
import type { Pod } from '../../../kube/index.ts'
import { KINDS } from '../../../kube/client/index.ts'
import type { NodeContext } from '../context.ts'
import type { PodEvent } from '../events.ts'
import { readJsonIfExists, writeFileAtomic } from '../files.ts'
import { linkName, podPaths, type PodPaths } from '../paths.ts'
import { createSandbox, deleteSandbox, sandboxExists } from '../runtime/sandbox.ts'
import { syncVolumes } from '../volume/volumes.ts'
import { type ContainerViews, containersOf } from './container-view.ts'
import { hostsFile, nameservers, resolvConf } from './etc-files.ts'
import { type PodPlan, planPod } from './plan.ts'
import { lookAfter, runHook } from './probing.ts'
import { buildRunRequest, factsOf, hostnameOf } from './run-request.ts'
import { createSlot, isRunning, observeExit, type Slot, viewOf } from './slot.ts'
import { podStatus, time } from './status.ts'
import { createStatusWriter, type StatusWriter } from './status-writer.ts'
import { stopAll, stopContainer, type StopOptions } from './stop.ts'

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

/** What a later node agent must know of a pod before it knows anything else. */
export interface PodRecord {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly ip: string
  readonly startedAtMs: number
}

export interface WorkerOptions {
  readonly context: NodeContext
  readonly uid: string
  /** The pod is over and everything of it is removed. */
  readonly onGone: () => void
}

interface State {
  readonly options: WorkerOptions
  readonly context: NodeContext
  readonly paths: PodPaths
  readonly logger: Logger
  readonly status: StatusWriter
  readonly slots: Map<string, Slot>
  pod: Pod | undefined
  isDeleted: boolean
  record: PodRecord | undefined
  hasSandbox: boolean
  terminating: Promise<void> | undefined
  isClosed: boolean
  cancelWake: () => void
  readonly poke: () => void
}

/** A step that failed for the node's own reasons is tried again after this. */
const RETRY_MS = 1000
/** Kubernetes' back-off of image pulls. */
const PULL_BACKOFF_MS = 10_000
const PULL_BACKOFF_MAX_MS = 300_000
const DEFAULT_GRACE_SECONDS = 30
const FINAL_STATUS_WAIT_MS = 2000

export function createPodWorker(options: WorkerOptions): PodWorker {
  const { context, uid } = options
  const paths = podPaths({ stateDir: context.stateDir, clusterId: context.clusterId, uid })
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
  const state: State = {
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
    cancelWake: () => {},
    poke,
  }
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
    paths,
    close() {
      state.isClosed = true
      state.cancelWake()
      state.status.stop()
      for (const slot of state.slots.values()) slot.probes?.abort(new Error('the node agent ends'))
    },
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

/** An end is noted at once, even in the middle of a step that waits for it. */
function onRunChange(state: State, slot: Slot): () => void {
  return () => {
    noteExit(state, slot)
    state.poke()
  }
}

function noteExit(state: State, slot: Slot): void {
  const message = slot.run?.terminationMessage()
  if (observeExit(slot, message) && slot.ended !== undefined) {
    state.logger.info('a container ended', {
      pod: state.pod?.metadata.name,
      container: slot.name,
      exitCode: slot.ended.exitCode,
    })
  }
}

/** @returns whether the pod has its namespaces */
async function ensureSandbox(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const uid = pod.metadata.uid ?? ''
  if (state.hasSandbox) return true
  if (state.record !== undefined && sandboxExists(paths, uid)) {
    state.hasSandbox = true
    return true
  }
  try {
    await deleteSandbox(paths, uid)
    const record = state.record ?? newRecord(state, pod)
    state.record = record
    mkdirSync(paths.root, { recursive: true, mode: 0o700 })
    writeFileAtomic(paths.record, JSON.stringify(record))
    writeEtc(state, pod, record.ip)
    const { bridge, bridgeAddress: gateway } = context.network
    await createSandbox({ paths, uid, ip: record.ip, hostname: hostnameOf(pod), bridge, gateway })
    state.hasSandbox = true
    return true
  } catch (error) {
    const message = `Failed to create pod sandbox: ${messageOf(error)}`
    event(state, { type: 'Warning', reason: 'FailedCreatePodSandBox', message })
    state.logger.error(message, { pod: pod.metadata.name })
    wakeAt(state, context.clock.now() + RETRY_MS)
    writeStatus(state, pod, { start: [], backingOff: [] })
    return false
  }
}

function newRecord(state: State, pod: Pod): PodRecord {
  return {
    uid: pod.metadata.uid ?? '',
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    ip: state.context.ipPool.allocate(),
    startedAtMs: state.context.clock.now(),
  }
}

function etcOptions(state: State, pod: Pod, podIp: string) {
  const { clusterDomain, dnsAddress } = state.context.network
  const hostResolvConf = existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : ''
  return { pod, podIp, hostname: hostnameOf(pod), clusterDomain, dnsAddress, hostResolvConf }
}

function writeEtc(state: State, pod: Pod, podIp: string): void {
  const options = etcOptions(state, pod, podIp)
  mkdirSync(state.paths.etc, { recursive: true, mode: 0o755 })
  writeFileSync(join(state.paths.etc, 'hosts'), hostsFile(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'resolv.conf'), resolvConf(options), { mode: 0o644 })
  writeFileSync(join(state.paths.etc, 'hostname'), `${options.hostname}\n`, { mode: 0o644 })
}

/** @returns whether every volume is there */
async function ensureVolumes(state: State, pod: Pod): Promise<boolean> {
  const { context, paths } = state
  const namespace = pod.metadata.namespace ?? ''
  const result = await syncVolumes({
    pod,
    paths,
    tokens: context.tokens,
    facts: factsOf({ context, podIp: state.record?.ip ?? '' }),
    configMap: (name) => context.lookups.configMap(namespace, name),
    secret: (name) => context.lookups.secret(namespace, name),
  })
  wakeAt(state, context.tokens.refreshAtMs(pod.metadata.uid ?? ''))
  if (result.ok) return true
  event(state, { type: 'Warning', reason: 'FailedMount', message: result.error })
  wakeAt(state, context.clock.now() + RETRY_MS)
  // Running containers keep the volumes they have; only new ones have to wait.
  writeStatus(state, pod, planPod(pod, views(state), context.clock.now()))
  return false
}

async function startContainers(state: State, pod: Pod): Promise<PodPlan> {
  const { clock } = state.context
  for (;;) {
    const plan = planPod(pod, views(state), clock.now())
    if (plan.wakeAtMs !== undefined) wakeAt(state, plan.wakeAtMs)
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

/** @returns whether it was started */
async function startContainer(state: State, pod: Pod, slot: Slot): Promise<boolean> {
  const { context, paths } = state
  const podIp = state.record?.ip ?? ''
  const request = buildRunRequest({
    context,
    pod,
    container: slot.container,
    paths,
    podIp,
    nameservers: nameservers(etcOptions(state, pod, podIp)),
  })
  if (request.kind !== 'ready') {
    keepWaiting(state, slot, request)
    return false
  }
  const image = slot.container.image ?? ''
  if (slot.run === undefined) {
    event(state, about(slot, 'Pulled', `Container image "${image}" already present on machine`))
  }
  const attempt = slot.run === undefined ? 0 : slot.run.record.attempt + 1
  try {
    slot.run = await context.runtime.start({
      pod: paths,
      podUid: pod.metadata.uid ?? '',
      name: slot.name,
      attempt,
      failures: slot.failures,
      image,
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
  event(state, about(slot, 'Created', `Created container: ${slot.name}`))
  event(state, about(slot, 'Started', `Started container ${slot.name}`))
  startLookingAfter(state, slot, podIp)
  return true
}

function keepWaiting(
  state: State,
  slot: Slot,
  reason: { readonly kind: 'no-image' | 'bad-config'; readonly message: string },
): void {
  const now = state.context.clock.now()
  const { message } = reason
  const image = slot.container.image ?? ''
  if (reason.kind === 'bad-config') {
    slot.waiting = { reason: 'CreateContainerConfigError', message }
    slot.restartAtMs = now + PULL_BACKOFF_MS
    event(state, { ...about(slot, 'Failed', `Error: ${message}`), type: 'Warning' })
  } else {
    // Kubernetes shows the failed pull first and the back-off at the next look.
    const isRepeated = slot.pullFailures > 0
    slot.waiting = {
      reason: isRepeated ? 'ImagePullBackOff' : 'ErrImagePull',
      message: isRepeated ? `Back-off pulling image "${image}": ${message}` : message,
    }
    const delay = Math.min(PULL_BACKOFF_MAX_MS, PULL_BACKOFF_MS * 2 ** Math.min(slot.pullFailures - 1, 10))
    slot.restartAtMs = now + (isRepeated ? delay : RETRY_MS)
    slot.pullFailures += 1
    event(state, { ...about(slot, 'Failed', `Failed to pull image "${image}": ${message}`), type: 'Warning' })
    if (isRepeated)
      event(state, { ...about(slot, 'BackOff', `Back-off pulling image "${image}"`), type: 'Normal' })
  }
  wakeAt(state, slot.restartAtMs)
}

function startLookingAfter(state: State, slot: Slot, podIp: string): void {
  void lookAfter({
    context: state.context,
    slot,
    podIp,
    onChange: state.poke,
    onUnhealthy: (message) => event(state, { ...about(slot, 'Unhealthy', message), type: 'Warning' }),
    onHookFailure: (message) =>
      event(state, { ...about(slot, 'FailedPostStartHook', message), type: 'Warning' }),
    onDead(message) {
      event(state, about(slot, 'Killing', message))
      const graceMs = (state.pod?.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000
      void stopContainer(slot, graceMs, { ...stopOptions(state), onKilling: () => {} })
    },
  }).catch((error: unknown) => {
    state.logger.error('the probes of a container broke', { container: slot.name, error: messageOf(error) })
  })
}

/** All main containers are done for good: the sidecars may go. */
async function finish(state: State, pod: Pod): Promise<void> {
  const running = [...state.slots.values()].filter((slot) => isRunning(slot))
  if (running.length === 0) return
  await stopAll(running, graceMsOf(pod), stopOptions(state))
  for (const slot of state.slots.values()) noteExit(state, slot)
}

function stopOptions(state: State): StopOptions {
  return {
    clock: state.context.clock,
    hook: (slot, handler, timeoutMs) =>
      runHook({ context: state.context, slot, podIp: state.record?.ip ?? '', handler, timeoutMs }),
    onHookFailure: (slot, message) =>
      event(state, { ...about(slot, 'FailedPreStopHook', message), type: 'Warning' }),
    onKilling: (slot) => event(state, about(slot, 'Killing', `Stopping container ${slot.name}`)),
  }
}

function graceMsOf(pod: Pod): number {
  const { deletionGracePeriodSeconds } = pod.metadata
  return (
    (deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000
  )
}

/** The end of a pod: containers, status, object, sandbox, files. */
async function terminate(state: State, pod: Pod): Promise<void> {
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
async function removeUnknown(state: State): Promise<void> {
  if (!state.isDeleted) return
  await removeEverything(state, state.options.uid)
  state.isClosed = true
  state.options.onGone()
}

async function removeEverything(state: State, uid: string): Promise<void> {
  const { context, paths } = state
  await context.runtime.killAll(paths)
  await deleteSandbox(paths, uid)
  if (state.record !== undefined) context.ipPool.release(state.record.ip)
  context.tokens.forget(uid)
  rmSync(paths.root, { recursive: true, force: true })
  state.logger.debug('a pod is gone', { pod: state.pod?.metadata.name, link: linkName(uid) })
}

function views(state: State): ContainerViews {
  return new Map(
    [...state.slots].flatMap(([name, slot]) => {
      const view = viewOf(slot)
      return view === undefined ? [] : [[name, view] as const]
    }),
  )
}

function writeStatus(state: State, pod: Pod, plan: PodPlan): void {
  const { context } = state
  // What was written last counts as before, even if the watch has not brought it back yet.
  const last = state.status.last()
  const foreign = (pod.status?.conditions ?? []).filter(
    ({ type }) => !last?.conditions?.some((one) => one.type === type),
  )
  const before =
    last === undefined
      ? pod.status
      : { ...pod.status, ...last, conditions: [...(last.conditions ?? []), ...foreign] }
  const nowMs = context.clock.now()
  const status = podStatus({
    pod: before === undefined ? pod : { ...pod, status: before },
    views: views(state),
    plan,
    nowMs,
    startedAtMs: state.record?.startedAtMs ?? nowMs,
    hostIp: context.network.bridgeAddress,
    podIp: state.hasSandbox ? state.record?.ip : undefined,
    terminating: state.terminating !== undefined,
  })
  state.status.write(pod, {
    ...status,
    startTime: pod.status?.startTime ?? time(state.record?.startedAtMs ?? nowMs),
  })
}

/** Looks again at that time; an earlier wish stands. */
function wakeAt(state: State, atMs: number): void {
  if (!Number.isFinite(atMs) || state.isClosed) return
  const { clock } = state.context
  const cancelBefore = state.cancelWake
  const cancel = clock.after(Math.min(Math.max(0, atMs - clock.now()), 2 ** 31 - 1), state.poke)
  state.cancelWake = () => {
    cancelBefore()
    cancel()
  }
}

function about(slot: Slot, reason: string, message: string): PodEvent {
  return { type: 'Normal', reason, message, container: slot.name }
}

function event(state: State, podEvent: PodEvent): void {
  if (state.pod !== undefined) state.context.events.record(state.pod, podEvent)
}
