import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Change, type Collection, type Graph, type Source, createGraph, deepEqual } from './index.ts'

interface Item {
  readonly group: string
  readonly value: number
  readonly ref?: string
}
interface Out {
  readonly key: string
  readonly text: string
}

const itemKey = (item: Item): readonly string[] => [item.group]

/** A graph with every kind of node: derivations that read by key, by index and whole, a merge, a chain. */
function buildGraph(graph: Graph): {
  readonly left: Source<Item>
  readonly right: Source<Item>
  readonly outputs: readonly Collection<unknown>[]
} {
  const left = graph.source<Item>('left')
  const right = graph.source<Item>('right')
  const byGroup = graph.index(right, 'right by group', itemKey)
  const pairs = graph.derive<Item, Out>({
    name: 'pairs',
    input: left,
    transform: (item, read, key) => {
      const partner = item.ref === undefined ? undefined : read.get(right, item.ref)
      return [
        { key: `${key}/own`, text: String(item.value) },
        ...(partner === undefined ? [] : [{ key: `${key}/partner`, text: `${partner.value}` }]),
      ]
    },
  })
  const groups = graph.derive<Item, Out>({
    name: 'groups',
    input: left,
    transform: (item, read, key) => [
      {
        key: `${key}/sum`,
        text: `${read.count(byGroup, item.group)}: ${read.lookup(byGroup, item.group).reduce((sum, other) => sum + other.value, 0)}`,
      },
    ],
  })
  const totals = graph.derive<Item, Out>({
    name: 'totals',
    input: right,
    transform: (item, read, key) =>
      item.value % 2 === 0 ? [{ key: `${key}/total`, text: String(read.list(left).length) }] : [],
  })
  const merged = graph.merge('merged', [pairs, groups, totals])
  const lengths = graph.derive<Out, Out>({
    name: 'lengths',
    input: merged,
    transform: (out, read, key) => [
      { key, text: `${out.text.length} ${read.get(merged, `${key.split('/')[0]}/own`)?.text}` },
    ],
  })
  return { left, right, outputs: [pairs, groups, totals, merged, lengths] }
}

interface Event {
  readonly side: 'left' | 'right'
  readonly key: string
  readonly item: Item | undefined
}

const keyArbitrary = fc.constantFrom('a', 'b', 'c', 'd')
const itemArbitrary: fc.Arbitrary<Item> = fc.record(
  { group: fc.constantFrom('x', 'y'), value: fc.integer({ min: 0, max: 3 }), ref: keyArbitrary },
  { requiredKeys: ['group', 'value'] },
)
const eventArbitrary: fc.Arbitrary<Event> = fc.record({
  side: fc.constantFrom('left' as const, 'right' as const),
  key: keyArbitrary,
  item: fc.option(itemArbitrary, { nil: undefined }),
})

function applyEvent(
  sides: { readonly left: Source<Item>; readonly right: Source<Item> },
  event: Event,
): void {
  if (event.item === undefined) sides[event.side].delete(event.key)
  else sides[event.side].set(event.key, event.item)
}

function accumulate(collection: Collection<unknown>): Map<string, unknown> {
  const told = new Map<string, unknown>()
  collection.subscribe((changes) => {
    for (const { key, before, after } of changes) {
      assert.deepEqual(told.get(key), before)
      assert.ok(!deepEqual(before, after), 'equal values are no change')
      if (after === undefined) told.delete(key)
      else told.set(key, after)
    }
  })
  return told
}

test('after any waves the contents equal a computation from scratch, and the changes told add up to them', () => {
  fc.assert(
    fc.property(fc.array(fc.array(eventArbitrary, { maxLength: 4 }), { maxLength: 15 }), (waves) => {
      const graph = createGraph()
      const built = buildGraph(graph)
      const told = built.outputs.map(accumulate)
      const finalState = new Map<string, Event>()
      for (const wave of waves) {
        graph.transact(() => {
          for (const event of wave) applyEvent(built, event)
        })
        for (const event of wave) finalState.set(`${event.side}/${event.key}`, event)
      }
      const fresh = createGraph()
      const scratch = buildGraph(fresh)
      fresh.transact(() => {
        for (const event of finalState.values()) applyEvent(scratch, event)
      })
      built.outputs.forEach((output, i) => {
        assert.deepEqual(output.list(), scratch.outputs[i]?.list())
        assert.deepEqual(
          [...(told[i] ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value),
          output.list(),
        )
      })
    }),
    { numRuns: 300 },
  )
})

test('a graph built over filled sources equals one that was filled after it was built', () => {
  const graph = createGraph()
  const source = graph.source<Item>('source')
  source.set('a', { group: 'x', value: 1 })
  const derived = graph.derive<Item, Out>({
    name: 'derived',
    input: source,
    transform: (item, _read, key) => [{ key, text: String(item.value) }],
  })
  assert.deepEqual(derived.list(), [{ key: 'a', text: '1' }])
})

test('one change among 5,000 recomputes its dependents alone', () => {
  const graph = createGraph()
  const routes = graph.source<{ readonly service: string }>('routes')
  const services = graph.source<{ readonly port: number }>('services')
  const resolved = graph.derive<{ readonly service: string }, Out>({
    name: 'resolved',
    input: routes,
    transform: (route, read, key) => [{ key, text: String(read.get(services, route.service)?.port) }],
  })
  graph.transact(() => {
    for (let i = 0; i < 5000; i++) routes.set(`r${i}`, { service: `s${i % 1000}` })
  })
  const recomputed = (): number | undefined =>
    graph.describe().find((node) => node.name === 'resolved')?.recomputed
  assert.equal(recomputed(), 5000)
  services.set('s7', { port: 80 }) // five routes read this key while it was missing
  assert.equal(recomputed(), 5005)
  routes.set('r1', { service: 's7' })
  assert.equal(recomputed(), 5006)
  assert.equal(resolved.get('r1')?.text, '80')
  services.set('s1', { port: 1 }) // r1 has let go of it: four are left
  assert.equal(recomputed(), 5010)
})

test('an equal result stops the wave', () => {
  const graph = createGraph()
  const source = graph.source<Item>('source')
  const parity = graph.derive<Item, Out>({
    name: 'parity',
    input: source,
    transform: (item, _read, key) => [{ key, text: String(item.value % 2) }],
  })
  let downstreamRuns = 0
  graph.derive<Out, Out>({
    name: 'downstream',
    input: parity,
    transform: (out) => {
      downstreamRuns++
      return [out]
    },
  })
  source.set('a', { group: 'x', value: 1 })
  source.set('a', { group: 'x', value: 3 })
  assert.equal(downstreamRuns, 1)
  source.set('a', { group: 'x', value: 3 }) // equal input: not even parity runs
  assert.equal(graph.describe()[1]?.recomputed, 2)
})

test('no consumer sees half a wave', () => {
  const graph = createGraph()
  const source = graph.source<Item>('source')
  const doubled = graph.derive<Item, Out & { readonly n: number }>({
    name: 'doubled',
    input: source,
    transform: (item, _read, key) => [{ key, text: '', n: item.value * 2 }],
  })
  const both = graph.derive<Item, Out>({
    name: 'both',
    input: source,
    transform: (item, read, key) => [{ key, text: `${item.value} ${read.get(doubled, key)?.n}` }],
  })
  const seen: string[] = []
  source.subscribe(() => seen.push(both.get('a')?.text ?? 'none'))
  const told: (string | undefined)[] = []
  both.subscribe((changes) => told.push(...changes.map((change) => change.after?.text)))
  for (const value of [1, 2, 3]) source.set('a', { group: 'x', value })
  assert.deepEqual(seen, ['1 2', '2 4', '3 6'])
  assert.deepEqual(told, ['1 2', '2 4', '3 6'])
})

test('a transaction is one wave, invisible until it ends, and undone when it throws', () => {
  const graph = createGraph()
  const source = graph.source<number>('source')
  const waves: (readonly Change<number>[])[] = []
  source.subscribe((changes) => waves.push(changes))
  graph.transact(() => {
    source.set('a', 1)
    source.set('b', 2)
    source.set('a', 3)
    graph.transact(() => source.delete('b'))
    assert.equal(source.size(), 0)
  })
  assert.deepEqual(waves, [[{ key: 'a', after: 3 }]])
  assert.throws(
    () =>
      graph.transact(() => {
        source.set('a', 9)
        throw new Error('no')
      }),
    /^Error: no$/,
  )
  source.set('c', 1)
  assert.deepEqual(source.list(), [3, 1])
})

test('an output key may move from one input to another within a wave, whatever the order', () => {
  for (const order of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const graph = createGraph()
    const source = graph.source<{ readonly gives: string }>('source')
    const derived = graph.derive<{ readonly gives: string }, Out>({
      name: 'derived',
      input: source,
      transform: (object, _read, key) => [{ key: object.gives, text: key }],
    })
    source.set('a', { gives: 'k' })
    source.set('b', { gives: 'l' })
    graph.transact(() => {
      for (const key of order) source.set(key, { gives: key === 'a' ? 'l' : 'k' })
    })
    assert.deepEqual(derived.list(), [
      { key: 'k', text: 'b' },
      { key: 'l', text: 'a' },
    ])
  }
})

test('an output key of two inputs is a programmer error that names both, and stops the graph', () => {
  const graph = createGraph()
  const source = graph.source<Item>('things')
  graph.derive<Item, Out>({ name: 'clash', input: source, transform: () => [{ key: 'same', text: '' }] })
  source.set('one', { group: 'x', value: 1 })
  assert.throws(
    () => source.set('two', { group: 'x', value: 1 }),
    /collection clash: the output key same comes from things one and again from two/,
  )
  assert.throws(() => source.list(), /the graph stopped at an earlier error: collection clash/)
})

test('a transform may read only through its read parameter, and only what was created before it', () => {
  const setup = (): { graph: Graph; source: Source<number>; other: Source<number> } => {
    const graph = createGraph()
    return { graph, source: graph.source<number>('source'), other: graph.source<number>('other') }
  }
  const hidden = setup()
  hidden.graph.derive<number, Out>({
    name: 'hidden',
    input: hidden.source,
    transform: () => [{ key: 'a', text: String(hidden.other.size()) }],
  })
  assert.throws(() => hidden.source.set('a', 1), /must read other through its read parameter/)

  const writing = setup()
  writing.graph.derive<number, Out>({
    name: 'writing',
    input: writing.source,
    transform: () => {
      writing.other.set('x', 1)
      return []
    },
  })
  assert.throws(() => writing.source.set('a', 1), /a transform must not change a source/)

  const late = setup()
  const later: { collection?: Collection<number> } = {}
  late.graph.derive<number, Out>({
    name: 'early',
    input: late.source,
    transform: (_object, read) =>
      read.list(later.collection ?? late.other).map(() => ({ key: 'k', text: '' })),
  })
  later.collection = late.graph.source<number>('late')
  assert.throws(() => late.source.set('a', 1), /collection early reads late, which was created after it/)
})

test('a listener that changes a source starts another wave after all have heard of the first', () => {
  const graph = createGraph()
  const source = graph.source<number>('source')
  const heard: string[] = []
  source.subscribe((changes) => {
    if (source.get('a') === 1) source.set('a', 2)
    heard.push(`first ${changes[0]?.after}`)
  })
  const stop = source.subscribe((changes) => heard.push(`second ${changes[0]?.after}`))
  source.set('a', 1)
  stop()
  source.set('a', 5)
  assert.deepEqual(heard, ['first 1', 'second 1', 'first 2', 'second 2', 'first 5'])
})

test('a merge refuses a key that is in two inputs, and takes one that moves between them', () => {
  const graph = createGraph()
  const a = graph.source<number>('a')
  const b = graph.source<number>('b')
  const merged = graph.merge('merged', [a, b])
  a.set('k', 1)
  graph.transact(() => {
    a.delete('k')
    b.set('k', 2)
  })
  assert.deepEqual(merged.list(), [2])
  assert.throws(() => a.set('k', 3), /collection merged: the key k is in a and in b/)
})

test('describe names what each collection is made from', () => {
  const graph = createGraph()
  const built = buildGraph(graph)
  built.left.set('a', { group: 'x', value: 1, ref: 'b' })
  assert.deepEqual(
    graph.describe().map(({ name, inputs, size }) => ({ name, inputs, size })),
    [
      { name: 'left', inputs: [], size: 1 },
      { name: 'right', inputs: [], size: 0 },
      { name: 'pairs', inputs: ['left', 'right'], size: 1 },
      { name: 'groups', inputs: ['left', 'right'], size: 1 },
      { name: 'totals', inputs: ['right'], size: 0 },
      { name: 'merged', inputs: ['pairs', 'groups', 'totals'], size: 2 },
      { name: 'lengths', inputs: ['merged'], size: 2 },
    ],
  )
})
