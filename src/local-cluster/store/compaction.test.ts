import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createSqliteStore, type SqliteStoreOptions, type Store } from './index.ts'

const collection = 'core/configmaps'
const key = (name: string) => ({ collection, namespace: 'default', name })
const configMap = (name: string, text: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { text },
})
const put = (store: Store, name: string, text: string) =>
  store.write({
    kind: 'put',
    key: key(name),
    object: configMap(name, text),
    expect: undefined,
  })

let directory: string
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'lateen-compaction-'))
})
after(() => rmSync(directory, { recursive: true }))

/** The oldest revision that a watch may resume from. */
function oldestOf(store: Store): number {
  const answer = store.subscribe({ collection, fromRevision: 0, onEvents: () => {} })
  if (answer.kind === 'subscribed') answer.stop()
  return answer.kind === 'compacted' ? answer.oldest : 0
}

async function withStore(options: SqliteStoreOptions, run: (store: Store) => Promise<void>): Promise<void> {
  const store = createSqliteStore(options)
  try {
    await run(store)
  } finally {
    store.close()
  }
}

describe('the history of a store', () => {
  test('keeps the newest revisions up to its bound, and no more', () =>
    withStore({ path: ':memory:', historyMax: 100 }, async (store) => {
      for (let count = 1; count <= 400; count += 1) {
        await put(store, `name-${count % 7}`, String(count))
        const kept = store.revision() - oldestOf(store)
        assert.ok(kept <= 100 && (count < 100 || kept >= 70), `${kept} revisions after ${count} writes`)
      }
    }))

  test('keeps fewer of them when they are large', () =>
    withStore({ path: ':memory:', historyBytesMax: 1_000_000 }, async (store) => {
      for (let count = 0; count < 60; count += 1) await put(store, 'large', 'x'.repeat(100_000))
      const kept = store.revision() - oldestOf(store)
      assert.ok(kept >= 5 && kept <= 10, `${kept} revisions of 100 kB`)
    }))

  test('is within its bounds soon after it was opened with a longer one', async () => {
    const path = join(directory, 'longer.db')
    await withStore({ path }, async (store) => {
      await Promise.all(
        Array.from({ length: 3000 }, (_, count) => put(store, `name-${count % 50}`, String(count))),
      )
    })
    await withStore({ path, historyMax: 100 }, async (store) => {
      for (let count = 0; count < 40; count += 1) await put(store, 'more', String(count))
      assert.ok(store.revision() - oldestOf(store) <= 100)
      assert.equal(store.count(collection), 51)
    })
  })
})

test('the log and the file do not stay large after many objects were deleted', async () => {
  const path = join(directory, 'deleted.db')
  const sizeOf = (file: string) => statSync(file).size / 1024 / 1024
  const names = Array.from({ length: 600 }, (_, count) => `name-${count}`)
  await withStore({ path }, async (store) => {
    await Promise.all(names.map((name) => put(store, name, 'x'.repeat(50_000))))
    await Promise.all(names.map((name) => store.write({ kind: 'delete', key: key(name), expect: undefined })))
    await put(store, 'last', 'kept')
    await put(store, 'last', 'kept')
    assert.ok(sizeOf(`${path}-wal`) <= 8, `a log of ${sizeOf(`${path}-wal`)} MB`)
    store.compact(store.revision())
  })
  assert.ok(sizeOf(path) > 20, `a file of ${sizeOf(path)} MB`)
  await withStore({ path }, async (store) => {
    assert.equal(store.count(collection), 1)
    assert.equal(store.revision(), 1202)
  })
  assert.ok(sizeOf(path) < 1, `a file of ${sizeOf(path)} MB`)
})
