import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from './testing.ts'

const bind = (name: string, ...subjects: object[]) => ({
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
  subjects,
})

/** Kind, what is asked for, the answers of Kubernetes, what was there before. */
const CASES: readonly (readonly [string, object, readonly string[], object?])[] = [
  [
    'Role',
    { rules: [{ nonResourceURLs: ['/x'], verbs: ['get'] }] },
    ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
  ],
  [
    'ClusterRole',
    { rules: [{ nonResourceURLs: ['/x'], resources: ['pods'], verbs: [] }] },
    [
      'rules[0].verbs: Required value',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
  ],
  [
    'RoleBinding',
    bind('', { kind: 'Robot', name: 'r' }),
    [
      'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
      'roleRef.name: Required value',
    ],
  ],
  [
    'RoleBinding',
    { roleRef: { apiGroup: 'x', kind: 'Pod', name: 'a' } },
    [
      'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
      'roleRef.kind: Unsupported value: "Pod": supported values: "Role", "ClusterRole"',
    ],
  ],
  [
    'RoleBinding',
    bind('b'),
    [
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: field is immutable',
    ],
    bind('a'),
  ],
  [
    'ClusterRoleBinding',
    {
      ...bind('a', { kind: 'ServiceAccount', name: 's' }),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' },
    },
    ['subjects[0].namespace: Required value'],
  ],
]

test('roles and bindings are refused in Kubernetes’ words', () => {
  for (const [kind, object, wanted, old] of CASES) assert.deepEqual(refusals(kind, object, old), wanted)
})
