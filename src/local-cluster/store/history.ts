import type { DatabaseSync } from 'node:sqlite'
import type { KubeObject } from '../../kube/index.ts'
import { StoreError } from './store-error.ts'
import type { StoredObject, StoreEvent, StoreKey } from './types.ts'

/**
 * One table holds everything: a row per write. The newest row of a key is its current state; older ones serve
 * watches that resume and lists at a past revision. `kind` is 0 created, 1 updated, 2 deleted.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS history (
  revision INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  kind INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS history_by_key ON history (key, revision);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

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
  readonly eachCurrent: (visit: (key: StoreKey, stored: StoredObject) => void) => void
  readonly eventsAfter: (revision: number, collection: string, namespace: string | undefined) => StoreEvent[]
  readonly listAt: (revision: number, collection: string, namespace: string | undefined) => StoredObject[]
  readonly lastRevision: () => number
  readonly compacted: () => number
  /** rows in the table, an upper bound of the memory a resuming watch can ask for */
  readonly compact: (revision: number) => void
}

interface Row {
  readonly revision: number
  readonly key: string
  readonly kind: number
  readonly value: string
}

export function createHistory(db: DatabaseSync): History {
  db.exec(SCHEMA)
  const sql = prepare(db)
  const meta = (name: string): number => Number(sql.readMeta.get(name)?.['value'] ?? 0)
  let compacted = meta('compacted')
  return {
    append(rows) {
      sql.begin.run()
      try {
        for (const row of rows) {
          sql.insert.run(row.revision, keyText(row.key), KINDS.indexOf(row.kind), row.json)
        }
        sql.commit.run()
      } catch (error) {
        if (db.isTransaction) sql.rollback.run()
        throw error
      }
    },
    eachCurrent(visit) {
      for (const row of sql.current.iterate()) {
        const { key, revision, value } = row as unknown as Row
        visit(parseKey(key), { revision, object: parseObject(value) })
      }
    },
    eventsAfter(revision, collection, namespace) {
      const [from, to] = keyRange(collection, namespace)
      const rows = sql.eventsAfter.all(revision, from, to) as unknown as Row[]
      return rows.map((row) => toEvent(row, previousOf(sql, row)))
    },
    listAt(revision, collection, namespace) {
      const [from, to] = keyRange(collection, namespace)
      const rows = sql.listAt.all(from, to, revision) as unknown as Row[]
      return rows
        .filter((row) => row.kind !== 2)
        .map((row) => ({ key: row.key, revision: row.revision, object: parseObject(row.value) }))
    },
    lastRevision: () => Math.max(Number(sql.lastRevision.get()?.['revision'] ?? 0), meta('revision')),
    compacted: () => compacted,
    compact(revision) {
      sql.begin.run()
      sql.dropSuperseded.run({ old: compacted, upTo: revision })
      sql.dropDeleted.run({ old: compacted, upTo: revision })
      sql.writeMeta.run('compacted', revision)
      sql.writeMeta.run('revision', revision)
      sql.commit.run()
      compacted = revision
    },
  }
}

function prepare(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    insert: db.prepare('INSERT INTO history (revision, key, kind, value) VALUES (?, ?, ?, ?)'),
    // With max(), SQLite takes the other columns from the row that holds the maximum.
    current: db.prepare(
      `SELECT key, revision, value FROM
         (SELECT key, max(revision) AS revision, kind, value FROM history GROUP BY key) WHERE kind <> 2`,
    ),
    // The unary plus keeps the planner on the revision's own order.
    eventsAfter: db.prepare(
      'SELECT revision, key, kind, value FROM history WHERE revision > ? AND +key >= ? AND +key < ? ORDER BY revision',
    ),
    previous: db.prepare(
      'SELECT kind, value FROM history WHERE key = ? AND revision < ? ORDER BY revision DESC LIMIT 1',
    ),
    listAt: db.prepare(
      `SELECT key, max(revision) AS revision, kind, value FROM history
         WHERE key >= ? AND key < ? AND revision <= ? GROUP BY key ORDER BY key`,
    ),
    lastRevision: db.prepare('SELECT max(revision) AS revision FROM history'),
    readMeta: db.prepare('SELECT value FROM meta WHERE name = ?'),
    writeMeta: db.prepare(
      'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    ),
    dropSuperseded: db.prepare(
      `DELETE FROM history WHERE revision IN
         (SELECT older.revision FROM history AS newer JOIN history AS older
            ON older.key = newer.key AND older.revision < newer.revision
          WHERE newer.revision > :old AND newer.revision <= :upTo)`,
    ),
    dropDeleted: db.prepare('DELETE FROM history WHERE revision > :old AND revision <= :upTo AND kind = 2'),
  }
}

function previousOf(sql: ReturnType<typeof prepare>, row: Row): KubeObject | undefined {
  if (row.kind === 0) return undefined
  const previous = sql.previous.get(row.key, row.revision)
  if (!previous || previous['kind'] === 2) return undefined
  return parseObject(String(previous['value']))
}

function toEvent(row: Row, previous: KubeObject | undefined): StoreEvent {
  const kind = KINDS[row.kind]
  if (!kind) throw new StoreError(`the history row ${row.revision} has the unknown kind ${row.kind}`)
  return { kind, revision: row.revision, key: parseKey(row.key), object: parseObject(row.value), previous }
}

function parseObject(json: string): KubeObject {
  return JSON.parse(json) as KubeObject
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
