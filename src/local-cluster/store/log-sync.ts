import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'

/** Brings the log of a database to the disk. */
export interface LogSync {
  /** Without stopping the event loop; one at a time. */
  readonly start: (done: (error: Error | null) => void) => void
  /** At once. @throws when the disk refuses */
  readonly now: () => void
  readonly close: () => void
}

/**
 * SQLite would sync the log within COMMIT, and everything else of the process would wait for the disk: a fraction of a
 * millisecond on a good one, ten on a bad one, for every commit.
 * @param path of the log, which SQLite keeps from the first write until the database is closed
 */
export function openLogSync(path: string): LogSync {
  const file = openSync(path, 'r')
  let isBusy = false
  let isClosed = false
  return {
    start(done) {
      isBusy = true
      fdatasync(file, (error) => {
        isBusy = false
        if (isClosed) closeSync(file)
        else done(error)
      })
    },
    now: () => fdatasyncSync(file),
    close() {
      isClosed = true
      if (!isBusy) closeSync(file)
    },
  }
}
