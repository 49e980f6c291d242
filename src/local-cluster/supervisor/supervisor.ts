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
}

/** How often an adopted process, whose exit the kernel tells only its own parent, is looked at. */
const WATCH_INTERVAL_MS = 250
/** A process that ran this long is healthy: the next restart is at once again. */
const HEALTHY_AFTER_MS = 30_000
const RESTART_BASE_MS = 100
const RESTART_MAX_MS = 10_000
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
  while (!signal.aborted) {
    const adopted = runningProcess(options.runDirectory, spec.name)
    const record = adopted ?? (await startProcess(spec, options))
    if (record) {
      writeRecord(path, record)
      logger.info(adopted ? 'adopted' : 'started', { process: spec.name, pid: record.pid })
      const started = clock.monotonic()
      await untilGone(record, clock, signal)
      if (signal.aborted) return
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
      child.once('spawn', () => resolve(recordProcess(child.pid ?? 0)))
    })
  } catch (error) {
    return fail(error)
  } finally {
    closeSync(log)
  }
}

/** One older file is kept. A process that writes on keeps its own open file. */
function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES_MAX) renameSync(path, `${path}.1`)
}

async function untilGone(record: ProcessRecord, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && isAlive(record)) await clock.sleep(WATCH_INTERVAL_MS, signal).catch(() => {})
}

async function waitUntilGone(
  record: ProcessRecord,
  options: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  const deadline = options.clock.monotonic() + options.graceMs
  while (isAlive(record) && options.clock.monotonic() < deadline) await options.clock.sleep(20)
  if (signalProcess(record, 'SIGKILL')) while (isAlive(record)) await options.clock.sleep(5)
}
