import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { builtInSchema } from '../builtin/schema.ts'
import type { CustomResourceDefinition } from '../types/extension.ts'
import { createProgramCache } from './cel/program.ts'
import { compileSchema } from './compile.ts'
import { formatFieldError } from './field-error.ts'
import { createPatternCache } from './regex.ts'
import type { StructuralSchema } from './structural.ts'

/** The official definitions; a public clone does not have them, and then these tests are skipped. */
const CRDS = new URL('../../../../shared/crds/', import.meta.url)
const skip = existsSync(CRDS) ? false : '../shared is missing'

function readDefinitions(folder: string): readonly CustomResourceDefinition[] {
  const files = readdirSync(new URL(folder, CRDS)).filter((name) => name.endsWith('.yaml'))
  return files
    .flatMap((name) => parseAllDocuments(readFileSync(new URL(`${folder}${name}`, CRDS), 'utf8')))
    .map((document) => document.toJS() as CustomResourceDefinition)
    .filter((object) => object?.kind === 'CustomResourceDefinition')
}

const FOLDERS = [
  'gateway-api/v1.4.0/standard/',
  'gateway-api/v1.6.1/standard/',
  'gateway-api/v1.6.1/experimental/',
  'istio/',
]

function schemaOf(folder: string, kind: string): StructuralSchema {
  const found = readDefinitions(folder).find((it) => it.spec.names.kind === kind)
  const schema = found?.spec.versions.find((it) => it.name === 'v1')?.schema?.openAPIV3Schema
  assert.ok(schema, `${kind} v1 in ${folder}`)
  return schema
}

function verdict(schema: StructuralSchema, object: unknown): readonly string[] {
  const compiled = compileSchema(schema)
  return compiled.validate(compiled.applyDefaults(compiled.prune(object).value)).map(formatFieldError)
}

function collect(schema: unknown, found: { rules: Set<string>; patterns: Set<string> }): void {
  if (typeof schema !== 'object' || schema === null) return
  const node = schema as StructuralSchema
  const rules = node['x-kubernetes-validations']
  if (Array.isArray(rules)) for (const rule of rules) found.rules.add(rule.rule)
  if (typeof node.pattern === 'string') found.patterns.add(node.pattern)
  for (const part of Object.values(schema)) collect(part, found)
}

test('every rule and pattern of the Gateway API and Istio definitions compiles', { skip }, () => {
  const found = { rules: new Set<string>(), patterns: new Set<string>() }
  for (const folder of FOLDERS) for (const definition of readDefinitions(folder)) collect(definition, found)
  assert.ok(found.rules.size > 100, 'rules were found')
  const patterns = createPatternCache()
  const programs = createProgramCache(patterns)
  const bad = [...found.rules].flatMap((rule) => {
    const planned = programs.get(rule)
    return planned.kind === 'invalid' ? [`${rule}: ${planned.message}`] : []
  })
  assert.deepEqual(bad, [])
  assert.deepEqual(
    [...found.patterns].filter((pattern) => !patterns.get(pattern)),
    [],
  )
})

test('the official definitions are valid CustomResourceDefinitions and lose no field', { skip }, () => {
  const gvk = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' }
  const schema = builtInSchema(gvk)
  assert.ok(schema)
  for (const folder of FOLDERS) {
    for (const definition of readDefinitions(folder)) {
      // The status is the server's; generators leave an empty one in their files.
      const { value, pruned } = schema.prune({ ...definition, status: undefined })
      const errors: readonly string[] = schema.validate(schema.applyDefaults(value)).map(formatFieldError)
      assert.deepEqual([definition.metadata.name, pruned, errors], [definition.metadata.name, [], []])
    }
  }
})

const META = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'route' } }

function route(rule: object): object {
  return { ...META, spec: { parentRefs: [{ name: 'gateway' }], rules: [rule] } }
}

for (const folder of FOLDERS.slice(0, 3)) {
  test(`an HTTPRoute gets the right verdict from ${folder}`, { skip }, () => {
    const schema = schemaOf(folder, 'HTTPRoute')
    const backendRefs = [{ name: 'backend', port: 3000, weight: 90 }]
    const matches = [
      { path: { type: 'PathPrefix', value: '/api' }, headers: [{ name: 'x-user', value: 'jonathan' }] },
    ]
    assert.deepEqual(verdict(schema, route({ matches, backendRefs })), [])
    assert.deepEqual(verdict(schema, route({ matches: [{ path: { value: '/a//b' } }] })), [
      "spec.rules[0].matches[0].path: Invalid value: must not contain '//' when type one of ['Exact', 'PathPrefix']",
    ])
    assert.deepEqual(verdict(schema, route({ backendRefs: [{ name: 'backend' }] })), [
      'spec.rules[0].backendRefs[0]: Invalid value: Must have port for Service reference',
    ])
    assert.match(
      verdict(schema, route({ matches: [{ method: 'get' }] }))[0] ?? '',
      /Unsupported value: "get": supported/,
    )
    const bothFilters = [
      { type: 'RequestRedirect', requestRedirect: { statusCode: 301 } },
      { type: 'URLRewrite', urlRewrite: { hostname: 'a.example' } },
    ]
    assert.ok(
      verdict(schema, route({ filters: bothFilters })).some((text) => text.includes('May specify either')),
    )
  })
}

test('a match without a type defaults to a path prefix', { skip }, () => {
  const compiled = compileSchema(schemaOf('gateway-api/v1.4.0/standard/', 'HTTPRoute'))
  const filled = compiled.applyDefaults(route({ backendRefs: [{ name: 'b', port: 1 }] })) as {
    spec: { rules: { matches: unknown; backendRefs: unknown }[] }
  }
  assert.deepEqual(filled.spec.rules[0], {
    matches: [{ path: { type: 'PathPrefix', value: '/' } }],
    backendRefs: [{ name: 'b', port: 1, group: '', kind: 'Service', weight: 1 }],
  })
})

test('a Gateway with two listeners of one name is refused', { skip }, () => {
  const schema = schemaOf('gateway-api/v1.4.0/standard/', 'Gateway')
  const gateway = (names: readonly string[]) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'g' },
    spec: {
      gatewayClassName: 'istio',
      listeners: names.map((name, index) => ({ name, port: 80 + index, protocol: 'HTTP' })),
    },
  })
  assert.deepEqual(verdict(schema, gateway(['http', 'other'])), [])
  assert.ok(
    verdict(schema, gateway(['http', 'http'])).some((text) =>
      text.includes('spec.listeners[1]: Duplicate value'),
    ),
  )
})

test('a VirtualService gets the right verdict', { skip }, () => {
  const schema = schemaOf('istio/', 'VirtualService')
  const service = (http: object) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'backend' },
    spec: { hosts: ['backend'], http: [http] },
  })
  const to = [{ destination: { host: 'backend', subset: 'v1', port: { number: 3000 } }, weight: 50 }]
  assert.deepEqual(
    verdict(schema, service({ match: [{ uri: { prefix: '/api' } }], route: to, timeout: '5s' })),
    [],
  )
  assert.deepEqual(verdict(schema, service({ match: [{ uri: { prefix: '/a', exact: '/a' } }], route: to })), [
    '<nil>: Invalid value: "": "spec.http[0].match[0].uri" must validate one and only one schema (oneOf). Found 2 valid alternatives',
  ])
  assert.ok(
    verdict(schema, service({ route: to, timeout: '0.1ms' })).some((text) =>
      text.includes('must be a valid duration'),
    ),
  )
})
