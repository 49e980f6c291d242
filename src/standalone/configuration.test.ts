import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfiguration } from './configuration.ts'
import { formatProblem } from './problem.ts'

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec:
  rules:
    - matches:
        - path: { type: PathPrefix, value: api }
      backendRef: [{ name: a, port: 80 }]
`

function problemsOf(...texts: readonly string[]): readonly string[] {
  const files = texts.map((text, i) => ({ path: `f${i}.yaml`, text, isFound: false }))
  return readConfiguration(files).problems.map(formatProblem)
}

test('what is wrong is told by file, line and column, in the API server’s words', () => {
  assert.deepEqual(problemsOf(ROUTE), [
    'f0.yaml:8:7: unknown field "spec.rules[0].backendRef"',
    `f0.yaml:7:11: spec.rules[0].matches[0].path: Invalid value: value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']`,
  ])
})

test('a kind of a version that there is not, and text that is no YAML, are told', () => {
  const wrongVersion = 'apiVersion: networking.istio.io/v9\nkind: VirtualService\nmetadata: { name: a }\n'
  assert.deepEqual(problemsOf(wrongVersion, 'a: b: c\n'), [
    'f0.yaml:1:1: there is no VirtualService in networking.istio.io/v9',
    'f1.yaml:1:4: Nested mappings are not allowed in compact mappings at line 1, column 4:',
  ])
})

test('the same object twice is told with the other place', () => {
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80 }] }\n'
  assert.deepEqual(problemsOf(service, `---\n${service}`), [
    'f1.yaml:2:1: Service default/a is already in f0.yaml:1',
  ])
})

test('objects get their namespace and defaults; kinds that are nothing to a proxy are left out', () => {
  const { objects, problems, ignored } = readConfiguration([
    {
      path: 'a.yaml',
      isFound: false,
      text: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web }
spec: { gatewayClassName: istio, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: job }
`,
    },
  ])
  assert.deepEqual(problems, [])
  assert.equal(objects[0]?.object.metadata.namespace, 'default')
  const gateway = objects[0]?.object as unknown as { spec: { listeners: { allowedRoutes: unknown }[] } }
  assert.deepEqual(gateway.spec.listeners[0]?.allowedRoutes, { namespaces: { from: 'Same' } })
  assert.deepEqual(
    ignored.map(({ object, line }) => [object.kind, line]),
    [['Job', 6]],
  )
})

test('in a folder, settings of other programs are left alone; a file that was named has to hold objects', () => {
  const text =
    'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\nsome: { other: thing }\n'
  assert.deepEqual(readConfiguration([{ path: 'k.yaml', text, isFound: true }]).problems, [])
  assert.equal(readConfiguration([{ path: 'k.yaml', text, isFound: false }]).problems.length, 2)
  const half = [{ path: 'k.yaml', text: 'kind: Gateway\n', isFound: true }]
  assert.equal(readConfiguration(half).problems.length, 1)
})
