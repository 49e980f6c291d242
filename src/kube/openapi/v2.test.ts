import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUILT_IN_KINDS } from '../kinds.ts'
import { readFields } from '../protobuf/reader.ts'
import { openApiFor } from './openapi.ts'
import { encodeOpenApiV2 } from './v2-protobuf.ts'
import { openApiV2Of } from './v2.ts'

const deployments = BUILT_IN_KINDS.filter(({ plural }) => plural === 'deployments')
const [deployment = assert.fail('no deployments')] = deployments

function definitionOf(schema: object, kind = 'Thing') {
  const custom = { ...deployment, group: 'example.org', kind, plural: 'things', schema }
  return openApiV2Of(openApiFor([custom])).definitions[`org.example.v1.${kind}`] ?? assert.fail(kind)
}

test('the document holds every path and every schema that version 3 has, and its references lead somewhere', () => {
  const api = openApiFor(BUILT_IN_KINDS)
  const document = openApiV2Of(api)
  for (const path of Object.keys(api.index.paths)) {
    const part = api.document(path) ?? assert.fail(path)
    for (const name of Object.keys(part.components.schemas))
      assert.ok(Object.hasOwn(document.definitions, name))
    for (const name of Object.keys(part.paths)) assert.ok(Object.hasOwn(document.paths, name))
  }
  const text = JSON.stringify(document)
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g))
    assert.ok(Object.hasOwn(document.definitions, name), name)
  // The schema of schemas has members of these names, so only what they would be as rules is looked for.
  assert.equal(
    /"(?:oneOf|anyOf|allOf)":\[|"nullable":true|"requestBody"|#\/components/.exec(text)?.[0],
    undefined,
  )
})

test('a kind keeps its name in a message that other groups show too', () => {
  const { definitions } = openApiV2Of(openApiFor(BUILT_IN_KINDS))
  for (const name of ['io.k8s.api.core.v1.Pod', 'io.k8s.api.apps.v1.Deployment'])
    assert.ok(definitions[name]?.['x-kubernetes-group-version-kind'], name)
})

test('what may be null or holds more than it says has neither a type nor members', () => {
  const { properties } = definitionOf({
    type: 'object',
    properties: {
      spec: { type: 'object', nullable: true, properties: { a: { type: 'string' } } },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      list: { type: 'array', 'x-kubernetes-preserve-unknown-fields': true, items: { type: 'string' } },
      either: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    },
  }) as { readonly properties: Readonly<Record<string, object>> }
  assert.deepEqual(properties['spec'], {})
  assert.deepEqual(properties['open'], { 'x-kubernetes-preserve-unknown-fields': true })
  assert.deepEqual(properties['list'], { 'x-kubernetes-preserve-unknown-fields': true })
  assert.deepEqual(properties['either'], { 'x-kubernetes-int-or-string': true })
})

test('as protobuf a schema has its reference, its type, its members and its extensions by number', () => {
  const document = {
    swagger: '2.0',
    info: { title: 'T', version: 'v1' },
    paths: {},
    definitions: {
      'a.B': {
        type: 'object',
        required: ['c'],
        properties: { c: { $ref: '#/definitions/d' } },
        'x-kubernetes-patch-strategy': 'merge',
      },
    },
  } as const
  const bytes = encodeOpenApiV2(document)
  const definition = inside(inside(bytes, 9), 1)
  assert.equal(textIn(definition, 1), 'a.B')
  const schema = inside(definition, 2)
  assert.equal(textIn(inside(schema, 22), 1), 'object')
  assert.equal(textIn(schema, 19), 'c')
  const member = inside(inside(schema, 25), 1)
  assert.equal(textIn(member, 1), 'c')
  assert.equal(textIn(inside(member, 2), 1), '#/definitions/d')
  const extension = inside(schema, 31)
  assert.equal(textIn(extension, 1), 'x-kubernetes-patch-strategy')
  assert.equal(textIn(inside(extension, 2), 2), '"merge"')
})

test('as protobuf a patch operation has its query parameters and the kind that it is for', () => {
  const bytes = encodeOpenApiV2(openApiV2Of(openApiFor(deployments)))
  const path = [...readFields(inside(bytes, 8))].map(({ bytes: entry }) => entry)
  const item = path.find((entry) => textIn(entry, 1).endsWith('/deployments/{name}')) ?? assert.fail()
  const patch = inside(inside(item, 2), 8)
  const names = [...readFields(patch)]
    .filter(({ number }) => number === 8)
    .map(({ bytes: parameter }) => inside(parameter, 1))
    .flatMap((parameter) => (has(parameter, 2) ? [textIn(inside(inside(parameter, 2), 3), 4)] : []))
  assert.ok(names.includes('dryRun') && names.includes('fieldValidation'), names.join())
  const kinds = [...readFields(patch)].filter(({ number }) => number === 13).map((field) => field.bytes)
  const kind = kinds.find((entry) => textIn(entry, 1) === 'x-kubernetes-group-version-kind') ?? assert.fail()
  assert.deepEqual(JSON.parse(textIn(inside(kind, 2), 2)), {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
  })
})

function has(message: Uint8Array, field: number): boolean {
  return [...readFields(message)].some(({ number }) => number === field)
}

function inside(message: Uint8Array, field: number): Uint8Array {
  return (
    [...readFields(message)].find(({ number }) => number === field)?.bytes ?? assert.fail(`field ${field}`)
  )
}

function textIn(message: Uint8Array, field: number): string {
  return new TextDecoder().decode(inside(message, field))
}
