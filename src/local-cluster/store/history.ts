import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { KubeObject } from '../../kube/index.ts'
import { deepFreeze } from './freeze.ts'
import { StoreError } from './store-error.ts'
import type { StoredObject, StoreEvent, StoreKey } from './types.ts'

/**
 * One table holds everything: a row per write. The newest row of a key is its current state; older ones serve
 * watches that resume and lists at a past revision. `kind` is 0 created, 1 updated, 2 deleted. `sum` is a checksum of
 * the row, since SQLite has none for its pages; rows from before schema 1 have none.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS history (
  revision INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  kind INTEGER NOT NULL,
  value TEXT NOT NULL,
  sum INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS history_by_key ON history (key, revision);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

/** PRAGMA user_version. A database of a later one is refused, one of an earlier one is brought up to it. */
export const SCHEMA_VERSION = 1

const KINDS = ['created', 'updated', 'deleted'] as const

export interface HistoryRow {
  readonly revision: number
  readonly key: StoreKey
  readonly kind: StoreEvent['kind']
  readonly json: string
}

export interface History {
  /** Writes the rows in one transaction. @throws when the disk refuses; then none is written */
  readonly append: (rows: readonly HistoryRow[]) => void
  /** What is after `upTo` is not durable yet. */
  readonly eventsBetween: (
    revisions: { readonly after: number; readonly upTo: number },
    of: { readonly collection: string; readonly namespace?: string },
  ) => StoreEvent[]
  /** What each key that changed after a revision held at it; undefined where it was not there. */
  readonly changedSince: (
    revision: number,
    collection: string,
    namespace: string | undefined,
  ) => { readonly key: StoreKey; readonly stored: StoredObject | undefined }[]
  /** The bytes of the objects in the rows after one revision up to another. */
  readonly bytesBetween: (after: number, upTo: number) => number
  readonly lastRevision: () => number
  readonly compacted: () => number
  /** Forgets what is older. @throws when the disk refuses; then nothing is forgotten */
  readonly compact: (revision: number) => void
}

interface Row {
  readonly revision: number
  readonly key: string
  readonly kind: number
  readonly value: string
  readonly sum: number | null
}

/** Reads the newest state of every key. Needs no right to write. @throws StoreError for a damaged row */
export function readCurrent(db: DatabaseSync): {
  readonly current: readonly StoredObject[]
  readonly lastRevision: number
} {
  if (columnsOf(db).length === 0) return { current: [], lastRevision: 0 }
  const sum = columnsOf(db).includes('sum') ? 'sum' : 'NULL AS sum'
  // With max(), SQLite takes the other columns from the row that holds the maximum.
  const rows = db.prepare(
    `SELECT key, revision, kind, value, sum FROM
       (SELECT key, max(revision) AS revision, kind, value, ${sum} FROM history GROUP BY key) WHERE kind <> 2`,
  )
  const current: StoredObject[] = []
  for (const row of rows.iterate()) {
    current.push(storedIn(row as unknown as Row))
  }
  return { current, lastRevision: lastRevisionOf(db) }
}

function columnsOf(db: DatabaseSync): readonly unknown[] {
  return db
    .prepare("SELECT name FROM pragma_table_info('history')")
    .all()
    .map((column) => column['name'])
}

function lastRevisionOf(db: DatabaseSync): number {
  // What was deleted last may be compacted away; then only `meta` still knows its revision.
  const row = db
    .prepare(
      `SELECT max(coalesce((SELECT max(revision) FROM history), 0),
                  coalesce((SELECT value FROM meta WHERE name = 'revision'), 0)) AS revision`,
    )
    .get()
  return Number(row?.['revision'])
}

export function createHistory(db: DatabaseSync): History {
  const columns = columnsOf(db)
  db.exec(SCHEMA)
  if (columns.length > 0 && !columns.includes('sum')) db.exec('ALTER TABLE history ADD COLUMN sum INTEGER')
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  const sql = prepare(db)
  const meta = (name: string): number => Number(sql.readMeta.get(name)?.['value'] ?? 0)
  let compacted = meta('compacted')
  return {
    append(rows) {
      sql.begin.run()
      try {
        for (const row of rows) {
          const key = keyText(row.key)
          const kind = KINDS.indexOf(row.kind)
          const sum = checksum({ revision: row.revision, key, kind, value: row.json })
          sql.insert.run(row.revision, key, kind, row.json, sum)
        }
        sql.commit.run()
      } catch (error) {
        if (db.isTransaction) sql.rollback.run()
        throw error
      }
    },
    eventsBetween({ after, upTo }, { collection, namespace }) {
      const [from, to] = keyRange(collection, namespace)
      const rows = sql.eventsBetween.all(after, upTo, from, to) as unknown as Row[]
      const known = new Map<string, KubeObject>()
      return rows.map((row) => {
        const event = toEvent(row, row.kind === 0 ? undefined : (known.get(row.key) ?? previousOf(sql, row)))
        known.set(row.key, event.object)
        return event
      })
    },
    changedSince(revision, collection, namespace) {
      const [from, to] = keyRange(collection, namespace)
      const keys = sql.keysAfter.all(revision, from, to).map((row) => String(row['key']))
      return keys.map((key) => {
        const row = sql.stateAt.get(key, revision) as unknown as Row | undefined
        const stored = row && row.kind !== 2 ? storedIn(row) : undefined
        return { key: parseKey(key), stored }
      })
    },
    bytesBetween: (after, upTo) => Number(sql.bytesBetween.get(after, upTo)?.['bytes']),
    lastRevision: () => lastRevisionOf(db),
    compacted: () => compacted,
    compact(revision) {
      sql.begin.run()
      try {
        sql.dropSuperseded.run({ old: compacted, upTo: revision })
        sql.dropDeleted.run({ old: compacted, upTo: revision })
        sql.writeMeta.run('compacted', revision)
        sql.writeMeta.run('revision', revision)
        sql.commit.run()
      } catch (error) {
        if (db.isTransaction) sql.rollback.run()
        throw error
      }
      compacted = revision
    },
  }
}

function prepare(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    insert: db.prepare('INSERT INTO history (revision, key, kind, value, sum) VALUES (?, ?, ?, ?, ?)'),
    // The unary plus keeps the planner on the revision's own order.
    eventsBetween: db.prepare(
      'SELECT revision, key, kind, value, sum FROM history WHERE revision > ? AND revision <= ? AND +key >= ? AND +key < ? ORDER BY revision',
    ),
    bytesBetween: db.prepare(
      'SELECT total(octet_length(value)) AS bytes FROM history WHERE revision > ? AND revision <= ?',
    ),
    previous: db.prepare(
      'SELECT revision, key, kind, value, sum FROM history WHERE key = ? AND revision < ? ORDER BY revision DESC LIMIT 1',
    ),
    keysAfter: db.prepare('SELECT DISTINCT key FROM history WHERE revision > ? AND +key >= ? AND +key < ?'),
    stateAt: db.prepare(
      'SELECT revision, key, kind, value, sum FROM history WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1',
    ),
    readMeta: db.prepare('SELECT value FROM meta WHERE name = ?'),
    writeMeta: db.prepare(
      'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    ),
    // By key first: joined row by row, an object that was written often would cost the square of that.
    dropSuperseded: db.prepare(
      `DELETE FROM history WHERE revision IN
         (SELECT older.revision FROM
            (SELECT key, max(revision) AS revision FROM history
               WHERE revision > :old AND revision <= :upTo GROUP BY +key) AS newest
            JOIN history AS older ON older.key = newest.key AND older.revision < newest.revision)`,
    ),
    dropDeleted: db.prepare('DELETE FROM history WHERE revision > :old AND revision <= :upTo AND kind = 2'),
  }
}

function previousOf(sql: ReturnType<typeof prepare>, row: Row): KubeObject | undefined {
  const previous = sql.previous.get(row.key, row.revision) as unknown as Row | undefined
  return previous && previous.kind !== 2 ? objectOf(previous) : undefined
}

function toEvent(row: Row, previous: KubeObject | undefined): StoreEvent {
  const kind = KINDS[row.kind]
  if (!kind) throw new StoreError(`the history row ${row.revision} has the unknown kind ${row.kind}`)
  const { revision, value } = row
  return { kind, revision, key: parseKey(row.key), object: objectOf(row), previous, size: value.length }
}

function storedIn(row: Row): StoredObject {
  return { key: parseKey(row.key), revision: row.revision, object: objectOf(row) }
}

function objectOf(row: Row): KubeObject {
  if (row.sum !== null && row.sum !== checksum(row)) {
    throw new StoreError(`the row of revision ${row.revision} (${row.key}) is damaged: its checksum is wrong`)
  }
  try {
    return deepFreeze(JSON.parse(row.value) as KubeObject)
  } catch (error) {
    throw new StoreError(`the row of revision ${row.revision} (${row.key}) is damaged: it is no JSON`, {
      cause: error,
    })
  }
}

function checksum(row: Pick<Row, 'revision' | 'key' | 'kind' | 'value'>): number {
  return crc32(row.value, crc32(`${row.revision} ${row.kind} ${row.key}`))
}

/** Names and namespaces hold no slash, so the text is unambiguous and sorts by namespace, then name. */
function keyText(key: StoreKey): string {
  return `${key.collection}/${key.namespace}/${key.name}`
}

function parseKey(text: string): StoreKey {
  const name = text.lastIndexOf('/')
  const namespace = text.lastIndexOf('/', name - 1)
  return {
    collection: text.slice(0, namespace),
    namespace: text.slice(namespace + 1, name),
    name: text.slice(name + 1),
  }
}

/** From the prefix to the first text after all that begin with it ('0' follows '/'). */
function keyRange(collection: string, namespace: string | undefined): [string, string] {
  const prefix = namespace === undefined ? collection : `${collection}/${namespace}`
  return [`${prefix}/`, `${prefix}0`]
}
