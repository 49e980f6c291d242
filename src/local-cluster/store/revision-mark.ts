import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { type Logger, messageOf } from '../../base/index.ts'

/** Digits of the largest safe integer, and a line feed: the file is overwritten in place, always as a whole. */
const DIGITS = 16

export interface RevisionMark {
  readonly write: (revision: number) => void
  readonly close: () => void
}

/**
 * A small file beside the database that says the last acknowledged revision. SQLite takes a log whose end is missing
 * for a whole one; with the mark that is noticed. It is not synced (1 µs a commit), so after a power loss it may be
 * older than the database, never newer: the commit was synced before it.
 */
export function openMark(databasePath: string, logger: Logger): RevisionMark {
  const path = markPath(databasePath)
  let file: number | undefined = openSync(path, 'w', 0o600)
  const close = () => {
    if (file !== undefined) closeSync(file)
    file = undefined
  }
  return {
    write(revision) {
      if (file === undefined) return
      try {
        writeSync(file, `${String(revision).padStart(DIGITS, '0')}\n`, 0)
      } catch (error) {
        // The write that it would mark is safe. Without a mark only the check at the next start is weaker.
        logger.warn('the revision mark cannot be written and is given up', { path, error: messageOf(error) })
        close()
        rmSync(path, { force: true })
      }
    },
    close,
  }
}

/** @returns undefined when there is none, or only a part of one */
export function readMark(
  databasePath: string,
): { readonly path: string; readonly revision: number } | undefined {
  const path = markPath(databasePath)
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
  return /^\d{16}\n$/.test(text) ? { path, revision: Number(text) } : undefined
}

function markPath(databasePath: string): string {
  return `${databasePath}-revision`
}
