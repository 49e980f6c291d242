import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  [
    'ConfigMap',
    { data: { a: 'x' }, binaryData: { a: 'eQ==' } },
    ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
  ],
  [
    'ConfigMap',
    { immutable: true, data: { a: 'y' } },
    ['data: Forbidden: field is immutable when `immutable` is set'],
    { immutable: true, data: { a: 'x' } },
  ],
  ['Secret', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, ['data[tls.key]: Required value']],
  [
    'Secret',
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': 'e30x' } },
    ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON'],
  ],
  [
    'Secret',
    { type: 'kubernetes.io/basic-auth' },
    ['data[username]: Required value', 'data[password]: Required value'],
  ],
  ['Secret', { type: 'kubernetes.io/ssh-auth' }, ['data[ssh-privatekey]: Required value']],
  [
    'Secret',
    { immutable: false, data: { a: 'eQ==' } },
    [
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ],
    { immutable: true, data: { a: 'eA==' } },
  ],
  ['Secret', { type: 'b' }, ['type: Invalid value: "b": field is immutable'], { type: 'a' }],
]

test('ConfigMaps and Secrets are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
