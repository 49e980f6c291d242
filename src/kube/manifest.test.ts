import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifests } from './manifest.ts'

const TEXT = `# two objects
apiVersion: v1
kind: Service
metadata: { name: a }
spec:
  ports:
    - port: 80
      name: http
---
---
kind: List
apiVersion: v1
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      name: b
      labels: { a.b/c: x }
`

test('objects are found in documents and Lists, each with its place', () => {
  const { manifests, problems } = parseManifests(TEXT)
  assert.deepEqual(problems, [])
  assert.deepEqual(
    manifests.map(({ object, line, column }) => [object.kind, object.metadata.name, line, column]),
    [
      ['Service', 'a', 2, 1],
      ['ConfigMap', 'b', 14, 5],
    ],
  )
})

test('a field is found where it is written; one that is missing, at what is around it', () => {
  const [service, configMap] = parseManifests(TEXT).manifests
  assert.deepEqual(service?.locate('spec.ports[0].name'), { line: 8, column: 7 })
  assert.deepEqual(service?.locate('spec.ports[0].targetPort'), { line: 7, column: 7 })
  assert.deepEqual(service?.locate('status.x'), { line: 2, column: 1 })
  assert.deepEqual(configMap?.locate('metadata.labels[a.b/c]'), { line: 18, column: 17 })
})

test('what is no YAML, or no object, is told with its place; the others are read', () => {
  const { manifests, problems } = parseManifests(
    'a: [1\n---\nkind: X\n---\nb: 1\nb: 2\n---\napiVersion: v1\nkind: Namespace\nmetadata: { name: n }\n',
  )
  assert.deepEqual(
    manifests.map(({ object }) => object.metadata.name),
    ['n'],
  )
  assert.equal(problems.length, 3)
  assert.deepEqual(problems[1], {
    line: 3,
    column: 1,
    message: 'not a Kubernetes object: apiVersion, kind and metadata.name are required',
  })
  assert.match(problems[2]?.message ?? '', /unique/i)
})

test('a text that is JSON is read as well', () => {
  const { manifests } = parseManifests('{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}')
  assert.deepEqual(manifests[0]?.object, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } })
})

test('an alias that names nothing, or unfolds without end, is a problem and no more', () => {
  const bomb = [
    'a: &a [x, x]',
    ...'bcdefghij'.split('').map((name, i) => `${name}: &${name} [${`*${'abcdefghi'[i]}, `.repeat(9)}]`),
  ]
  for (const text of ['#\n*:\n', 'a: *b\n', `${bomb.join('\n')}\n`]) {
    const { manifests, problems } = parseManifests(text)
    assert.deepEqual(manifests, [])
    assert.equal(problems.length, 1, text)
  }
})
