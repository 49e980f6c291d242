import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { createCollections } from './collections.ts'
import { createCommits } from './commits.ts'
import { createHistory } from './history.ts'
import { createSqliteStore, type StoreWrite } from './index.ts'

const key = (name: string) => ({ collection: 'core/pods', namespace: 'default', name })
const put = (name: string, expect?: number): StoreWrite => ({
  kind: 'put',
  key: key(name),
  object: { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' } },
  expect,
})

/** Commits over a disk that answers when the test says so. */
function withSlowDisk() {
  const syncs: ((error: Error | null) => void)[] = []
  const current = createCollections()
  const published: (readonly number[])[] = []
  const commits = createCommits({
    history: createHistory(new DatabaseSync(':memory:')),
    current,
    log: { start: (done) => syncs.push(done), now: () => {}, close: () => {} },
    onDurable: () => {},
    onCommitted: (events) => published.push(events.map(({ revision }) => revision)),
  })
  const answers: string[] = []
  const write = (what: StoreWrite) =>
    void commits.write(what).then(
      (result) => answers.push(`${what.key.name} ${result.kind}`),
      (error: Error) => answers.push(`${what.key.name} ${error.name}: ${error.message}`),
    )
  return { commits, current, syncs, published, answers, write }
}

test('a write is seen, told to watchers and acknowledged when it is on the disk, not before', async () => {
  const { commits, current, syncs, published, answers, write } = withSlowDisk()
  write(put('a'))
  await nextTurn()
  await nextTurn()
  assert.equal(syncs.length, 1)
  assert.deepEqual([current.get(key('a')), commits.revision(), published, answers], [undefined, 0, [], []])
  syncs[0]?.(null)
  await nextTurn()
  assert.ok(current.get(key('a')))
  assert.deepEqual([commits.revision(), published, answers], [1, [[1]], ['a written']])
})

test('writes that arrive while the disk is busy share the next commit', async () => {
  const { syncs, published, write } = withSlowDisk()
  write(put('a'))
  await nextTurn()
  await nextTurn()
  for (const name of ['b', 'c', 'd']) write(put(name))
  await nextTurn()
  assert.equal(syncs.length, 1)
  syncs[0]?.(null)
  syncs[1]?.(null)
  assert.equal(syncs.length, 2)
  assert.deepEqual(published, [[1], [2, 3, 4]])
})

test('a write that lost against one on its way is told so when that one is durable', async () => {
  const { syncs, answers, write } = withSlowDisk()
  write(put('a'))
  await nextTurn()
  await nextTurn()
  write(put('a', 0))
  write(put('a', 1))
  await nextTurn()
  assert.deepEqual(answers, [])
  syncs[0]?.(null)
  await nextTurn()
  assert.deepEqual(answers, ['a written', 'a conflict'])
  syncs[1]?.(null)
  await nextTurn()
  assert.deepEqual(answers, ['a written', 'a conflict', 'a written'])
})

test('when the disk fails, what is on its way and all that follows is refused, and nobody sees it', async () => {
  const { commits, current, syncs, published, answers, write } = withSlowDisk()
  write(put('a'))
  await nextTurn()
  await nextTurn()
  write(put('b'))
  syncs[0]?.(new Error('input/output error'))
  write(put('c'))
  await nextTurn()
  commits.finish()
  const told =
    'StoreError: whether the write is on the disk is not known: input/output error; nothing more is written until ' +
    'the API server is started again: check the disk first'
  assert.deepEqual(
    answers.toSorted(),
    ['a', 'b', 'c'].map((name) => `${name} ${told}`),
  )
  assert.deepEqual(
    [current.get(key('a')), commits.revision(), published, syncs.length],
    [undefined, 0, [], 1],
  )
})

test('the end brings what is on its way and what waits to the disk', async () => {
  const { commits, syncs, published, answers, write } = withSlowDisk()
  write(put('a'))
  await nextTurn()
  await nextTurn()
  write(put('b'))
  commits.finish()
  syncs[0]?.(null)
  await nextTurn()
  assert.deepEqual(
    [answers, published],
    [
      ['a written', 'b written'],
      [[1], [2]],
    ],
  )
})

test('who subscribes while a commit is on its way to the disk gets it once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-commits-'))
  const store = createSqliteStore({ path: join(directory, 'store.db') })
  try {
    for (let round = 0; round < 30; round += 1) {
      const from = store.revision()
      const writes = [put(`x-${round}`), put(`y-${round}`)].map((write) => store.write(write))
      for (let turn = 0; turn < round % 3; turn += 1) await nextTurn()
      const seen: number[] = []
      const subscribed = store.subscribe({
        collection: 'core/pods',
        fromRevision: from,
        onEvents: (events) => seen.push(...events.map(({ revision }) => revision)),
      })
      await Promise.all(writes)
      assert.deepEqual(seen, [from + 1, from + 2])
      if (subscribed.kind === 'subscribed') subscribed.stop()
    }
  } finally {
    store.close()
    rmSync(directory, { recursive: true })
  }
})
