import type { Container, Pod } from '../../../kube/index.ts'

/** One run of a container that has ended. */
export interface TerminatedRun {
  readonly exitCode: number
  readonly reason: string
  readonly message?: string
  readonly startedAtMs: number
  readonly finishedAtMs: number
  readonly id: string
}

export type RunState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly kind: 'running'; readonly startedAtMs: number; readonly id: string }
  | { readonly kind: 'terminated'; readonly run: TerminatedRun }

/** What is known of a container just now. */
export interface ContainerView {
  readonly state: RunState
  /** The run before the present one. */
  readonly last?: TerminatedRun
  readonly restartCount: number
  /** Its postStart hook, if there is one, is done; main containers that follow it wait for this. */
  readonly settled: boolean
  /** Its startup probe has succeeded and its postStart hook is done; what comes after a sidecar waits for this. */
  readonly started: boolean
  readonly ready: boolean
  /** When it may be started again after its last end. */
  readonly restartAtMs: number
}

export type ContainerRole = 'init' | 'sidecar' | 'main' | 'ephemeral'

export interface RoledContainer {
  readonly role: ContainerRole
  readonly container: Container
}

/** Init containers and sidecars in the order of the specification, then the main containers, then those of `kubectl debug`. */
export function containersOf(pod: Pod): readonly RoledContainer[] {
  return [
    ...(pod.spec.initContainers ?? []).map((container) => ({
      role: container.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const),
      container,
    })),
    ...pod.spec.containers.map((container) => ({ role: 'main' as const, container })),
    ...(pod.spec.ephemeralContainers ?? []).map((container) => ({ role: 'ephemeral' as const, container })),
  ]
}

export type ContainerViews = ReadonlyMap<string, ContainerView>
