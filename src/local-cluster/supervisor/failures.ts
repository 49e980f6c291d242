import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How much of a log's end is looked at for the last words of a process. */
const TAIL_BYTES = 8 * 1024

/** Leaves for others to see how often the process has ended in a row, each time before it counted as healthy. */
export function recordFailures(runDirectory: string, name: string, count: number): void {
  writeFileSync(failuresPath(runDirectory, name), String(count), { mode: 0o600 })
}

export function failuresOf(runDirectory: string, name: string): number {
  try {
    return Number(readFileSync(failuresPath(runDirectory, name), 'utf8'))
  } catch {
    return 0 // there is no file until it ends for the first time
  }
}

/** A new start is not to be blamed for what an earlier one has left. */
export function forgetFailures(runDirectory: string, name: string): void {
  rmSync(failuresPath(runDirectory, name), { force: true })
}

/**
 * The line of the log that says why the process ended: the last error that Node printed, else the last line at all.
 * @returns undefined for a log that is missing or empty
 */
export function lastWords(logPath: string): string | undefined {
  const lines = tail(logPath)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const error = lines.findLast((line) => /^(?:Uncaught )?\w*Error\b.*: /.test(line))
  return error ?? lines.at(-1)
}

function tail(path: string): string {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const { size } = fstatSync(fd)
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(fd, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8')
  } finally {
    closeSync(fd)
  }
}

function failuresPath(runDirectory: string, name: string): string {
  return join(runDirectory, `${name}.failures`)
}
