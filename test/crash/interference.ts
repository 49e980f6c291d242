import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'

/** Where a server kills itself, so that rounds hit moments that a clock rarely does. */
export type Interference = 'none' | 'compaction' | 'checkpoint'

/** The server is armed by this, after what has to be checked first. */
export const ARM = 'SIGUSR2'

const OCCASIONS_MAX = 60
const CHECKPOINT_PAGES = 4

/** Patches the database driver of this process. To be called before the store is opened. */
export function interfere(interference: Interference): void {
  if (interference === 'none') return
  let isArmed = false
  process.on(ARM, () => {
    isArmed = true
  })
  let occasions = 1 + Math.floor(Math.random() * OCCASIONS_MAX)
  const isDue = () => isArmed && (occasions -= 1) <= 0
  if (interference === 'compaction') {
    // After rows are gone and before the transaction says so.
    wrapRuns('DELETE FROM history', (run) => {
      run()
      if (isDue()) process.kill(process.pid, 'SIGKILL')
    })
    return
  }
  const shoot = createShooter()
  foldOften()
  wrapRuns('COMMIT', (run) => {
    if (isDue()) shoot()
    run()
  })
}

function wrapRuns(beginning: string, around: (run: () => void) => void): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with the database as `this` below
  const { prepare } = DatabaseSync.prototype
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql, ...rest): StatementSync {
    const statement: StatementSync = prepare.call(this, sql, ...rest)
    if (!sql.trimStart().startsWith(beginning)) return statement
    const run = statement.run.bind(statement) as (...values: unknown[]) => ReturnType<StatementSync['run']>
    const wrapped = (...values: (SQLInputValue | Record<string, SQLInputValue>)[]) => {
      let result: ReturnType<StatementSync['run']> | undefined
      around(() => {
        result = run(...values)
      })
      return result as ReturnType<StatementSync['run']>
    }
    return Object.assign(statement, { run: wrapped })
  }
}

/** The log is folded into the file at nearly every commit. */
function foldOften(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with the database as `this` below
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql) {
    exec.call(this, sql)
    if (sql.startsWith('PRAGMA wal_autocheckpoint')) {
      exec.call(this, `PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    }
  }
}

/** Another thread kills the process up to three milliseconds later, while the main thread is inside SQLite. */
function createShooter(): () => void {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const code = `
    const { workerData } = require('node:worker_threads')
    Atomics.wait(workerData, 0, 0)
    const end = performance.now() + Math.random() * 3
    while (performance.now() < end);
    process.kill(process.pid, 'SIGKILL')`
  new Worker(code, { eval: true, workerData: flag }).unref()
  return () => {
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
  }
}
