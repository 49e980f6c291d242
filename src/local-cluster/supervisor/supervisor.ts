import { spawn } from 'node:child_process'
import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, createBackoff, type Logger, messageOf, type Random } from '../../base/index.ts'
import { recordFailures } from './failures.ts'
import {
  isAlive,
  type ProcessRecord,
  readRecord,
  recordProcess,
  removeRecord,
  signalProcess,
  writeRecord,
} from './process-record.ts'

/** A process of the cluster that is to run always. */
export interface ProcessSpec {
  readonly name: string
  /** What to run; asked before every start, since it may depend on what runs by then. */
  readonly commandLine: () => Promise<CommandLine>
  /**
   * How a process of another version makes room: it is told to end, or a second one is started that takes its place while
   * it serves, and writes the record when it has.
   */
  readonly replacement?: 'restart' | 'take-over'
}

export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
}

export interface SupervisorOptions {
  readonly specs: readonly ProcessSpec[]
  readonly runDirectory: string
  readonly logsDirectory: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Of the program that is to run; what runs in another version is replaced. */
  readonly version?: string
  /** Somebody asks for processes to be replaced that can be without an interruption. */
  readonly onReplacementAsked?: (replace: () => void) => void
}

/** How often an adopted process, whose exit the kernel tells only its own parent, is looked at. */
const WATCH_INTERVAL_MS = 250
/** A process that ran this long is healthy: the next restart is at once again. */
const HEALTHY_AFTER_MS = 30_000
const RESTART_BASE_MS = 100
const RESTART_MAX_MS = 10_000
/** How long a process may take to take over. */
const TAKE_OVER_MS = 90_000
const LOG_BYTES_MAX = 16 * 1024 * 1024

/**
 * Keeps each process running until the signal is aborted. Processes are started in sessions of their own and recorded,
 * so they outlive the supervisor, and the next one adopts them. Aborting does not end them: `stopProcesses` does.
 */
export async function supervise(options: SupervisorOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(options.specs.map((spec) => keepRunning(spec, options, signal)))
}

/** Asks each recorded process to end, in the given order, and kills what is left at the deadline. */
export async function stopProcesses(
  names: readonly string[],
  options: { readonly runDirectory: string; readonly clock: Clock; readonly graceMs: number },
): Promise<readonly string[]> {
  const stopped: string[] = []
  for (const name of names) {
    const path = recordPath(options.runDirectory, name)
    const record = readRecord(path)
    if (record && signalProcess(record, 'SIGTERM')) {
      await waitUntilGone(record, options)
      stopped.push(name)
    }
    removeRecord(path)
  }
  return stopped
}

export function runningProcess(runDirectory: string, name: string): ProcessRecord | undefined {
  const record = readRecord(recordPath(runDirectory, name))
  return record && isAlive(record) ? record : undefined
}

export function recordPath(runDirectory: string, name: string): string {
  return join(runDirectory, `${name}.pid`)
}

async function keepRunning(
  spec: ProcessSpec,
  options: SupervisorOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = options
  const backoff = createBackoff({ baseMs: RESTART_BASE_MS, maxMs: RESTART_MAX_MS, random: options.random })
  const path = recordPath(options.runDirectory, spec.name)
  let failures = 0
  let wanted = false
  options.onReplacementAsked?.(() => {
    wanted = spec.replacement === 'take-over'
  })
  while (!signal.aborted) {
    const adopted = runningProcess(options.runDirectory, spec.name)
    const record = adopted ?? (await startProcess(spec, options))
    if (record) {
      writeRecord(path, record)
      logger.info(adopted ? 'adopted' : 'started', { process: spec.name, pid: record.pid })
      if (adopted && isOther(adopted, options)) wanted = replaceOther(spec, adopted)
      const started = clock.monotonic()
      const end = await untilOver(record, path, { clock, signal, isWanted: () => wanted })
      if (signal.aborted) return
      if (end === 'wanted') {
        wanted = false
        logger.info('starting a process that takes over', { process: spec.name })
        await letTakeOver(spec, options, { record, path, signal })
      }
      if (end !== 'gone') continue
      if (clock.monotonic() - started > HEALTHY_AFTER_MS) {
        backoff.reset()
        failures = 0
      }
    }
    failures += 1
    recordFailures(options.runDirectory, spec.name, failures)
    const waitMs = backoff.nextMs()
    logger.warn('ended; starting it again', { process: spec.name, afterMs: Math.round(waitMs) })
    await clock.sleep(waitMs, signal).catch(() => {})
  }
}

function isOther(record: ProcessRecord, { version }: SupervisorOptions): boolean {
  return version !== undefined && record.version !== version
}

/** @returns whether another process is to take over; one that is told to end is started again as if it had ended itself */
function replaceOther(spec: ProcessSpec, record: ProcessRecord): boolean {
  // Those that write no version hand nothing over either.
  const canHandOver = spec.replacement === 'take-over' && record.version !== undefined
  if (spec.replacement !== undefined && !canHandOver) signalProcess(record, 'SIGTERM')
  return canHandOver
}

/** Until the process is gone, another one has its place, or it is to be replaced. */
async function untilOver(
  record: ProcessRecord,
  path: string,
  watch: { readonly clock: Clock; readonly signal: AbortSignal; readonly isWanted: () => boolean },
): Promise<'gone' | 'succeeded' | 'wanted'> {
  while (!watch.signal.aborted) {
    const serving = readRecord(path)
    if (serving !== undefined && serving.pid !== record.pid && isAlive(serving)) return 'succeeded'
    if (!isAlive(record)) return 'gone'
    if (watch.isWanted()) return 'wanted'
    await watch.clock.sleep(WATCH_INTERVAL_MS, watch.signal).catch(() => {})
  }
  return 'gone'
}

/** Starts a second process and waits until it has written itself into the record, or has ended in vain. */
async function letTakeOver(
  spec: ProcessSpec,
  options: SupervisorOptions,
  { record, path, signal }: { record: ProcessRecord; path: string; signal: AbortSignal },
): Promise<void> {
  const next = await startProcess(spec, options)
  const deadline = options.clock.monotonic() + TAKE_OVER_MS
  while (!signal.aborted && next !== undefined && isAlive(next)) {
    if (readRecord(path)?.pid === next.pid) return
    // The process before it has gone in the meantime: it is the one that is to run now.
    if (!isAlive(record)) writeRecord(path, next)
    if (options.clock.monotonic() > deadline) signalProcess(next, 'SIGTERM')
    await options.clock.sleep(WATCH_INTERVAL_MS, signal).catch(() => {})
  }
  if (!signal.aborted) {
    options.logger.error('the process that was to take over has ended; the one before it goes on', {
      process: spec.name,
    })
  }
}

/** @returns undefined when it ended at once or could not be started; the reason is in its log */
async function startProcess(
  spec: ProcessSpec,
  options: SupervisorOptions,
): Promise<ProcessRecord | undefined> {
  const logPath = join(options.logsDirectory, `${spec.name}.log`)
  rotateLog(logPath)
  const log = openSync(logPath, 'a', 0o600)
  const fail = (error: unknown) => {
    writeSync(log, `Error: ${messageOf(error)}\n`)
    options.logger.error('cannot be started', { process: spec.name, error: messageOf(error) })
    return undefined
  }
  try {
    const { command, args } = await spec.commandLine()
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] })
    child.unref()
    return await new Promise((resolve) => {
      child.once('error', (error) => resolve(fail(error)))
      child.once('spawn', () => resolve(recordOf(child.pid ?? 0, options)))
    })
  } catch (error) {
    return fail(error)
  } finally {
    closeSync(log)
  }
}

function recordOf(pid: number, { version }: SupervisorOptions): ProcessRecord | undefined {
  const record = recordProcess(pid)
  return record && { ...record, ...(version !== undefined && { version }) }
}

/** One older file is kept. A process that writes on keeps its own open file. */
function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
}

async function waitUntilGone(
  record: ProcessRecord,
  options: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  const deadline = options.clock.monotonic() + options.graceMs
  while (isAlive(record) && options.clock.monotonic() < deadline) await options.clock.sleep(20)
  if (signalProcess(record, 'SIGKILL')) while (isAlive(record)) await options.clock.sleep(5)
}
