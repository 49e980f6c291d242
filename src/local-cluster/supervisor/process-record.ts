import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** A process that cannot be mistaken for a later one with the same number: the kernel's start time goes with it. */
export interface ProcessRecord {
  readonly pid: number
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly startTicks: string
  /** Of the program, where it matters. */
  readonly version?: string
}

/** @returns undefined when no such process lives (a zombie does not count as living) */
export function recordProcess(pid: number): ProcessRecord | undefined {
  const fields = statFields(pid)
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid, startTicks: fields[19] ?? '' }
}

export function isAlive(record: ProcessRecord): boolean {
  return recordProcess(record.pid)?.startTicks === record.startTicks
}

/** @returns undefined when the file is missing or unreadable, which means the same: nothing to adopt */
export function readRecord(path: string): ProcessRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const { pid, startTicks, version } = value as Partial<ProcessRecord>
    if (typeof pid !== 'number' || typeof startTicks !== 'string') return undefined
    return { pid, startTicks, ...(typeof version === 'string' && { version }) }
  } catch {
    return undefined
  }
}

/** Written whole or not at all, so that kill -9 between two bytes leaves the old record. */
export function writeRecord(path: string, record: ProcessRecord): void {
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export function removeRecord(path: string): void {
  rmSync(path, { force: true })
}

/** Sends the signal only if the very same process still lives. @returns whether it was sent */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isAlive(record)) return false
  try {
    process.kill(record.pid, signal)
    return true
  } catch {
    return false // it ended between the look and the signal
  }
}

/** The fields of /proc/PID/stat after the command's closing bracket: [0] is the state, [19] the start time. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
