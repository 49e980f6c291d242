import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkModelObject } from '../../model/index.ts'
import type { OrderKey } from '../../model/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { createGraph } from '../../base/index.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import { createSources, deleteObject, setObject } from './sources.ts'
import { createHarness, parseObjects, SECTIONS, snapshot } from './testing/harness.ts'
import { createTranslation } from './translation.ts'

const FOLDER = new URL('testdata/', import.meta.url)

/** Every object of every golden case; several share a name, which makes them edits of one another. */
const OBJECTS: readonly KubeObject[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.in.yaml'))
  .sort()
  .flatMap((file) => parseObjects(readFileSync(new URL(file, FOLDER), 'utf8')))

const anyObject = fc.constantFrom(...OBJECTS)
const identity = (object: KubeObject): string =>
  `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`

function translate(objects: readonly KubeObject[]): unknown {
  const harness = createHarness()
  harness.set(objects)
  return snapshot(harness.translation, SECTIONS)
}

describe('the translation', () => {
  it('does not depend on the order in which objects arrive', () => {
    const someObjects = fc.uniqueArray(anyObject, { selector: identity, maxLength: 40 })
    fc.assert(
      fc.property(
        someObjects.chain((objects) =>
          fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
        ),
        ([objects, shuffled]) => assert.deepEqual(translate(shuffled), translate(objects)),
      ),
      { numRuns: 200 },
    )
  })

  it('gives after any sequence of changes what it gives from scratch', () => {
    const change = fc.record({ object: anyObject, remove: fc.boolean(), alone: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const graph = createGraph()
        const sources = createSources(graph)
        const translation = createTranslation(graph, sources, DEFAULT_SETTINGS)
        const present = new Map<string, KubeObject>()
        let wave: (() => void)[] = []
        const flush = (): void => {
          const calls = wave
          wave = []
          graph.transact(() => calls.forEach((call) => call()))
        }
        for (const { object, remove, alone } of changes) {
          wave.push(() => (remove ? deleteObject(sources, object) : setObject(sources, object)))
          if (remove) present.delete(identity(object))
          else present.set(identity(object), object)
          if (alone) flush()
        }
        flush()
        assert.deepEqual(snapshot(translation, SECTIONS), translate([...present.values()]))
      }),
      { numRuns: 200 },
    )
  })

  it('makes only model objects that hold their invariants', () => {
    const someObjects = fc.uniqueArray(anyObject, { selector: identity, maxLength: 60 })
    fc.assert(
      fc.property(someObjects, (objects) => {
        const harness = createHarness()
        harness.set(objects)
        for (const collection of Object.values(harness.translation.model)) {
          for (const object of collection.list()) {
            const checked = checkModelObject(JSON.parse(JSON.stringify(object)))
            assert.ok(checked.ok, JSON.stringify(checked))
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('gives every match a place of its own: order keys are total', () => {
    const someObjects = fc.uniqueArray(anyObject, { selector: identity, maxLength: 80 })
    fc.assert(
      fc.property(someObjects, (objects) => {
        const harness = createHarness()
        harness.set(objects)
        const keys = harness.translation.model.routes
          .list()
          .flatMap((route) => route.matches.map((match) => match.order))
        for (const [index, a] of keys.entries()) {
          for (const b of keys.slice(index + 1)) {
            assert.notEqual(compareKeys(a, b), 0)
            assert.equal(Math.sign(compareKeys(a, b)), -Math.sign(compareKeys(b, a)))
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

/** Members at one place are of one type, so comparing them never depends on a conversion. */
function compareKeys(a: OrderKey, b: OrderKey): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index], b[index]]
    if (left === right) continue
    assert.equal(typeof left, typeof right, `${String(left)} beside ${String(right)}`)
    return (left ?? 0) < (right ?? 0) ? -1 : 1
  }
  return 0
}

describe('one change', () => {
  const find = (file: string): readonly KubeObject[] =>
    parseObjects(readFileSync(new URL(`${file}.in.yaml`, FOLDER), 'utf8'))
  const weights = find('article-weights')
  const route = weights.find((object) => object.kind === 'HTTPRoute')
  const routes = Array.from({ length: 100 }, (_, index) => {
    assert.ok(route)
    return { ...route, metadata: { ...route.metadata, name: `route-${index}` } }
  })

  /** Sets one object and says what was recomputed and what the world was told. */
  function effectOf(before: readonly KubeObject[], change: KubeObject) {
    const graph = createGraph()
    const sources = createSources(graph)
    const translation = createTranslation(graph, sources, DEFAULT_SETTINGS)
    graph.transact(() => {
      for (const object of before) setObject(sources, object)
    })
    const told: string[] = []
    for (const collection of [...Object.values(translation.model), translation.statuses]) {
      collection.subscribe((changes) => told.push(...changes.map(({ key }) => `${collection.name} ${key}`)))
    }
    const runs = (): ReadonlyMap<string, number> =>
      new Map(graph.describe().map(({ name, recomputed }) => [name, recomputed]))
    const earlier = runs()
    setObject(sources, change)
    const recomputed = [...runs()].reduce((sum, [name, count]) => sum + count - (earlier.get(name) ?? 0), 0)
    return { told, recomputed }
  }

  it('of a route is one route, whatever the number beside it', () => {
    const [first] = routes
    assert.ok(first)
    const edited = { ...first, spec: { ...(first.spec as object), hostnames: ['a.example'] } }
    const { told, recomputed } = effectOf([...weights, ...routes], edited)
    assert.deepEqual(told, ['routes HTTPRoute/demo/route-0/0'])
    assert.ok(recomputed <= 4, `${recomputed} transforms ran`)
  })

  it("of a route's own status is nothing", () => {
    const [first] = routes
    assert.ok(first)
    const { told, recomputed } = effectOf([...weights, ...routes], { ...first, status: { parents: [] } })
    assert.deepEqual(told, [])
    assert.ok(recomputed <= 4, `${recomputed} transforms ran`)
  })

  it('of a pod that becomes ready is one workload', () => {
    const workloads = find('workloads')
    const slice = workloads.find((object) => object.metadata.name === 'backend-abc')
    const ready = JSON.parse(JSON.stringify(slice).replace('"ready":false', '"ready":true')) as KubeObject
    const withoutManual = workloads.filter((object) => object.metadata.name !== 'backend-manual')
    const { told } = effectOf([...withoutManual, ...weights, ...routes], ready)
    assert.deepEqual(told, ['workloads Kubernetes//Pod/demo/backend-v1-579f8fdc8b-mjm79'])
  })
})
