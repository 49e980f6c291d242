import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorizationTable } from './authorization-table.ts'

// istio/istio, istioctl/pkg/authz/listener.go
test('policies are shown in istioctl’s columns, in the order in which they decide', () => {
  const policy = (name: string, kind: string, rules: number, isDryRun = false) => ({
    key: `demo/${name}`,
    action: { kind },
    isDryRun,
    rules: Array.from({ length: rules }, () => ({})),
    origin: { kind: 'AuthorizationPolicy', namespace: 'demo', name },
  })
  const authorizationPolicies = [
    policy('reads', 'allow', 2),
    policy('watch', 'audit', 1),
    policy('no-writes', 'deny', 1, true),
    policy('ask', 'custom', 1),
  ]
  assert.equal(
    authorizationTable(JSON.stringify({ configs: [{ authorizationPolicies }] })),
    [
      'ACTION   AuthorizationPolicy        RULES',
      'CUSTOM   ask.demo                   1',
      'DENY     no-writes.demo (dry run)   1',
      'ALLOW    reads.demo                 2',
      'LOG      watch.demo                 1',
      '',
    ].join('\n'),
  )
  assert.throws(() => authorizationTable('{}'), /no authorization policies/)
})
