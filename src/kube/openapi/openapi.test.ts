import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILT_IN_KINDS } from '../kinds.ts'
import { openApiFor, type OpenApiResource } from './openapi.ts'

const CUSTOM: OpenApiResource = {
  group: 'example.org',
  version: 'v1',
  kind: 'Thing',
  listKind: 'ThingList',
  plural: 'things',
  singular: 'thing',
  shortNames: [],
  categories: [],
  namespaced: true,
  subresources: [],
  verbs: ['get'],
  printerColumns: [],
  stored: true,
  schema: { type: 'object', properties: { spec: { type: 'object' } } },
}

interface Operation {
  readonly parameters: readonly { readonly name: string }[]
  readonly requestBody?: { readonly content: object }
  readonly 'x-kubernetes-group-version-kind': object
}

function patchOf(paths: unknown, path: string): Operation {
  const item = (paths as Readonly<Record<string, { readonly patch: Operation }>>)[path] ?? assert.fail(path)
  return item.patch
}

test('each group and version has a document, and every reference in it leads somewhere', () => {
  const api = openApiFor([...BUILT_IN_KINDS, CUSTOM])
  const paths = Object.keys(api.index.paths)
  assert.ok(
    paths.includes('api/v1') && paths.includes('apis/apps/v1') && paths.includes('apis/example.org/v1'),
  )
  for (const path of paths) {
    const document = api.document(path) ?? assert.fail(path)
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)
    for (const [, name = ''] of references)
      assert.ok(Object.hasOwn(document.components.schemas, name), `${path}: ${name}`)
  }
  assert.equal(api.document('apis/none/v1'), undefined)
})

test('patch operations say that fields are validated and which patches a kind takes', () => {
  const api = openApiFor([...BUILT_IN_KINDS, CUSTOM])
  const builtIn = patchOf(
    api.document('apis/apps/v1')?.paths,
    '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
  )
  assert.ok(builtIn.parameters.some((parameter) => parameter.name === 'fieldValidation'))
  assert.deepEqual(builtIn['x-kubernetes-group-version-kind'], {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
  })
  assert.ok(Object.hasOwn(builtIn.requestBody?.content ?? {}, 'application/strategic-merge-patch+json'))
  const custom = patchOf(
    api.document('apis/example.org/v1')?.paths,
    '/apis/example.org/v1/namespaces/{namespace}/things/{name}',
  )
  assert.ok(!Object.hasOwn(custom.requestBody?.content ?? {}, 'application/strategic-merge-patch+json'))
})

test('schemas carry the kind and the keys that lists merge by', () => {
  const schemas = openApiFor(BUILT_IN_KINDS).document('api/v1')?.components.schemas ?? {}
  const pod = schemas['io.k8s.api.core.v1.Pod'] ?? {}
  assert.deepEqual(pod['x-kubernetes-group-version-kind'], [{ group: '', version: 'v1', kind: 'Pod' }])
  const spec = schemas['io.k8s.api.core.v1.PodSpec'] as {
    properties: Record<string, Record<string, unknown>>
  }
  assert.equal(spec.properties['volumes']?.['x-kubernetes-patch-merge-key'], 'name')
  assert.equal(spec.properties['volumes']?.['x-kubernetes-patch-strategy'], 'merge,retainKeys')
})

test('a changed schema changes the address of its document only', () => {
  const before = openApiFor([...BUILT_IN_KINDS, CUSTOM]).index.paths
  const after = openApiFor([...BUILT_IN_KINDS, { ...CUSTOM, schema: { type: 'object' } }]).index.paths
  assert.deepEqual(before['api/v1'], after['api/v1'])
  assert.notDeepEqual(before['apis/example.org/v1'], after['apis/example.org/v1'])
})
