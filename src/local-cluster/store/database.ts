import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type Logger, messageOf } from '../../base/index.ts'
import { readCurrent, SCHEMA_VERSION } from './history.ts'
import { readMark } from './revision-mark.ts'
import { StoreError } from './store-error.ts'
import type { StoredObject } from './types.ts'

/** 'LATN': how a database of another program is told from ours. */
const APPLICATION_ID = 0x4c41544e

export interface Contents {
  readonly current: readonly StoredObject[]
  readonly lastRevision: number
}

const EMPTY: Contents = { current: [], lastRevision: 0 }

/**
 * Reads all that a file holds through a connection that cannot write, so that a damaged or foreign file is refused
 * before anything of it is changed: even closing a writable connection would fold the log into the file.
 * @throws StoreError
 */
export function readDatabase(path: string): Contents {
  if (!existsSync(path)) return withoutFile(path)
  return named(path, () => {
    const contents = statSync(path).size === 0 ? EMPTY : readContents(path)
    refuseLostWrites(path, contents.lastRevision)
    return contents
  })
}

/** Opens the file for writing, and keeps every other process out of it. @throws StoreError */
export function openDatabase(path: string): DatabaseSync {
  return named(path, () => {
    // Secrets are in it; the log beside it takes over the mode of the file.
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600))
    const db = new DatabaseSync(path)
    try {
      // One process owns the file: no shared-memory index, and a second API server is refused at once.
      db.exec('PRAGMA locking_mode = EXCLUSIVE')
      db.exec('PRAGMA journal_mode = WAL')
      // NORMAL syncs around checkpoints. After each commit we sync the log ourselves, beside the event loop, before
      // the write is acknowledged: it outlives power loss too.
      db.exec('PRAGMA synchronous = NORMAL')
      db.exec('PRAGMA cache_size = -4096')
      // The log is folded into the file at 4 MB and written again from its beginning, which is cheaper to sync than
      // a log that grows; it is cut when one large commit made it much longer.
      db.exec('PRAGMA wal_autocheckpoint = 1000')
      db.exec(`PRAGMA journal_size_limit = ${8 * 1024 * 1024}`)
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  })
}

const RECLAIMED_BYTES_MIN = 16 * 1024 * 1024

/**
 * SQLite uses free pages again and never gives them back. A file that is for the most part free, as after many objects
 * were deleted, is written anew when it is opened; its live part is small then, so that takes a moment.
 */
export function reclaimSpace(db: DatabaseSync, logger: Logger): void {
  const free = pragmaOf(db, 'freelist_count')
  if (free * pragmaOf(db, 'page_size') < RECLAIMED_BYTES_MIN || free < pragmaOf(db, 'page_count') / 2) return
  try {
    db.exec('VACUUM')
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    logger.warn('the free space of the store could not be given back', { error: messageOf(error) })
  }
}

/** Without the file, SQLite would delete a log that was left beside it, and with it the newest writes of some store. */
function withoutFile(path: string): Contents {
  const log = `${path}-wal`
  if (!existsSync(log) || statSync(log).size === 0) return EMPTY
  throw new StoreError(
    `cannot open the store ${path}: it is not there, but its log ${log} is; nothing was changed: ` +
      'put the file back, or move the log to where the file went to start with an empty cluster',
  )
}

function readContents(path: string): Contents {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    refuseForeign(db)
    const damage = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'])
    if (damage !== 'ok') throw new StoreError(`it is malformed: ${damage.replaceAll('\n', ' ')}`)
    return readCurrent(db)
  } finally {
    db.close()
  }
}

function refuseForeign(db: DatabaseSync): void {
  const id = pragmaOf(db, 'application_id')
  const version = pragmaOf(db, 'user_version')
  const tables = db.prepare("SELECT count(*) AS count FROM sqlite_schema WHERE type = 'table'").get()
  const isOurs = id === APPLICATION_ID || hasHistory(db)
  if (!isOurs && (id !== 0 || Number(tables?.['count']) > 0)) {
    throw new StoreError('it is not a database of Lateen but of another program')
  }
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      `a newer version of Lateen wrote it (schema ${version}, this one knows ${SCHEMA_VERSION})`,
    )
  }
}

function pragmaOf(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
}

function hasHistory(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'history'").get() !== undefined
}

/** A log that was cut at the end of a commit looks whole; only the mark beside it tells. */
function refuseLostWrites(path: string, lastRevision: number): void {
  const mark = readMark(path)
  if (mark === undefined || mark.revision <= lastRevision) return
  throw new StoreError(
    `it ends at revision ${lastRevision}, but revision ${mark.revision} was acknowledged: the newest writes are ` +
      `missing, as after a truncated log ${path}-wal. To go on without them, delete ${mark.path}`,
  )
}

/** Errors of the database become ones that name the file and say what to do. */
export function named<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    const message = messageOf(error)
    throw new StoreError(`cannot open the store ${path}: ${message}; ${remedyFor(message)}`, { cause: error })
  }
}

function remedyFor(message: string): string {
  if (message.includes('locked')) return 'another API server uses it: stop that one first'
  if (message.includes('newer version')) return 'nothing was changed: start that version again'
  if (/not a database|malformed|damaged|truncated/.test(message)) {
    return (
      'nothing was changed: move the file away, with those whose names begin with its name, ' +
      'to start with an empty cluster, or restore a copy'
    )
  }
  return 'check that the directory exists, that the disk may be written, and that it is not full'
}
