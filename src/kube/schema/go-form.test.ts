import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toGoJson } from '../json.ts'
import { goForm } from './go-form.ts'

test('a value is printed with the names, the order and the zeros of its Go type', () => {
  assert.equal(
    toGoJson(goForm({ name: 'a', kind: 'Role' }, 'rbac/v1.RoleRef')),
    '{"APIGroup":"","Kind":"Role","Name":"a"}',
  )
  assert.equal(
    toGoJson(goForm({ maxUnavailable: '50%' }, 'policy/v1.PodDisruptionBudgetSpec')),
    '{"MinAvailable":null,"Selector":null,"MaxUnavailable":"50%","UnhealthyPodEvictionPolicy":null}',
  )
  assert.deepEqual(goForm({ a: 1 }, 'no/v1.Message'), { a: 1 })
})
