import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '../../../kube/index.ts'
import {
  containersOf,
  type ContainerRole,
  type ContainerView,
  type ContainerViews,
  type TerminatedRun,
} from './container-view.ts'
import { isInitialized, type PodPlan } from './plan.ts'
import { qosClass } from './qos.ts'

export interface StatusInput {
  readonly pod: Pod
  readonly views: ContainerViews
  readonly plan: PodPlan
  readonly nowMs: number
  readonly startedAtMs: number
  /** IPv4 first, as the pod's. */
  readonly hostIps: readonly string[]
  /** None until the sandbox is there, and again when it is gone. */
  readonly podIps: readonly string[]
  readonly terminating: boolean
}

/** The status as the kubelet would write it. Conditions that others own are kept. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod } = input
  const before = pod.status
  const phase = phaseOf(input)
  const statuses = containersOf(pod).map(({ role, container }) => ({
    role,
    status: containerStatus(container, role, input),
  }))
  const ofRoles = (...roles: readonly ContainerRole[]) =>
    statuses.filter(({ role }) => roles.includes(role)).map(({ status }) => status)
  const initStatuses = ofRoles('init', 'sidecar')
  const ephemeralStatuses = ofRoles('ephemeral')
  const [hostIP = ''] = input.hostIps
  const podIPs = input.podIps.length > 0 ? input.podIps.map((ip) => ({ ip })) : (before?.podIPs ?? [])
  return {
    phase,
    conditions: conditions(input, phase, ofRoles('init', 'sidecar', 'main')),
    hostIP,
    hostIPs: input.hostIps.map((ip) => ({ ip })),
    ...(podIPs[0]?.ip === undefined ? {} : { podIP: podIPs[0].ip, podIPs }),
    startTime: before?.startTime ?? time(input.startedAtMs),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: ofRoles('main'),
    ...(ephemeralStatuses.length > 0 ? { ephemeralContainerStatuses: ephemeralStatuses } : {}),
    qosClass: before?.qosClass ?? qosClass(pod),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  }
}

/** RFC 3339 with seconds, as Kubernetes writes times. */
export function time(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}

function phaseOf(input: StatusInput): NonNullable<PodStatus['phase']> {
  const { pod, views, plan } = input
  if (plan.outcome !== undefined) {
    const running = containersOf(pod).some(
      ({ container }) => views.get(container.name)?.state.kind === 'running',
    )
    return running ? 'Running' : plan.outcome
  }
  if (!isInitialized(pod, views)) return 'Pending'
  const fresh = pod.spec.containers.some(({ name }) => {
    const view = views.get(name)
    return view === undefined || (view.state.kind === 'waiting' && view.last === undefined)
  })
  return fresh ? 'Pending' : 'Running'
}

function containerStatus(container: Container, role: ContainerRole, input: StatusInput): ContainerStatus {
  const view = input.views.get(container.name)
  const id = view && idOf(view)
  const lastRun =
    view?.state.kind === 'terminated' && isWaitingAgain(container, role, input) ? view.state.run : view?.last
  const image = container.image ?? ''
  const ready =
    role === 'init' ? isDone(view) : view !== undefined && view.state.kind === 'running' && view.ready
  return {
    name: container.name,
    state: shownState(container, role, input),
    ...(lastRun === undefined ? { lastState: {} } : { lastState: { terminated: terminated(lastRun) } }),
    ready,
    restartCount: view?.restartCount ?? 0,
    image,
    imageID: id === undefined ? '' : image,
    ...(id === undefined ? {} : { containerID: `lateen://${id}` }),
    started: view?.state.kind === 'running' && view.started,
  }
}

function idOf(view: ContainerView): string | undefined {
  if (view.state.kind === 'running') return view.state.id
  if (view.state.kind === 'terminated') return view.state.run.id
  return view.last?.id
}

function isDone(view: ContainerView | undefined): boolean {
  return view?.state.kind === 'terminated' && view.state.run.exitCode === 0
}

function isWaitingAgain(container: Container, role: ContainerRole, input: StatusInput): boolean {
  return role !== undefined && !input.terminating && input.plan.backingOff.includes(container.name)
}

function shownState(container: Container, role: ContainerRole, input: StatusInput): ContainerState {
  const view = input.views.get(container.name)
  const state = view?.state
  switch (state?.kind) {
    case 'running':
      if (view?.settled === false) return { waiting: { reason: waitingReason(role, input) } }
      return { running: { startedAt: time(state.startedAtMs) } }
    case 'terminated': {
      if (!isWaitingAgain(container, role, input)) return { terminated: terminated(state.run) }
      const restartAtMs = view?.restartAtMs ?? input.nowMs
      const backOff = goDuration(restartAtMs - state.run.finishedAtMs)
      const podName = `${input.pod.metadata.name}_${input.pod.metadata.namespace ?? ''}(${input.pod.metadata.uid ?? ''})`
      const message = `back-off ${backOff} restarting failed container=${container.name} pod=${podName}`
      return { waiting: { reason: 'CrashLoopBackOff', message } }
    }
    case 'waiting':
      return {
        waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) },
      }
    case undefined:
      return { waiting: { reason: waitingReason(role, input) } }
  }
}

function waitingReason(role: ContainerRole, input: StatusInput): string {
  const hasInit = (input.pod.spec.initContainers ?? []).length > 0
  return role === 'main' ? (hasInit ? 'PodInitializing' : 'ContainerCreating') : 'PodInitializing'
}

function terminated(run: TerminatedRun): ContainerStateTerminated {
  return {
    exitCode: run.exitCode,
    reason: run.reason,
    ...(run.message === undefined ? {} : { message: run.message }),
    startedAt: time(run.startedAtMs),
    finishedAt: time(run.finishedAtMs),
    containerID: `lateen://${run.id}`,
  }
}

function conditions(
  input: StatusInput,
  phase: NonNullable<PodStatus['phase']>,
  statuses: readonly ContainerStatus[],
): readonly PodCondition[] {
  const { pod } = input
  const done = phase === 'Succeeded' || phase === 'Failed'
  const ready = containersReady(input, phase, statuses)
  const gate = unmetGate(pod)
  const podReady =
    ready.status === 'True' && gate !== undefined
      ? { status: 'False' as const, reason: 'ReadinessGatesNotReady', message: gate }
      : ready
  const uninitialized = statuses
    .slice(0, (pod.spec.initContainers ?? []).length)
    .filter((status) => !status.ready && status.started !== true)
    .map(({ name }) => name)
  const initialized =
    done && phase === 'Succeeded'
      ? { status: 'True' as const, reason: 'PodCompleted' }
      : isInitialized(pod, input.views)
        ? { status: 'True' as const }
        : {
            status: 'False' as const,
            reason: 'ContainersNotInitialized',
            message: `containers with incomplete status: [${uninitialized.join(' ')}]`,
          }
  const ours = [
    {
      type: 'PodReadyToStartContainers',
      status: input.podIps.length === 0 ? ('False' as const) : ('True' as const),
    },
    { type: 'Initialized', ...initialized },
    { type: 'Ready', ...podReady },
    { type: 'ContainersReady', ...ready },
    { type: 'PodScheduled', status: 'True' as const },
  ]
  const before = pod.status?.conditions ?? []
  const foreign = before.filter((condition) => !ours.some(({ type }) => type === condition.type))
  const { generation } = pod.metadata
  const observed = generation === undefined ? {} : { observedGeneration: generation }
  return [
    ...ours.map((condition) => ({ ...withTransition(condition, before, input.nowMs), ...observed })),
    ...foreign,
  ]
}

type ReadyResult = Pick<PodCondition, 'status' | 'reason' | 'message'>

function containersReady(
  input: StatusInput,
  phase: string,
  statuses: readonly ContainerStatus[],
): ReadyResult {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const roles = containersOf(input.pod)
  const unready = statuses
    .filter(
      (status) =>
        !status.ready && roles.some((one) => one.container.name === status.name && one.role !== 'init'),
    )
    .map(({ name }) => name)
  if (unready.length === 0) return { status: 'True' }
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  }
}

/** @returns the kubelet's words for the conditions of others that the pod still waits for; undefined when it waits for none */
function unmetGate(pod: Pod): string | undefined {
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find(({ type }) => type === conditionType)
    if (found === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    if (found.status === 'True') return []
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`]
  })
  return messages.length === 0 ? undefined : messages.join(', ')
}

/** The time of transition moves only when the status does. */
function withTransition(
  condition: PodCondition,
  before: readonly PodCondition[],
  nowMs: number,
): PodCondition {
  const previous = before.find(({ type }) => type === condition.type)
  const same = previous?.status === condition.status && previous.lastTransitionTime !== undefined
  return { ...condition, lastTransitionTime: same ? previous.lastTransitionTime : time(nowMs) }
}

/** Go prints back-offs as 10s, 1m20s, 5m0s. */
function goDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
