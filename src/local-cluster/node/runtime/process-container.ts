import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../base/index.ts'
import { readJsonIfExists, readTextIfExists, writeFileAtomic } from '../files.ts'
import { wasOutOfMemory } from './cgroups.ts'
import { descendantsOf } from './descendants.ts'
import type { ProcessRights } from './process-rights.ts'

/** What a command that joins the container later must know of its start; lies beside its other traces. */
export interface LaunchRecord {
  readonly workingDir: string
  readonly rights: ProcessRights
  /** Its processes are among another container's. */
  readonly sharesProcesses?: boolean
}

export interface ContainerExit {
  readonly exitCode: number
  readonly finishedAtMs: number
  /** Why its program could not be started at all. */
  readonly startError?: string
  /** The kernel has killed it at its memory limit. */
  readonly isOutOfMemory?: boolean
  /** It ended for no fault of its own, and is started again at once. */
  readonly isLost?: boolean
}

/**
 * How the container ended. A shim that is gone without a word was killed, or the machine went down: Kubernetes
 * reports 137 for a container that it finds so.
 * @returns undefined while it runs
 */
export function readExit(directory: string): ContainerExit | undefined {
  const written = writtenExit(directory)
  if (written !== undefined) return written
  if (shimPid(directory) !== undefined) return undefined
  // It may have written the file between the two looks.
  const late = writtenExit(directory)
  if (late !== undefined) return late
  recordExit(directory, 137)
  return writtenExit(directory)
}

/** Where the setup of a container leaves what kept it from its program. */
function startErrorFile(directory: string): string {
  return join(directory, 'start-error')
}

/** For containers without processes of their own. */
export function recordExit(directory: string, exitCode: number): void {
  writeFileAtomic(join(directory, 'exit'), `${exitCode}\n`)
}

/** What is on disk about the end, whoever wrote it. */
export function writtenExit(directory: string): ContainerExit | undefined {
  const path = join(directory, 'exit')
  const text = readTextIfExists(path)
  if (text === undefined || !text.endsWith('\n')) return undefined
  const group = readTextIfExists(join(directory, 'cgroup'))?.trim()
  const startError = readTextIfExists(startErrorFile(directory))?.trim()
  const exit = {
    exitCode: Number(text),
    finishedAtMs: statSync(path).mtimeMs,
    ...(startError === undefined || startError === '' ? {} : { startError }),
  }
  return group !== undefined && exit.exitCode !== 0 && wasOutOfMemory(group)
    ? { ...exit, isOutOfMemory: true }
    : exit
}

/** The shim's process number; it is ours if its command line names the directory. @returns undefined when it is gone */
export function shimPid(directory: string): number | undefined {
  return recordedShell(directory, 'shim')
}

/** The shell right above the container's program: the shim itself, or one of its own where the outputs are split. */
export function innerPid(directory: string): number | undefined {
  return recordedShell(directory, 'inner') ?? shimPid(directory)
}

function recordedShell(directory: string, name: 'shim' | 'inner'): number | undefined {
  const pid = Number(readTextIfExists(join(directory, name))?.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return commandLine.includes('lateen-shim') && commandLine.includes(directory) ? pid : undefined
  } catch {
    return undefined
  }
}

/** The container's first process on the host. @returns undefined until it has its root directory, and after its end */
export function initPid(directory: string): number | undefined {
  const text = readTextIfExists(join(directory, 'pid'))
  const pid = Number(text?.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return isInitOf(directory, pid) ? pid : undefined
}

/** The number may have been given to another process since: ours is the first of its process namespace, or below our shim. */
function isInitOf(directory: string, pid: number): boolean {
  if (writtenExit(directory) !== undefined) return false
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    // A zombie has ended, and all of its namespace with it; whoever adopted it may be slow to reap it.
    if (/^State:\s+[ZX]/m.test(status)) return false
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1])
    if (sharesProcesses(directory)) return parent > 0 && parent === innerPid(directory)
    const numbers = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.trim().split(/\s+/) ?? []
    return numbers.length >= 2 && numbers.at(-1) === '1'
  } catch {
    return false
  }
}

function sharesProcesses(directory: string): boolean {
  const record = readJsonIfExists(join(directory, 'launch.json')) as LaunchRecord | undefined
  return record?.sharesProcesses === true
}

/** How long a container may take from its start to its program. */
const SETUP_WAIT_MS = 5000
const SETUP_POLL_MS = 5

/** Waits for the first process of a container that was just started. @returns undefined when it has ended */
export async function waitForInit(directory: string, clock: Clock): Promise<number | undefined> {
  const deadline = clock.monotonic() + SETUP_WAIT_MS
  for (;;) {
    const pid = initPid(directory)
    if (pid !== undefined) return pid
    if (writtenExit(directory) !== undefined || clock.monotonic() > deadline) return undefined
    await clock.sleep(SETUP_POLL_MS)
  }
}

/** Sends a signal to the container's first process. */
export async function signalContainer(
  directory: string,
  signal: NodeJS.Signals,
  clock: Clock,
): Promise<void> {
  const pid = await waitForInit(directory, clock)
  // A container whose setup hangs has a shim only, with which everything ends.
  const target = pid ?? (signal === 'SIGKILL' ? shimPid(directory) : undefined)
  if (target === undefined) return
  // With the first process of a namespace all others of it end; among another container's they have to be found.
  const all = signal === 'SIGKILL' && sharesProcesses(directory) ? descendantsOf(target) : [target]
  for (const one of all) sendSignal(one, signal)
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended by itself between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The environment that the container's program was started with; empty when it has ended. */
export function containerEnvironment(pid: number): Readonly<Record<string, string>> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return Object.fromEntries(entries.filter((entry) => entry.includes('=')).map((entry) => splitOnce(entry)))
  } catch {
    return {} // it ended between the look and the read
  }
}

function splitOnce(entry: string): readonly [string, string] {
  const at = entry.indexOf('=')
  return [entry.slice(0, at), entry.slice(at + 1)]
}
