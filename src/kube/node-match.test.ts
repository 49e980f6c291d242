import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectsNode, toleratesTaint } from './node-match.ts'
import type { Node } from './types/core.ts'
import type { NodeSelectorRequirement, NodeSelectorTerm, Toleration } from './types/pod.ts'

const NODE: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', labels: { disk: 'ssd', cores: '8' } },
}

function byExpression(
  operator: NodeSelectorRequirement['operator'],
  key: string,
  ...values: readonly string[]
) {
  const terms = [{ matchExpressions: [{ key, operator, values }] }]
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } }
  return selectsNode({ containers: [], affinity: { nodeAffinity } }, NODE)
}

test('each operator of a node selector holds and fails', () => {
  assert.ok(byExpression('In', 'disk', 'hdd', 'ssd') && !byExpression('In', 'disk', 'hdd'))
  assert.ok(byExpression('NotIn', 'disk', 'hdd') && byExpression('NotIn', 'none', 'x'))
  assert.ok(!byExpression('NotIn', 'disk', 'ssd'))
  assert.ok(byExpression('Exists', 'disk') && !byExpression('Exists', 'none'))
  assert.ok(byExpression('DoesNotExist', 'none') && !byExpression('DoesNotExist', 'disk'))
  assert.ok(
    byExpression('Gt', 'cores', '4') && !byExpression('Gt', 'cores', '8') && !byExpression('Gt', 'none', '1'),
  )
  assert.ok(byExpression('Lt', 'cores', '9') && !byExpression('Lt', 'cores', '8'))
})

test('one term is enough, all of its requirements must hold, and an empty term matches nothing', () => {
  const withTerms = (nodeSelectorTerms: readonly NodeSelectorTerm[]) =>
    selectsNode(
      {
        containers: [],
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
      },
      NODE,
    )
  const byName = (name: string): NodeSelectorTerm => ({
    matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
  })
  assert.ok(withTerms([byName('other'), byName('n')]))
  assert.ok(
    !withTerms([{ ...byName('n'), matchExpressions: [{ key: 'disk', operator: 'DoesNotExist' as const }] }]),
  )
  assert.ok(!withTerms([{}]))
  assert.ok(!selectsNode({ containers: [], nodeSelector: { disk: 'hdd' } }, NODE))
})

test('a toleration holds by key, value and effect, each of which it may leave open', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' } as const
  const cases: readonly (readonly [Toleration, boolean])[] = [
    [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoSchedule' }, true],
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', value: 'w' }, false],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
  ]
  for (const [toleration, expected] of cases)
    assert.equal(toleratesTaint(toleration, taint), expected, JSON.stringify(toleration))
})
