import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '../../../kube/index.ts'
import { createAllocations } from './allocations.ts'
import { unfitMessage, unfitness } from './node-fit.ts'

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

const unfitReason = (subject: Pod, where: Node, others: readonly Pod[] = []): string | undefined => {
  const allocations = createAllocations('lateen', () => true)
  others.forEach((other, index) =>
    allocations.note({
      ...other,
      metadata: { ...other.metadata, uid: `other-${index}` },
      spec: { ...other.spec, nodeName: 'lateen' },
    }),
  )
  const unfit = unfitness(subject, where, allocations)
  return unfit && unfitMessage(unfit)
}
const END = 'no new claims to deallocate, preemption: 0/1 nodes are available: 1'

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
  assert.match(unfitReason(pod({}), tainted) ?? '', /1 node\(s\) had untolerated taint\(s\)\. /)
  const toleration = (value: string) => pod({ tolerations: [{ key: 'gpu', operator: 'Equal', value }] })
  assert.equal(unfitReason(toleration('yes'), tainted), undefined)
  assert.match(unfitReason(toleration('no'), tainted) ?? '', /untolerated/)
})

test('requests are counted, and the message says what is scarce and whether fewer pods would help', () => {
  const machine: Node = { ...node(), status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } } }
  const asking = (cpu: string, memory = '1Mi') =>
    pod({ containers: [{ name: 'c', resources: { requests: { cpu }, limits: { memory } } }] })
  assert.equal(unfitReason(asking('2'), machine), undefined)
  assert.equal(
    unfitReason(asking('3', '2Gi'), machine),
    `0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. ${END} Preemption is not helpful for scheduling.`,
  )
  assert.equal(
    unfitReason(asking('600m'), machine, [asking('1500m')]),
    `0/1 nodes are available: 1 Insufficient cpu. ${END} No preemption victims found for incoming pod.`,
  )
  const over: Pod = { ...asking('1500m'), status: { phase: 'Succeeded' } }
  assert.equal(unfitReason(asking('600m'), machine, [over]), undefined)
  const three = [pod({}), pod({}), pod({})]
  assert.match(unfitReason(pod({}), machine, three) ?? '', /: 1 Too many pods\. /)
})

test('an init container needs its room for a while, a sidecar for good', () => {
  const machine: Node = { ...node(), status: { allocatable: { cpu: '2' } } }
  const one = (cpu: string) => ({ name: cpu, resources: { requests: { cpu } } })
  assert.equal(unfitReason(pod({ initContainers: [one('2')], containers: [one('1')] }), machine), undefined)
  const sidecar = { ...one('1500m'), restartPolicy: 'Always' }
  assert.match(
    unfitReason(pod({ initContainers: [sidecar], containers: [one('1')] }), machine) ?? '',
    /Insufficient cpu/,
  )
})

test('pods that avoid each other do not share the node, and a group that wants to be together may begin', () => {
  const machine: Node = { ...node(), metadata: { name: 'lateen', labels: { host: 'lateen' } } }
  const labelled = (spec: Partial<Pod['spec']>): Pod => ({
    ...pod(spec),
    metadata: { name: 'p', namespace: 'n', labels: { app: 'x' } },
  })
  const term = { topologyKey: 'host', labelSelector: { matchLabels: { app: 'x' } } }
  const rule = { requiredDuringSchedulingIgnoredDuringExecution: [term] }
  const apart = labelled({ affinity: { podAntiAffinity: rule } })
  assert.match(unfitReason(apart, machine, [labelled({})]) ?? '', /match pod anti-affinity rules/)
  assert.match(unfitReason(labelled({}), machine, [apart]) ?? '', /existing pods anti-affinity rules/)
  assert.equal(unfitReason(apart, machine), undefined)
  const together = labelled({ affinity: { podAffinity: rule } })
  assert.equal(unfitReason(together, machine), undefined)
  const stranger: Pod = { ...together, metadata: { ...together.metadata, labels: {} } }
  assert.match(unfitReason(stranger, machine) ?? '', /match pod affinity rules/)
})
