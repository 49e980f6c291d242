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
      { numRuns: 40 },
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
      { numRuns: 40 },
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
      { numRuns: 30 },
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
      { numRuns: 30 },
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
  const [gateway, backend, route] = parseObjects(
    readFileSync(new URL('article-weights.in.yaml', FOLDER), 'utf8'),
  ).filter((object) => object.metadata.name !== 'backend-v2')
  const routes = Array.from({ length: 100 }, (_, index) => {
    assert.ok(route)
    return { ...route, metadata: { ...route.metadata, name: `route-${index}` } }
  })

  it('of a route recomputes that route and nothing else, and a write of its own status nothing at all', () => {
    assert.ok(gateway && backend)
    const graph = createGraph()
    const sources = createSources(graph)
    const translation = createTranslation(graph, sources, DEFAULT_SETTINGS)
    graph.transact(() => {
      for (const object of [gateway, backend, ...routes]) setObject(sources, object)
    })
    let told = 0
    translation.model.routes.subscribe((changes) => (told += changes.length))
    translation.statuses.subscribe((changes) => (told += changes.length))
    const before = recomputed(graph, 'http route results')
    const [first] = routes
    assert.ok(first)
    setObject(sources, { ...first, status: { parents: [] } })
    assert.equal(recomputed(graph, 'http route results') - before, 1)
    assert.equal(told, 0)
  })
})

function recomputed(graph: ReturnType<typeof createGraph>, name: string): number {
  return graph.describe().find((entry) => entry.name === name)?.recomputed ?? 0
}
