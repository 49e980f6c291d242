import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { KubeObject } from '../../kube/index.ts'
import { createSqliteStore, type Store, StoreError, type StoreEvent, type StoreKey } from './index.ts'

const key = (name: string, namespace = 'default', collection = 'core/pods'): StoreKey => ({
  collection,
  namespace,
  name,
})
const pod = (name: string, value = 0): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { value },
})
const put = (store: Store, name: string, value = 0, expect?: number) =>
  store.write({ kind: 'put', key: key(name), object: pod(name, value), expect })

const implementations: readonly {
  name: string
  open: () => { store: Store; reopen?: () => Store; end: () => void }
}[] = [
  {
    name: 'in memory',
    open: () => {
      const store = createSqliteStore({ path: ':memory:' })
      return { store, end: () => store.close() }
    },
  },
  {
    name: 'in a file',
    open: () => {
      const directory = mkdtempSync(join(tmpdir(), 'lateen-store-'))
      let store = createSqliteStore({ path: join(directory, 'store.db') })
      const first = store
      return {
        store: first,
        reopen: () => {
          store.close()
          store = createSqliteStore({ path: join(directory, 'store.db') })
          return store
        },
        end: () => {
          store.close()
          rmSync(directory, { recursive: true })
        },
      }
    },
  },
]

for (const implementation of implementations) {
  describe(`a store ${implementation.name}`, () => {
    const withStore = (run: (store: Store, reopen?: () => Store) => Promise<void>) => async () => {
      const { store, reopen, end } = implementation.open()
      try {
        await run(store, reopen)
      } finally {
        end()
      }
    }

    test(
      'gives each write the next revision and says it in the object',
      withStore(async (store) => {
        const a = await put(store, 'a')
        const b = await put(store, 'b')
        assert.equal(a.kind === 'written' && a.revision, 1)
        assert.equal(b.kind === 'written' && b.object.metadata.resourceVersion, '2')
        assert.equal(store.revision(), 2)
      }),
    )

    test(
      'refuses a write whose expected revision is not the current one',
      withStore(async (store) => {
        await put(store, 'a', 0, 0)
        const second = await put(store, 'a', 1, 0)
        assert.equal(second.kind, 'conflict')
        const [first, other] = await Promise.all([put(store, 'a', 2, 1), put(store, 'a', 3, 1)])
        assert.equal(first?.kind, 'written')
        assert.equal(other?.kind, 'conflict')
        assert.deepEqual(store.get(key('a'))?.object.spec, { value: 2 })
      }),
    )

    test(
      'shows a write to nobody before it is durable',
      withStore(async (store) => {
        const writing = put(store, 'a')
        assert.equal(store.get(key('a')), undefined)
        await writing
        assert.ok(store.get(key('a')))
      }),
    )

    test(
      'lists by namespace and name, now and as it was',
      withStore(async (store) => {
        for (const name of ['c', 'a', 'b']) await put(store, name)
        await store.write({ kind: 'put', key: key('z', 'alpha'), object: pod('z'), expect: 0 })
        await store.write({ kind: 'put', key: key('x', '', 'core/nodes'), object: pod('x'), expect: 0 })
        await store.write({ kind: 'delete', key: key('a'), expect: undefined })
        await put(store, 'b', 9)
        const names = (options: { namespace?: string; atRevision?: number }) => {
          const listed = store.list({ collection: 'core/pods', ...options })
          assert.equal(listed.kind, 'listed')
          return listed.objects.map(({ object }) => object.metadata.name)
        }
        assert.deepEqual(names({}), ['z', 'b', 'c'])
        assert.deepEqual(names({ namespace: 'default' }), ['b', 'c'])
        assert.deepEqual(names({ atRevision: 3 }), ['a', 'b', 'c'])
        assert.equal(store.list({ collection: 'core/pods', atRevision: 99 }).kind, 'future')
      }),
    )

    test(
      'delivers every event after a revision once and in order, whether missed or live',
      withStore(async (store) => {
        await put(store, 'a')
        await put(store, 'b')
        await put(store, 'a', 1)
        const seen: StoreEvent[] = []
        const subscribed = store.subscribe({
          collection: 'core/pods',
          namespace: 'default',
          fromRevision: 1,
          onEvents: (events) => seen.push(...events),
        })
        assert.equal(subscribed.kind, 'subscribed')
        await Promise.all([
          put(store, 'c'),
          store.write({ kind: 'delete', key: key('a'), expect: undefined }),
        ])
        if (subscribed.kind === 'subscribed') subscribed.stop()
        await put(store, 'd')
        assert.deepEqual(
          seen.map((event) => [event.revision, event.kind, event.key.name, event.previous?.spec]),
          [
            [2, 'created', 'b', undefined],
            [3, 'updated', 'a', { value: 0 }],
            [4, 'created', 'c', undefined],
            [5, 'deleted', 'a', { value: 1 }],
          ],
        )
        assert.equal(seen[3]?.object.metadata.resourceVersion, '5')
      }),
    )

    test(
      'answers "compacted" for what it has forgotten and still lists and resumes after it',
      withStore(async (store) => {
        for (let value = 0; value < 5; value += 1) await put(store, 'a', value)
        await store.write({ kind: 'delete', key: key('a'), expect: undefined })
        await put(store, 'b')
        store.compact(6)
        const onEvents = () => {}
        assert.equal(
          store.subscribe({ collection: 'core/pods', fromRevision: 5, onEvents }).kind,
          'compacted',
        )
        assert.equal(store.list({ collection: 'core/pods', atRevision: 5 }).kind, 'compacted')
        const listed = store.list({ collection: 'core/pods', atRevision: 6 })
        assert.deepEqual(listed.kind === 'listed' && listed.objects, [])
        assert.equal(
          store.subscribe({ collection: 'core/pods', fromRevision: 6, onEvents }).kind,
          'subscribed',
        )
      }),
    )

    test(
      'has everything again after it is closed and opened',
      withStore(async (store, reopen) => {
        if (!reopen) return
        await put(store, 'a', 1)
        await put(store, 'b', 2)
        await store.write({ kind: 'delete', key: key('b'), expect: 2 })
        store.compact(3)
        const again = reopen()
        assert.equal(again.revision(), 3)
        assert.deepEqual(again.get(key('a'))?.object.spec, { value: 1 })
        assert.equal(again.get(key('b')), undefined)
      }),
    )

    test(
      'after any sequence of writes, gives the list of any revision, and the events that lead from one to the next',
      withStore(async (store) => {
        const operation = fc.record({
          name: fc.constantFrom('a', 'b', 'c'),
          remove: fc.boolean(),
          value: fc.nat(),
        })
        await fc.assert(
          fc.asyncProperty(fc.array(operation, { maxLength: 20 }), fc.nat(20), async (operations, cut) => {
            const start = store.list({ collection: 'core/pods' })
            const states = new Map<number, readonly unknown[]>()
            assert.equal(start.kind, 'listed')
            const replica = new Map(start.objects.map(({ object }) => [object.metadata.name, object]))
            for (const [index, { name, remove, value }] of operations.entries()) {
              if (index === cut) store.compact(start.revision)
              await (remove
                ? store.write({ kind: 'delete', key: key(name), expect: undefined })
                : put(store, name, value))
              const now = store.list({ collection: 'core/pods' })
              if (now.kind === 'listed') states.set(now.revision, now.objects)
            }
            for (const [atRevision, objects] of states) {
              const past = store.list({ collection: 'core/pods', namespace: 'default', atRevision })
              assert.deepEqual(past.kind === 'listed' ? past.objects : past.kind, objects)
            }
            const result = store.subscribe({
              collection: 'core/pods',
              fromRevision: start.revision,
              onEvents: (events) => {
                for (const event of events) {
                  if (event.kind === 'deleted') replica.delete(event.key.name)
                  else replica.set(event.key.name, event.object)
                }
              },
            })
            if (result.kind === 'subscribed') result.stop()
            const end = store.list({ collection: 'core/pods' })
            assert.equal(end.kind, 'listed')
            const sorted = [...replica.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
            assert.deepEqual(
              sorted,
              end.objects.map(({ object }) => object),
            )
          }),
          { numRuns: 25 },
        )
      }),
    )
  })
}

test('a bounded history compacts itself', async () => {
  const store = createSqliteStore({ path: ':memory:', historyMax: 20 })
  for (let value = 0; value < 50; value += 1) await put(store, 'a', value)
  assert.equal(
    store.subscribe({ collection: 'core/pods', fromRevision: 5, onEvents: () => {} }).kind,
    'compacted',
  )
  store.close()
})

test('a file that is no database, or that another process holds, is refused with the remedy', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-store-'))
  const bad = join(directory, 'bad.db')
  writeFileSync(bad, 'this is not a database, it is a text file of some length'.repeat(30))
  assert.throws(() => createSqliteStore({ path: bad }), /nothing was changed: move the file away/)
  const path = join(directory, 'store.db')
  const first = createSqliteStore({ path })
  assert.throws(() => createSqliteStore({ path }), StoreError)
  first.close()
  rmSync(directory, { recursive: true })
})
