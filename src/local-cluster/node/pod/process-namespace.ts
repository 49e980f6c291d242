import type { EphemeralContainer, Pod } from '../../../kube/index.ts'
import { DEFAULT_TERMINATION_PATH } from '../runtime/launch.ts'
import { initPid, waitForInit } from '../runtime/process-container.ts'
import { PAUSE } from './command-line.ts'
import { isRunning, type Slot } from './slot.ts'
import type { State } from './worker-state.ts'

/** The name under which the first process of a shared namespace is kept; no container's can begin so. */
const HOLDER = '.pause'

/**
 * The process namespace that a container is to join, as a file of /proc: the machine's (`hostPID`), another container's
 * (`kubectl debug --target`), or the pod's (`shareProcessNamespace`).
 * @returns undefined where it gets one of its own
 * @throws when the container to join does not run
 */
export async function processNamespace(state: State, pod: Pod, slot: Slot): Promise<string | undefined> {
  if (pod.spec.hostPID === true) return namespaceOf(process.pid)
  if (pod.spec.shareProcessNamespace === true) return namespaceOf(await holderPid(state, pod))
  const target = (slot.container as EphemeralContainer).targetContainerName
  if (slot.role !== 'ephemeral' || target === undefined || target === '') return undefined
  const joined = state.slots.get(target)
  const directory = joined !== undefined && isRunning(joined) ? joined.run?.directory : undefined
  const pid = directory === undefined ? undefined : await waitForInit(directory, state.context.clock)
  if (pid === undefined) throw new Error(`unable to find target container "${target}"`)
  return namespaceOf(pid)
}

function namespaceOf(pid: number): string {
  return `/proc/${pid}/ns/pid`
}

/** The first process of the pod's own namespace, as the pause container of other nodes: started when it is needed. */
async function holderPid(state: State, pod: Pod): Promise<number> {
  const { context, paths } = state
  const directory = paths.container(HOLDER).attempt(0)
  const running = initPid(directory)
  if (running !== undefined) return running
  const container = { name: HOLDER }
  const { netns, uts, ipc } = paths
  await context.runtime.start({
    pod: paths,
    podUid: pod.metadata.uid ?? '',
    name: HOLDER,
    attempt: 0,
    failures: 0,
    image: HOLDER,
    container,
    request: {
      kind: 'process',
      launch: {
        netns,
        uts,
        ipc,
        rootMode: context.rootMode,
        visiblePaths: [],
        mounts: [],
        opened: [],
        command: PAUSE,
        workingDir: '/',
        env: context.containerEnv,
        rights: {},
        stdin: 'none',
        tty: false,
        terminationMessagePath: DEFAULT_TERMINATION_PATH,
      },
    },
    onChange: () => {},
  })
  const pid = await waitForInit(directory, context.clock)
  if (pid === undefined) throw new Error("the first process of the pod's namespace did not start")
  return pid
}
