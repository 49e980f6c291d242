import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { type Clock, type Logger, messageOf } from '../../../base/index.ts'
import type { Container } from '../../../kube/index.ts'
import { captureRules, type HostedInstance } from '../../../linux/index.ts'
import { readJsonIfExists, readTextIfExists, writeFileAtomic } from '../files.ts'
import type { HostedClient } from '../hosted/client.ts'
import type { ContainerPaths, PodPaths } from '../paths.ts'
import type { Cgroups } from './cgroups.ts'
import { DEFAULT_TERMINATION_PATH, launch, type LaunchOptions, terminationFile } from './launch.ts'
import {
  type ContainerExit,
  initPid,
  readExit,
  recordExit,
  sendSignal,
  shimPid,
  writtenExit,
  signalContainer,
} from './process-container.ts'
import { applyPodRules } from './sandbox.ts'

/** One run of a container: what a restarted node agent needs to know of it. */
export interface RunRecord {
  readonly id: string
  readonly attempt: number
  readonly kind: 'process' | 'hosted' | 'capture'
  readonly image: string
  readonly startedAtMs: number
  /** Ends in a row before this run, for the back-off. */
  readonly failures: number
}

export type RunRequest =
  | { readonly kind: 'process'; readonly launch: Omit<LaunchOptions, 'directory' | 'logFile' | 'cgroup'> }
  | { readonly kind: 'hosted'; readonly instance: Omit<HostedInstance, 'id' | 'logFile'> }
  | { readonly kind: 'capture'; readonly args: readonly string[] }

export interface StartOptions {
  readonly pod: PodPaths
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly failures: number
  readonly image: string
  /** Its limits count. */
  readonly container: Container
  readonly request: RunRequest
  /** Called when the run has ended, and when a hosted one changes its readiness. */
  readonly onChange: () => void
}

/** A container that was started, now or by a node agent before. */
export interface ContainerRun {
  readonly record: RunRecord
  readonly directory: string
  readonly exit: () => ContainerExit | undefined
  /** What the program left at the path (/dev/termination-log by default), or what the node has to say. */
  readonly terminationMessage: (path?: string) => string | undefined
  /** Whether the hosted instance calls itself ready; always true for processes, whose probes tell. */
  readonly ready: () => boolean
  readonly terminate: (graceMs: number) => void
  readonly kill: () => void
}

export interface ContainerRuntime {
  readonly start: (options: StartOptions) => Promise<ContainerRun>
  /** Takes over the newest run of a container that is on disk. @returns undefined when there is none */
  readonly adopt: (options: {
    readonly container: ContainerPaths
    readonly onChange: () => void
  }) => ContainerRun | undefined
  /** Limits of a run that is under way, after its container's resources have changed. */
  readonly resize: (run: Pick<StartOptions, 'podUid' | 'name' | 'attempt' | 'container'>) => void
  /** Ends every process and instance that the pod still has, at once. */
  readonly killAll: (pod: PodPaths) => Promise<void>
}

/** How often the runs of a node agent before are looked after: they are no children of this process. */
const ADOPTED_POLL_MS = 250
/** Runs whose logs and records are kept: this one and the one before. */
const ATTEMPTS_KEPT = 2

export interface RuntimeOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly hosted: HostedClient
  readonly cgroups: Cgroups
}

export function createContainerRuntime(options: RuntimeOptions): ContainerRuntime {
  return {
    async start(start) {
      const container = start.pod.container(start.name)
      const directory = container.attempt(start.attempt)
      rmSync(directory, { recursive: true, force: true })
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      forgetOldAttempts(container, start.attempt)
      const record: RunRecord = {
        id: containerId(start.podUid, start.name, start.attempt),
        attempt: start.attempt,
        kind: start.request.kind,
        image: start.image,
        startedAtMs: options.clock.now(),
        failures: start.failures,
      }
      writeFileAtomic(join(directory, 'record.json'), JSON.stringify(record))
      return begin(options, { ...start, record, directory, logFile: container.log(start.attempt) })
    },
    adopt({ container, onChange }) {
      const attempt = attemptsOf(container).at(-1)
      if (attempt === undefined) return undefined
      const directory = container.attempt(attempt)
      const record = readJsonIfExists(join(directory, 'record.json')) as RunRecord | undefined
      if (record === undefined) return undefined
      if (record.kind === 'hosted') return hostedRun(options, { record, directory, onChange, adopted: true })
      const run = processRun(options, { record, directory, mayHaveEnded: () => true })
      if (run.exit() === undefined) pollExit(options.clock, run, onChange)
      return run
    },
    resize({ podUid, name, attempt, container }) {
      options.cgroups.resize(`${podUid}_${name}_${attempt}`, container)
    },
    async killAll(pod) {
      for (const { record, directory } of runsOf(pod)) {
        if (record?.kind === 'hosted' && writtenExit(directory) === undefined)
          options.hosted.stop(record.id, 0)
      }
      await killShims(pod, options.clock)
      options.cgroups.remove(`${basename(pod.root)}_`)
    },
  }
}

/** How long the kernel may take to end killed processes. */
const KILL_WAIT_MS = 5000
const KILL_POLL_MS = 5
const KILL_POLL_MAX_MS = 80

/** Kills the pod's shims, and with each its container. Also for a pod of which nothing but the files is left. */
export async function killShims(pod: PodPaths, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + KILL_WAIT_MS
  // A busy machine is not made busier by looking at everything all the time.
  for (let pollMs = KILL_POLL_MS; ; pollMs = Math.min(KILL_POLL_MAX_MS, pollMs * 2)) {
    const pids = runsOf(pod).flatMap(({ directory }) => processesOf(directory))
    if (pids.length === 0) return
    if (clock.monotonic() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`)
    for (const pid of pids) sendSignal(pid, 'SIGKILL')
    await clock.sleep(pollMs)
  }
}

function processesOf(directory: string): readonly number[] {
  return [initPid(directory), shimPid(directory)].filter((pid) => pid !== undefined)
}

/** Every run of every container that is on disk. */
function runsOf(pod: PodPaths) {
  return namesIn(join(pod.root, 'containers')).flatMap((name) => {
    const container = pod.container(name)
    return attemptsOf(container).map((attempt) => {
      const directory = container.attempt(attempt)
      return { directory, record: readJsonIfExists(join(directory, 'record.json')) as RunRecord | undefined }
    })
  })
}

interface Beginning extends StartOptions {
  readonly record: RunRecord
  readonly directory: string
  readonly logFile: string
}

function cgroupOf({ cgroups }: RuntimeOptions, { podUid, name, attempt, container }: StartOptions) {
  cgroups.remove(`${podUid}_${name}_`)
  const cgroup = cgroups.create(`${podUid}_${name}_${attempt}`, container)
  return cgroup === undefined ? {} : { cgroup }
}

async function begin(options: RuntimeOptions, start: Beginning): Promise<ContainerRun> {
  const { request, directory, logFile, record } = start
  switch (request.kind) {
    case 'process': {
      let ended = false
      const onExit = () => {
        ended = true
        start.onChange()
      }
      try {
        await launch({ ...request.launch, ...cgroupOf(options, start), directory, logFile }, onExit)
      } catch (error) {
        recordExit(directory, 128)
        throw error
      }
      return processRun(options, { record, directory, mayHaveEnded: () => ended })
    }
    case 'hosted': {
      const run = hostedRun(options, { record, directory, onChange: start.onChange, adopted: false })
      const instance: HostedInstance = { ...request.instance, id: record.id, logFile }
      writeFileAtomic(join(directory, 'instance.json'), JSON.stringify(instance))
      options.hosted.start(instance)
      return run
    }
    case 'capture': {
      recordExit(directory, await applyCapture(start, request.args))
      queueMicrotask(start.onChange)
      return processRun(options, { record, directory, mayHaveEnded: () => true })
    }
  }
}

/** @returns the exit code of istio-init, after its log has the rules or the reason */
async function applyCapture(start: Beginning, args: readonly string[]): Promise<number> {
  try {
    const { nft } = captureRules(args)
    await applyPodRules(start.pod, nft)
    appendFileSync(start.logFile, nft, { mode: 0o600 })
    return 0
  } catch (error) {
    appendFileSync(start.logFile, `${messageOf(error)}\n`, { mode: 0o600 })
    return 1
  }
}

function processRun(
  options: RuntimeOptions,
  run: {
    readonly record: RunRecord
    readonly directory: string
    /** A child's end is announced; until then its files, perhaps not yet written, say nothing. */
    readonly mayHaveEnded: () => boolean
  },
): ContainerRun {
  const { record, directory, mayHaveEnded } = run
  const signal = (name: NodeJS.Signals) => {
    signalContainer(directory, name, options.clock).catch((error: unknown) => {
      options.logger.error('a container got no signal', { signal: name, error: messageOf(error) })
    })
  }
  let ended: ContainerExit | undefined
  return {
    record,
    directory,
    exit: () => (ended ??= mayHaveEnded() ? readExit(directory) : undefined),
    terminationMessage: (path = DEFAULT_TERMINATION_PATH) =>
      nonEmpty(readTextIfExists(terminationFile(directory, path))),
    ready: () => true,
    terminate: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
  }
}

function hostedRun(
  options: RuntimeOptions,
  run: {
    readonly record: RunRecord
    readonly directory: string
    readonly onChange: () => void
    readonly adopted: boolean
  },
): ContainerRun {
  const { record, directory } = run
  const exitFile = join(directory, 'exit')
  // An adopted instance goes on as it was; the node proxy's greeting says how it stands now.
  const state = { ready: run.adopted, isLost: false, ended: readTextIfExists(exitFile) !== undefined }
  if (!state.ended) {
    options.hosted.follow(record.id, {
      onReady: (ready) => {
        state.ready = ready
        run.onChange()
      },
      onExited: ({ exitCode, message, isLost }) => {
        state.isLost = isLost
        state.ended = true
        writeFileAtomic(join(directory, 'message'), message)
        recordExit(directory, exitCode)
        run.onChange()
      },
    })
    const instance = readJsonIfExists(join(directory, 'instance.json')) as HostedInstance | undefined
    if (run.adopted && instance !== undefined) options.hosted.adopt(instance)
  }
  return {
    record,
    directory,
    exit() {
      const exit = state.ended ? readExit(directory) : undefined
      return exit && { ...exit, isLost: state.isLost }
    },
    terminationMessage: () => nonEmpty(readTextIfExists(join(directory, 'message'))),
    ready: () => state.ready,
    terminate: (graceMs) => options.hosted.stop(record.id, graceMs),
    kill: () => options.hosted.stop(record.id, 0),
  }
}

function pollExit(clock: Clock, run: ContainerRun, onChange: () => void): void {
  const look = () => {
    if (run.exit() === undefined) clock.after(ADOPTED_POLL_MS, look)
    else onChange()
  }
  clock.after(ADOPTED_POLL_MS, look)
}

/** Attempt numbers on disk, ascending. */
function attemptsOf(container: ContainerPaths): readonly number[] {
  return namesIn(container.root)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

function forgetOldAttempts(container: ContainerPaths, newest: number): void {
  for (const attempt of attemptsOf(container)) {
    if (attempt > newest - ATTEMPTS_KEPT) continue
    rmSync(container.attempt(attempt), { recursive: true, force: true })
    for (const path of [container.log(attempt), container.logTimes(attempt), `${container.log(attempt)}.1`]) {
      rmSync(path, { force: true })
    }
  }
}

/** Sixty-four hexadecimal digits, as containerd's. */
function containerId(podUid: string, name: string, attempt: number): string {
  return createHash('sha256').update(`${podUid}/${name}/${attempt}`).digest('hex')
}

/** As much of the end as Kubernetes keeps. */
function nonEmpty(text: string | undefined): string | undefined {
  const kept = text?.slice(-4096)
  return kept === '' ? undefined : kept
}
