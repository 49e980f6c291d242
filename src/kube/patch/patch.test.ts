import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' }
const SERVICE = { group: '', version: 'v1', kind: 'Service' }
const POD = { group: '', version: 'v1', kind: 'Pod' }

const parse = (text: string) => JSON.parse(text) as unknown

test('the operations of RFC 6902 are applied to a copy', () => {
  const doc = { a: [1, 2], b: { 'x/y': 1, 'm~n': 2 } }
  const patch = [
    { op: 'test', path: '/a/0', value: 1 },
    { op: 'add', path: '/a/1', value: 9 },
    { op: 'add', path: '/a/-', value: 3 },
    { op: 'remove', path: '/b/x~1y' },
    { op: 'replace', path: '/b/m~0n', value: null },
    { op: 'copy', from: '/a', path: '/c' },
    { op: 'move', from: '/b', path: '/d' },
  ]
  assert.deepEqual(applyJsonPatch(doc, patch), {
    ok: true,
    value: { a: [1, 9, 2, 3], c: [1, 9, 2, 3], d: { 'm~n': null } },
  })
  assert.deepEqual(doc, { a: [1, 2], b: { 'x/y': 1, 'm~n': 2 } })
})

test('a JSON patch that does not apply says why', () => {
  const errorOf = (patch: unknown) => {
    const result = applyJsonPatch({ a: [1] }, patch)
    return result.ok ? '' : result.error
  }
  assert.match(errorOf([{ op: 'test', path: '/a/0', value: 2 }]), /testing value \/a\/0 failed: test failed/)
  assert.match(errorOf([{ op: 'replace', path: '/b', value: 1 }]), /doc is missing key: \/b: missing value/)
  assert.match(errorOf([{ op: 'remove', path: '/a/5' }]), /remove operation does not apply/)
  assert.match(errorOf([{ op: 'add', path: '/a/7', value: 1 }]), /invalid index/)
  assert.match(errorOf([{ op: 'add', path: '/x/y', value: 1 }]), /doc is missing path/)
  assert.match(errorOf([{ op: 'add', path: '/x' }]), /missing value/)
  assert.match(errorOf([{ op: 'jump', path: '/x' }]), /Unexpected kind: jump/)
  assert.match(errorOf({}), /list of operations/)
  assert.match(errorOf([{ op: 'move', from: '/a', path: '/a/b' }]), /inside/)
})

test('a merge patch merges objects, removes by null and replaces everything else', () => {
  const doc = { a: { b: 1, c: 2 }, l: [1, 2] }
  const patch = { a: { b: null, d: { e: null, f: 1 } }, l: [3], n: null }
  assert.deepEqual(applyMergePatch(doc, patch), { ok: true, value: { a: { c: 2, d: { f: 1 } }, l: [3] } })
})

test('a merge patch twice is a merge patch once', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (doc, patch) => {
      const once = applyMergePatch(doc, patch)
      assert.ok(once.ok)
      assert.deepEqual(applyMergePatch(once.value, patch), once)
    }),
    { numRuns: 200 },
  )
})

test('replacing the whole document by JSON patch gives exactly that document', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (doc, value) => {
      assert.deepEqual(applyJsonPatch(doc, [{ op: 'replace', path: '', value }]), { ok: true, value })
    }),
    { numRuns: 100 },
  )
})

test('__proto__ in a patch is a field like any other', () => {
  const merged = applyMergePatch({}, parse('{"__proto__":{"polluted":1}}'))
  const patched = applyJsonPatch({}, parse('[{"op":"add","path":"/__proto__","value":{"polluted":1}}]'))
  const strategic = applyStrategicMergePatch({}, parse('{"metadata":{"__proto__":{"polluted":1}}}'), POD)
  for (const result of [merged, patched, strategic]) assert.ok(result.ok)
  assert.ok(merged.ok && Object.hasOwn(merged.value as object, '__proto__'))
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('a patch nested without end is refused', () => {
  let deep: unknown = {}
  for (let level = 0; level < 5000; level++) deep = { a: deep }
  assert.equal(applyMergePatch({}, deep).ok, false)
  assert.equal(applyStrategicMergePatch({}, deep, POD).ok, false)
  assert.equal(applyJsonPatch({}, [{ op: 'add', path: '/a', value: deep }]).ok, false)
})

function strategic(doc: unknown, patch: unknown, gvk = DEPLOYMENT): unknown {
  const result = applyStrategicMergePatch(doc, patch, gvk)
  return result.ok ? result.value : result.error.message
}

const pod = (spec: object) => ({ spec: { template: { spec } } })

test('containers and their environment merge by name', () => {
  const doc = pod({
    containers: [
      { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }] },
      { name: 'b', image: 'b:1' },
    ],
  })
  const patch = pod({ containers: [{ name: 'a', image: 'a:2', env: [{ name: 'Y', value: '2' }] }] })
  assert.deepEqual(
    strategic(doc, patch),
    pod({
      containers: [
        {
          name: 'a',
          image: 'a:2',
          env: [
            { name: 'Y', value: '2' },
            { name: 'X', value: '1' },
          ],
        },
        { name: 'b', image: 'b:1' },
      ],
    }),
  )
})

test('$patch: delete removes an item, replace puts a list or map in place of the old', () => {
  const doc = pod({ containers: [{ name: 'a' }, { name: 'b' }] })
  assert.deepEqual(
    strategic(doc, pod({ containers: [{ name: 'a', $patch: 'delete' }] })),
    pod({ containers: [{ name: 'b' }] }),
  )
  const replaced = strategic(doc, pod({ containers: [{ $patch: 'replace' }, { name: 'c' }] }))
  assert.deepEqual(replaced, pod({ containers: [{ name: 'c' }] }))
  const labels = { metadata: { labels: { a: 'b' } } }
  assert.deepEqual(strategic(labels, { metadata: { labels: { $patch: 'replace', c: 'd' } } }), {
    metadata: { labels: { c: 'd' } },
  })
})

test('$setElementOrder orders the named items; items only the server has keep their place', () => {
  const doc = pod({ containers: [{ name: 'injected' }, { name: 'a' }, { name: 'b' }] })
  const patch = pod({
    '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
    containers: [{ name: 'b', image: 'b:2' }],
  })
  assert.deepEqual(
    strategic(doc, patch),
    pod({ containers: [{ name: 'injected' }, { name: 'b', image: 'b:2' }, { name: 'a' }] }),
  )
})

test('$retainKeys drops the other keys, as a changed volume source needs', () => {
  const doc = pod({ volumes: [{ name: 'v', configMap: { name: 'c' } }] })
  const patch = pod({
    volumes: [{ name: 'v', $retainKeys: ['name', 'secret'], configMap: null, secret: { secretName: 's' } }],
  })
  assert.deepEqual(strategic(doc, patch), pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }))
  const strategy = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }
  const recreate = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }
  assert.deepEqual(strategic(strategy, recreate), { spec: { strategy: { type: 'Recreate' } } })
})

test('$deleteFromPrimitiveList removes scalars, finalizers merge as a set', () => {
  const doc = { metadata: { finalizers: ['a', 'b'] } }
  assert.deepEqual(strategic(doc, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }), {
    metadata: { finalizers: ['b'] },
  })
  assert.deepEqual(strategic(doc, { metadata: { finalizers: ['c', 'a'] } }), {
    metadata: { finalizers: ['c', 'a', 'b'] },
  })
})

test('Service ports merge by port number, lists without a key are replaced', () => {
  const doc = { spec: { ports: [{ port: 80, name: 'http' }], externalIPs: ['1.1.1.1'] } }
  const patch = {
    spec: {
      ports: [
        { port: 443, name: 'https' },
        { port: 80, targetPort: 8080 },
      ],
      externalIPs: ['2.2.2.2'],
    },
  }
  assert.deepEqual(strategic(doc, patch, SERVICE), {
    spec: {
      ports: [
        { port: 443, name: 'https' },
        { port: 80, name: 'http', targetPort: 8080 },
      ],
      externalIPs: ['2.2.2.2'],
    },
  })
})

test('custom resources and contradictory patches are refused', () => {
  const custom = { group: 'example.org', version: 'v1', kind: 'Thing' }
  assert.match(String(strategic({}, {}, custom)), /not supported for Thing/)
  assert.match(
    String(strategic(pod({ containers: [{ name: 'a' }] }), pod({ containers: [{ image: 'x' }] }))),
    /merge key: name/,
  )
  assert.match(
    String(strategic({ spec: {} }, { spec: { $patch: 'explode' } })),
    /unknown patch type: explode in map: map\[\$patch:explode\]/,
  )
})

test('a JSON patch whose copies double the document is refused before it fills the memory', () => {
  const copies = Array.from({ length: 40 }, (_, index) => ({
    op: 'copy',
    from: '/data',
    path: `/data/b${index}`,
  }))
  const result = applyJsonPatch({ data: { a: 'x' } }, copies)
  assert.match(
    result.ok ? '' : result.error,
    /^(?:Unable to complete the copy|the patched document is nested)/,
  )
  const wide = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/b${index}` }))
  assert.ok(!applyJsonPatch({ data: { a: 'x'.repeat(1000) } }, wide).ok)
  const flat = Array.from({ length: 9000 }, () => ({ op: 'copy', from: '/a', path: '/list/-' }))
  const grown = applyJsonPatch({ a: 'x'.repeat(1000), list: [] }, flat)
  assert.match(grown.ok ? '' : grown.error, /Unable to complete the copy/)
})
