import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goMetadataProblem, goTypeProblem } from './go-types.ts'

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' }
const POD = { group: '', version: 'v1', kind: 'Pod' }
const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' }
const SECRET = { group: '', version: 'v1', kind: 'Secret' }
const container = (more: object) => ({ spec: { containers: [{ name: 'a', ...more }] } })

const CASES: readonly (readonly [string, object, object, string])[] = [
  [
    'a list',
    CONFIG_MAP,
    { data: ['a'] },
    'array into Go struct field ConfigMap.data of type map[string]string',
  ],
  [
    'an entry of a map',
    CONFIG_MAP,
    { data: { a: 1 } },
    'number into Go struct field ConfigMap.data of type string',
  ],
  ['a kind', CONFIG_MAP, { kind: 1 }, 'number into Go struct field ConfigMap.kind of type string'],
  [
    'metadata',
    CONFIG_MAP,
    { metadata: 'x' },
    'string into Go struct field ConfigMap.metadata of type v1.ObjectMeta',
  ],
  [
    'a generation',
    CONFIG_MAP,
    { metadata: { generation: '1' } },
    'string into Go struct field ObjectMeta.metadata.generation of type int64',
  ],
  [
    'a number of replicas',
    DEPLOYMENT,
    { spec: { replicas: 'x' } },
    'string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    'a fraction',
    DEPLOYMENT,
    { spec: { replicas: 1.5 } },
    'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    'a list that is none',
    POD,
    { spec: { containers: {} } },
    'object into Go struct field PodSpec.spec.containers of type []v1.Container',
  ],
  [
    'a field of an item',
    POD,
    container({ ports: [{ containerPort: true }] }),
    'bool into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
  ],
  [
    'a port of a probe',
    POD,
    container({ livenessProbe: { httpGet: { port: {} } } }),
    'object into Go value of type int32',
  ],
  ['a time', POD, { metadata: { creationTimestamp: 5 } }, 'number into Go value of type string'],
  ['bytes', SECRET, { data: { a: 5 } }, 'number into Go struct field Secret.data of type []uint8'],
]

for (const [what, gvk, value, message] of CASES) {
  test(`${what} of another type is told with its Go type`, () => {
    assert.equal(goTypeProblem(value, gvk as typeof POD), `json: cannot unmarshal ${message}`)
  })
}

test('a number that fits no Go type is told as it was written', () => {
  const sourceOf = (path: readonly (string | number)[]) =>
    path.join('.') === 'spec.replicas' ? '99999999999999999999' : undefined
  assert.equal(
    goTypeProblem({ spec: { replicas: 1e20 } }, DEPLOYMENT, { sourceOf }),
    'json: cannot unmarshal number 99999999999999999999 into Go struct field DeploymentSpec.spec.replicas of type int32',
  )
})

test('types with a decoder of their own speak for themselves', () => {
  const cpu = (text: unknown) => goTypeProblem(container({ resources: { limits: { cpu: text } } }), POD)
  const wrong = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  for (const good of ['1', '100m', '0.5', '.5', '1e3', '1E', '1Ei', 2, '-1', '5.'])
    assert.equal(cpu(good), undefined)
  for (const bad of ['much', '', '1 Gi', '1x', true, {}, []]) assert.equal(cpu(bad), wrong)
  assert.equal(cpu('1mm'), "unable to parse quantity's suffix")
  const base64 = (text: string) => goTypeProblem({ data: { a: text } }, SECRET)
  for (const good of ['', 'YQ==', 'YWI=', 'YWJj', 'YW\nJj', 'YQ=\n=\n']) assert.equal(base64(good), undefined)
  for (const [bad, byte] of Object.entries({
    '?': 0,
    'YWJj?': 4,
    YQ: 0,
    'YQ=': 3,
    'YQ==x': 4,
    'Y=': 1,
    'YQ=x': 3,
  }))
    assert.equal(base64(bad), `illegal base64 data at input byte ${byte}`, bad)
  const created = (creationTimestamp: string) => goTypeProblem({ metadata: { creationTimestamp } }, POD)
  for (const good of ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.5+01:00'])
    assert.equal(created(good), undefined)
  const layout = '"2006-01-02T15:04:05Z07:00"'
  assert.equal(created('soon'), `parsing time "soon" as ${layout}: cannot parse "soon" as "2006"`)
  assert.equal(created('2026-13-01T00:00:00Z'), 'parsing time "2026-13-01T00:00:00Z": month out of range')
  assert.equal(created('2026-01-01'), `parsing time "2026-01-01" as ${layout}: cannot parse "" as "T"`)
})

test('null fits everywhere, and nothing is said of fields that nobody knows', () => {
  assert.equal(goTypeProblem({ metadata: null, data: null, spec: 5 }, CONFIG_MAP), undefined)
  assert.equal(goTypeProblem({ kind: 5 }, { group: 'example.org', version: 'v1', kind: 'Thing' }), undefined)
})

test('metadata of any kind is decoded', () => {
  assert.equal(goMetadataProblem({ name: 'a', labels: { a: 'b' }, generation: 1 }), undefined)
  assert.equal(
    goMetadataProblem({ labels: { a: 1 } }),
    'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  )
})
