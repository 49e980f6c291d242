import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createSqliteStore, type Store } from './index.ts'

const NAMES = Array.from({ length: 40 }, (_, index) => `object-${index}`)
const FILES = ['store.db', 'store.db-wal', 'store.db-revision'] as const

let root: string
let directory: string
let path: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'lateen-damage-'))
})
after(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  directory = mkdtempSync(join(root, 'case-'))
  path = join(directory, 'store.db')
})

const key = (name: string) => ({ collection: 'core/configmaps', namespace: 'n', name })
const write = (store: Store, name: string) =>
  store.write({
    kind: 'put',
    key: key(name),
    object: configMap(name),
    expect: undefined,
  })

function configMap(name: string) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: `${name} `.repeat(100) } }
}

/** The files of a store as a kill leaves them: half of the writes in the database, half in the log. */
async function makeKilledStore(): Promise<void> {
  const alive = join(mkdtempSync(join(root, 'alive-')), 'store.db')
  const first = createSqliteStore({ path: alive })
  for (const name of NAMES.slice(0, 20)) await write(first, name)
  first.close()
  const second = createSqliteStore({ path: alive })
  for (const name of NAMES.slice(20)) await write(second, name)
  for (const file of FILES) copyFileSync(join(alive, '..', file), join(directory, file))
  second.close()
}

function hashes(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory)
      // SQLite makes its index of the log, and a log of no bytes, also to read.
      .filter((file) => !file.endsWith('-shm') && statSync(join(directory, file)).size > 0)
      .map((file) => [
        file,
        createHash('sha256')
          .update(readFileSync(join(directory, file)))
          .digest('hex'),
      ]),
  )
}

/** Nothing of the files is changed by a refusal, whatever is asked how often. */
function refused(message: RegExp): void {
  const before = hashes()
  for (let attempt = 0; attempt < 2; attempt += 1) {
    assert.throws(() => createSqliteStore({ path }), {
      name: 'StoreError',
      message: new RegExp(`cannot open the store ${path}: .*${message.source}`),
    })
  }
  assert.deepEqual(hashes(), before)
}

function flip(file: string, at: number, length = 1): void {
  const bytes = readFileSync(join(directory, file))
  for (let index = at; index < at + length; index += 1) bytes[index] = (bytes[index] as number) ^ 0xff
  writeFileSync(join(directory, file), bytes)
}

describe('a store after a kill', () => {
  beforeEach(makeKilledStore)

  test('has what is in the database and what is in the log', () => {
    const store = createSqliteStore({ path })
    for (const name of NAMES) assert.ok(store.get(key(name)), name)
    assert.equal(store.revision(), NAMES.length)
    store.close()
  })

  test('is the same whatever is left of the index of the log, which is made anew', () => {
    const leftovers = {
      empty: Buffer.alloc(0),
      zeros: Buffer.alloc(32_768),
      garbage: Buffer.alloc(32_768, 0xa5),
      short: Buffer.alloc(100, 0xa5),
      'of another log': readFileSync(`${path}-wal`).subarray(0, 32_768),
    }
    const files = FILES.map((file) => [file, readFileSync(join(directory, file))] as const)
    for (const [what, bytes] of Object.entries(leftovers)) {
      for (const [file, whole] of files) writeFileSync(join(directory, file), whole)
      writeFileSync(`${path}-shm`, bytes)
      const store = createSqliteStore({ path })
      assert.equal(store.count('core/configmaps'), NAMES.length, what)
      store.close()
    }
  })

  test('is opened without its mark, and with one that cannot be read', () => {
    const log = readFileSync(`${path}-wal`)
    const database = readFileSync(path)
    for (const mark of ['', 'no number\n', '0000000000000040', '9'.repeat(17)]) {
      writeFileSync(path, database)
      writeFileSync(`${path}-wal`, log)
      writeFileSync(`${path}-revision`, mark)
      const store = createSqliteStore({ path })
      assert.equal(store.count('core/configmaps'), NAMES.length, JSON.stringify(mark))
      store.close()
    }
  })

  test('is refused when the log is cut, gone, or damaged', async () => {
    const log = `${path}-wal`
    const whole = readFileSync(log)
    const missing = /the newest writes are missing, as after a truncated log .*store\.db-wal.*restore a copy/
    for (const size of [0, 10, 32, 5000, whole.length >> 1, whole.length - 1, whole.length - 4096 - 24]) {
      writeFileSync(log, whole)
      truncateSync(log, size)
      refused(missing)
    }
    writeFileSync(log, whole)
    flip('store.db-wal', whole.length - 100)
    refused(missing)
    writeFileSync(log, whole)
    flip('store.db-wal', 60)
    refused(missing)
    rmSync(log)
    assert.throws(() => createSqliteStore({ path }), missing)
    writeFileSync(log, whole)
    const store = createSqliteStore({ path })
    assert.equal(store.count('core/configmaps'), NAMES.length)
    store.close()
  })

  test('goes on without the lost writes when its mark is deleted, as the message says', () => {
    truncateSync(`${path}-wal`, 5000)
    refused(/To go on without them, delete .*store\.db-revision/)
    rmSync(`${path}-revision`)
    const store = createSqliteStore({ path })
    assert.equal(store.count('core/configmaps'), 20)
    store.close()
  })

  test('is refused when its file is gone and the log is left, which SQLite would delete', () => {
    renameSync(path, join(root, 'moved'))
    refused(/it is not there, but its log .*store\.db-wal is; nothing was changed: put the file back/)
  })
})

describe('a closed store', () => {
  beforeEach(async () => {
    const store = createSqliteStore({ path })
    for (const name of NAMES) await write(store, name)
    store.close()
  })

  test('is refused when the first bytes of the file are flipped', () => {
    flip('store.db', 0, 4)
    refused(/not a database; nothing was changed: move the file away/)
  })

  test('is refused or served whole, whichever byte of the header is flipped', () => {
    const good = readFileSync(path)
    const mark = readFileSync(`${path}-revision`)
    for (let at = 0; at < 108; at += 1) {
      writeFileSync(path, good)
      writeFileSync(`${path}-revision`, mark)
      flip('store.db', at)
      const before = hashes()
      let store: Store | undefined
      try {
        store = createSqliteStore({ path })
      } catch (error) {
        assert.match(String(error), /StoreError: cannot open the store .*store\.db: .*; .*/, `byte ${at}`)
        assert.deepEqual(hashes(), before, `byte ${at}`)
      }
      for (const name of NAMES) if (store) assert.ok(store.get(key(name)), `byte ${at}: ${name}`)
      store?.close()
    }
  })

  test('is refused when a byte of an object is flipped, be it one that JSON takes', () => {
    const at = readFileSync(path).indexOf('object-7 object-7')
    const bytes = readFileSync(path)
    bytes[at] = 'O'.charCodeAt(0)
    writeFileSync(path, bytes)
    refused(/core\/configmaps\/n\/object-7\) is damaged: its checksum is wrong; nothing was changed/)
  })

  test('is refused when it is cut', () => {
    for (const size of [100, 4096, statSync(path).size - 4096]) {
      const whole = readFileSync(path)
      truncateSync(path, size)
      refused(/; nothing was changed: move the file away/)
      writeFileSync(path, whole)
    }
    truncateSync(path, 0)
    refused(/the newest writes are missing/)
  })

  test('is refused when a newer version wrote it', () => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 9')
    db.close()
    refused(
      /a newer version of Lateen wrote it \(schema 9, this one knows 1\); nothing was changed: start that version/,
    )
  })

  test('starts empty when it was moved away', () => {
    renameSync(path, join(directory, 'old.db'))
    const store = createSqliteStore({ path })
    assert.equal(store.revision(), 0)
    store.close()
  })
})

test('a database of another program is refused', () => {
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE bookmarks (url TEXT)')
  db.close()
  refused(/it is not a database of Lateen but of another program/)
})

test('a directory in the place of the mark is refused', () => {
  mkdirSync(`${path}-revision`)
  assert.throws(() => createSqliteStore({ path }), {
    name: 'StoreError',
    message: /cannot open the store .*store\.db: EISDIR.*store\.db-revision/,
  })
  rmdirSync(`${path}-revision`)
  createSqliteStore({ path }).close()
})

test('a directory in the place of the file is refused', () => {
  assert.throws(() => createSqliteStore({ path: directory }), /cannot open the store .*; check that/)
})

test('a store from before schema 1 is brought up to it, with its objects and revisions', async () => {
  const db = new DatabaseSync(path)
  db.exec(`
    CREATE TABLE history (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
    CREATE INDEX history_by_key ON history (key, revision);
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO history VALUES (7, 'core/configmaps/n/old', 0, '{"metadata":{"name":"old"}}');
    INSERT INTO meta VALUES ('revision', 9), ('compacted', 5)`)
  db.close()
  const store = createSqliteStore({ path })
  assert.equal(store.revision(), 9)
  assert.ok(store.get(key('old')))
  await write(store, 'new')
  assert.equal(store.get(key('new'))?.revision, 10)
  const listed = store.list({ collection: 'core/configmaps', atRevision: 9 })
  assert.equal(listed.kind === 'listed' && listed.objects.length, 1)
  store.close()
  const again = createSqliteStore({ path })
  assert.equal(again.count('core/configmaps'), 2)
  again.close()
  assert.ok(existsSync(`${path}-revision`))
})
