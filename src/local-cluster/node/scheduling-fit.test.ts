import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '../../kube/index.ts'
import { unfitReason } from './scheduling-fit.ts'

const node = (spec: Node['spec'] = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'lateen', labels: { disk: 'ssd', size: '5' } },
  spec,
})
const pod = (spec: Partial<Pod['spec']>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [], ...spec },
})
const affinity = (key: string, operator: 'In' | 'NotIn' | 'Gt' | 'DoesNotExist', values: readonly string[]) =>
  pod({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
        },
      },
    },
  })

test('a pod goes where its selector and its affinity match', () => {
  assert.equal(unfitReason(pod({ nodeSelector: { disk: 'ssd' } }), node()), undefined)
  assert.match(unfitReason(pod({ nodeSelector: { disk: 'hdd' } }), node()) ?? '', /node affinity\/selector/)
  assert.equal(unfitReason(affinity('disk', 'In', ['ssd']), node()), undefined)
  assert.equal(unfitReason(affinity('size', 'Gt', ['4']), node()), undefined)
  assert.match(unfitReason(affinity('disk', 'NotIn', ['ssd']), node()) ?? '', /affinity/)
  assert.match(unfitReason(affinity('disk', 'DoesNotExist', []), node()) ?? '', /affinity/)
})

test('a cordoned node takes only pods that tolerate it', () => {
  const cordoned = node({ unschedulable: true })
  assert.match(unfitReason(pod({}), cordoned) ?? '', /were unschedulable/)
  assert.equal(unfitReason(pod({ tolerations: [{ operator: 'Exists' }] }), cordoned), undefined)
})

test('a taint keeps pods away that do not tolerate its key, value and effect', () => {
  const tainted = node({ taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] })
  assert.match(unfitReason(pod({}), tainted) ?? '', /untolerated taint\(s\) \{gpu: yes\}/)
  const toleration = (value: string) => pod({ tolerations: [{ key: 'gpu', operator: 'Equal', value }] })
  assert.equal(unfitReason(toleration('yes'), tainted), undefined)
  assert.match(unfitReason(toleration('no'), tainted) ?? '', /untolerated/)
})
