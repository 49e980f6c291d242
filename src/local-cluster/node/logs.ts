import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  type FSWatcher,
  openSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
  watch,
} from 'node:fs'
import type { LogRequest } from '../apiserver/index.ts'
import type { Clock } from '../../base/index.ts'
import { readTextIfExists } from './files.ts'

/** A log that reaches this size is cut: the newest part moves to a file beside it and the log begins anew. */
export const LOG_BYTES_MAX = 10 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const FOLLOW_POLL_MS = 200

/** What of a log a reader wants; `sinceMs` is in milliseconds of the epoch. */
export type LogSelection = Pick<
  LogRequest,
  'follow' | 'tailLines' | 'timestamps' | 'limitBytes' | 'signal'
> & {
  readonly sinceMs?: number
  /** Whether the container may still write; a follower ends when it may not. */
  readonly live: () => boolean
}

/**
 * Reads a container's log. The programs write to the file themselves, so the times of lines come from an index
 * beside it: offsets and when the file was seen to have reached them (a quarter of a second apart at most).
 */
export async function* readLog(
  paths: { readonly log: string; readonly times: string },
  selection: LogSelection,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  if (!existsSync(paths.log)) return
  // Held open: the last words of a container can be read after its pod and its files are gone.
  const file = openSync(paths.log, 'r')
  try {
    yield* readOpenLog(file, paths, selection, clock)
  } finally {
    closeSync(file)
  }
}

async function* readOpenLog(
  file: number,
  paths: { readonly log: string; readonly times: string },
  selection: LogSelection,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const times = () => readTimes(paths.times)
  let position = startOffset(paths.log, times(), selection)
  let left = selection.limitBytes ?? Infinity
  let partial = Buffer.alloc(0)
  for (;;) {
    const live = selection.live() && existsSync(paths.log)
    for (;;) {
      const chunk = readChunk(file, position)
      if (chunk.length === 0) break
      const lineStart = position - partial.length
      position += chunk.length
      const whole = Buffer.concat([partial, chunk])
      // Lines are given whole as long as more may come, so that a time never lands inside one.
      const cut = selection.timestamps ? whole.lastIndexOf(10) + 1 : whole.length
      partial = whole.subarray(cut)
      const ready = whole.subarray(0, cut)
      const out = (selection.timestamps ? stamped(ready, lineStart, times()) : ready).subarray(0, left)
      if (out.length > 0) yield out
      left -= out.length
      if (left <= 0) return
    }
    if (!selection.follow || selection.signal.aborted || !live) break
    await changed(paths.log, clock, selection.signal)
    if (fstatSync(file).size < position) position = 0
  }
  if (partial.length > 0 && left > 0)
    yield stamped(partial, position - partial.length, times()).subarray(0, left)
}

/** Records how far the log has come, and cuts it when it is too long. @returns the size seen */
export function indexLog(
  paths: { readonly log: string; readonly times: string },
  seen: number,
  nowMs: number,
): number {
  let size: number
  try {
    size = statSync(paths.log).size
  } catch {
    return seen
  }
  if (size === seen) return seen
  if (size < LOG_BYTES_MAX) {
    appendFileSync(paths.times, `${size} ${nowMs}\n`, { mode: 0o600 })
    return size
  }
  // The writers hold the file open in append mode: it can be copied and emptied, but not replaced. What they
  // write between the two calls is lost; a log of this size is read from its end.
  copyFileSync(paths.log, `${paths.log}.1`)
  truncateSync(paths.log, 0)
  writeFileSync(paths.times, '', { mode: 0o600 })
  return 0
}

/** Empties a copy of outputs that only attached clients read: who is that far behind loses the rest. */
export function cutIfLong(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size >= LOG_BYTES_MAX) truncateSync(file, 0)
}

interface TimeEntry {
  readonly offset: number
  readonly timeMs: number
}

function readTimes(path: string): readonly TimeEntry[] {
  return (readTextIfExists(path) ?? '')
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .filter(([offset, timeMs]) => Number.isFinite(offset) && Number.isFinite(timeMs))
    .map(([offset = 0, timeMs = 0]) => ({ offset, timeMs }))
}

/** When the byte before the offset was written. */
function timeAt(times: readonly TimeEntry[], offset: number): number {
  return (times.find((entry) => entry.offset >= offset) ?? times.at(-1))?.timeMs ?? 0
}

function startOffset(log: string, times: readonly TimeEntry[], selection: LogSelection): number {
  const { sinceMs, tailLines } = selection
  const bySince =
    sinceMs === undefined ? 0 : (times.filter((entry) => entry.timeMs < sinceMs).at(-1)?.offset ?? 0)
  if (tailLines === undefined) return bySince
  return Math.max(bySince, tailOffset(log, tailLines))
}

function tailOffset(log: string, lines: number): number {
  const { size } = statSync(log)
  if (lines <= 0) return size
  const file = openSync(log, 'r')
  try {
    return offsetOfLastLines(file, size, lines)
  } finally {
    closeSync(file)
  }
}

function offsetOfLastLines(file: number, size: number, lines: number): number {
  let found = 0
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES)
    const chunk = readChunk(file, start).subarray(0, end - start)
    for (let index = chunk.length - 1; index >= 0; index -= 1) {
      if (chunk[index] !== 10 || start + index === size - 1) continue
      found += 1
      if (found === lines) return start + index + 1
    }
    end = start
  }
  return 0
}

function stamped(bytes: Uint8Array, offset: number, times: readonly TimeEntry[]): Uint8Array {
  if (times.length === 0) return bytes
  const parts: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(10, start)
    const end = newline < 0 ? bytes.length : newline + 1
    parts.push(
      Buffer.from(`${new Date(timeAt(times, offset + end)).toISOString()} `),
      bytes.subarray(start, end),
    )
    start = end
  }
  return Buffer.concat(parts)
}

function readChunk(file: number, position: number): Buffer {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  return buffer.subarray(0, readSync(file, buffer, 0, CHUNK_BYTES, position))
}

/** Waits until the file changed, a short time went by, or the reader left. */
function changed(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watchIfExists(path)
    const finish = () => {
      cancel()
      signal.removeEventListener('abort', finish)
      watcher?.close()
      resolve()
    }
    const cancel = clock.after(FOLLOW_POLL_MS, finish)
    watcher?.on('change', finish)
    watcher?.on('error', finish)
    signal.addEventListener('abort', finish, { once: true })
  })
}

/** @returns undefined when the file is gone: the poll finds out what else is to be said */
function watchIfExists(path: string): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
