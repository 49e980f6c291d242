import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '../../kube/index.ts'
import { createInformer, isExpired, isNotFound, KINDS, type WatchEvent } from '../../kube/client/index.ts'
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import { createSqliteStore } from '../store/index.ts'
import { configMap, startTestServer, type TestServer, widget, WIDGET_CRD, WIDGETS } from './testing.ts'

const DEADLINE_MS = 10_000

/** Collects events until there are as many as wanted. */
async function collect(
  its: TestServer,
  wanted: number,
  options: Readonly<Record<string, unknown>>,
  act: () => Promise<unknown> = () => Promise.resolve(),
): Promise<WatchEvent<KubeObject>[]> {
  const stop = AbortSignal.timeout(DEADLINE_MS)
  const events: WatchEvent<KubeObject>[] = []
  const watching = (async () => {
    for await (const event of its.client.watch<KubeObject>(KINDS.configMap, { ...options, signal: stop })) {
      events.push(event)
      if (events.length === wanted) return
    }
  })()
  await act()
  await watching
  return events
}

const summary = (events: readonly WatchEvent<KubeObject>[]) =>
  events.map((event) =>
    event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.metadata.name}`,
  )

async function withServer(run: (its: TestServer) => Promise<void>, historyMax?: number): Promise<void> {
  const store = createSqliteStore({
    path: ':memory:',
    ...(historyMax === undefined ? {} : { historyMax }),
  })
  const its = await startTestServer({ store })
  try {
    await run(its)
  } finally {
    await its.stop()
  }
}

test('a watch resumed at a revision delivers what was missed and then what happens', () =>
  withServer(async (its) => {
    const first = await its.client.create(KINDS.configMap, configMap('a'))
    const { resourceVersion } = (first as KubeObject).metadata
    await its.client.create(KINDS.configMap, configMap('b'))
    const events = await collect(its, 3, { resourceVersion }, async () => {
      await its.client.patch(KINDS.configMap, 'a', 'default', { data: { x: '1' } }, { type: 'merge' })
      await its.client.delete(KINDS.configMap, 'b', 'default')
    })
    assert.deepEqual(summary(events), ['ADDED b', 'MODIFIED a', 'DELETED b'])
  }))

test('an object that enters or leaves a selection is added or deleted for that watcher', () =>
  withServer(async (its) => {
    const { resourceVersion } = await its.client.list(KINDS.configMap)
    const events = await collect(its, 4, { resourceVersion, labelSelector: 'on=yes' }, async () => {
      await its.client.create(KINDS.configMap, configMap('a'))
      const label = (on: string | null, data = {}) =>
        its.client.patch(
          KINDS.configMap,
          'a',
          'default',
          { metadata: { labels: { on } }, data },
          { type: 'merge' },
        )
      await label('yes')
      await label('yes', { x: '1' })
      await label(null)
      await its.client.delete(KINDS.configMap, 'a', 'default')
      await its.client.create(KINDS.configMap, configMap('b', {}, { labels: { on: 'yes' } }))
    })
    assert.deepEqual(summary(events), ['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED b'])
  }))

test('a watch that asks for it begins with the current state and says where that ends', () =>
  withServer(async (its) => {
    await its.client.create(KINDS.configMap, configMap('a'))
    const events = await collect(its, 2, {
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
    })
    assert.deepEqual(summary(events), ['ADDED a', 'BOOKMARK'])
  }))

test('a watch from a revision that is forgotten is answered with 410 Expired', () =>
  withServer(async (its) => {
    for (let value = 0; value < 40; value += 1) {
      const object = configMap(`many-${value}`)
      await its.client.create(KINDS.configMap, object)
    }
    await assert.rejects(collect(its, 1, { resourceVersion: '1' }), isExpired)
  }, 20))

test('a watch ends after the seconds that it asked for', () =>
  withServer(async (its) => {
    const events: unknown[] = []
    const options = {
      resourceVersion: String(its.store.revision()),
      timeoutSeconds: 1,
      signal: AbortSignal.timeout(DEADLINE_MS),
    }
    for await (const event of its.client.watch(KINDS.configMap, options)) events.push(event)
    assert.deepEqual(events, [])
  }))

async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!holds()) {
    assert.ok(Date.now() < deadline, `${what}: not within ${DEADLINE_MS} ms`)
    await systemClock.sleep(5)
  }
}

test('an informer of a kind whose definition is missing is synced and empty, and fills when it appears', () =>
  withServer(async (its) => {
    const seen: string[] = []
    const informer = createInformer<KubeObject>({
      client: its.client,
      kind: WIDGETS,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      onChange: (changes) =>
        seen.push(
          ...changes.map(({ key, before, after }) => `${before ? 'was ' : ''}${after ? 'is ' : ''}${key}`),
        ),
    })
    await informer.synced
    assert.deepEqual(informer.list(), [])
    await its.client.create(KINDS.customResourceDefinition, WIDGET_CRD)
    await its.client.create(WIDGETS, widget('a', 1))
    await eventually(() => informer.get('a', 'default') !== undefined, 'the informer has the widget')
    await its.client.delete(WIDGETS, 'a', 'default')
    await eventually(() => informer.get('a', 'default') === undefined, 'the informer lost the widget')
    informer.stop()
    assert.deepEqual(seen, ['is default/a', 'was default/a'])
  }))

test('an informer reads another version where the first is not served', () =>
  withServer(async (its) => {
    const older = { ...WIDGETS, version: 'v1beta1' }
    const versions = WIDGET_CRD.spec.versions.map((version) => ({
      ...version,
      served: version.name === older.version,
    }))
    const informer = createInformer<KubeObject>({
      client: its.client,
      kind: WIDGETS,
      otherVersions: ['v1alpha1', older.version],
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      onChange: () => {},
    })
    await informer.synced
    assert.deepEqual(informer.list(), [])
    await its.client.create(KINDS.customResourceDefinition, {
      ...WIDGET_CRD,
      spec: { ...WIDGET_CRD.spec, versions },
    })
    await its.client.create(older, { ...widget('a', 1), apiVersion: 'example.com/v1beta1' })
    await eventually(() => informer.get('a', 'default') !== undefined, 'the informer has the widget')
    assert.equal(informer.get('a', 'default')?.apiVersion, 'example.com/v1beta1')
    informer.stop()
  }))

test('an informer that falls behind the history lists again and misses nothing', () =>
  withServer(async (its) => {
    const informer = createInformer<KubeObject>({
      client: its.client,
      kind: KINDS.configMap,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      onChange: () => {},
    })
    await informer.synced
    for (let value = 0; value < 60; value += 1)
      await its.client.create(KINDS.configMap, configMap(`c-${value}`))
    for (let value = 0; value < 30; value += 1)
      await its.client.delete(KINDS.configMap, `c-${value}`, 'default')
    await eventually(() => informer.list().length === 30, 'the informer has the thirty that are left')
    informer.stop()
  }, 20))

test('a list of a kind that is not served is not found', () =>
  withServer(async (its) => {
    await assert.rejects(its.client.list(WIDGETS), isNotFound)
  }))
