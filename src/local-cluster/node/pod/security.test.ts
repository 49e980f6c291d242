import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '../../../kube/index.ts'
import { capabilitiesOf } from './capabilities.ts'
import { decideUser, type UserMachine, volumeOwner } from './security.ts'

const machine: UserMachine = {
  rootMode: 'overlay',
  isMapped: (id) => id < 65_536,
  unreadable: () => undefined,
}
const podOf = (container: Partial<Container>, spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [{ name: 'c', ...container }], ...spec },
})
const decide = (pod: Pod, over: Partial<UserMachine> = {}) =>
  decideUser(pod, pod.spec.containers[0] ?? { name: '' }, { machine: { ...machine, ...over }, paths: [] })

test('a container’s user is its own, else its pod’s, with the pod’s groups', () => {
  assert.deepEqual(decide(podOf({})), { kind: 'root' })
  const pod = podOf(
    { securityContext: { runAsUser: 5 } },
    { securityContext: { runAsUser: 7, runAsGroup: 8, fsGroup: 9, supplementalGroups: [9, 10] } },
  )
  assert.deepEqual(decide(pod), { kind: 'user', user: { uid: 5, gid: 8, groups: [9, 10] } })
})

test('root has the groups of its pod that mean something here', () => {
  const pod = podOf({}, { securityContext: { supplementalGroups: [7, 100_000] } })
  assert.deepEqual(decide(pod), { kind: 'user', user: { uid: 0, gid: 0, groups: [7] } })
  assert.deepEqual(decide(podOf({}, { securityContext: { fsGroup: 100_000 } })), { kind: 'root' })
})

test('who must not be root is some other user, and never root by his own word', () => {
  const decision = decide(podOf({ securityContext: { runAsNonRoot: true } }))
  assert.equal(decision.kind === 'user' && decision.user.uid > 0, true)
  const refused = decide(podOf({ securityContext: { runAsNonRoot: true, runAsUser: 0 } }))
  assert.equal(
    refused.kind === 'refused' && refused.message,
    'container\'s runAsUser breaks non-root policy (pod: "p_n(u)", container: c)',
  )
})

test('who must not be root is refused an image that runs as root everywhere else', () => {
  const pod = podOf({ securityContext: { runAsNonRoot: true } })
  const container = pod.spec.containers[0] ?? { name: '' }
  const refused = decideUser(pod, container, { machine, paths: [], isRootImage: true })
  assert.equal(
    refused.kind === 'refused' && refused.message,
    'container has runAsNonRoot and image will run as root (pod: "p_n(u)", container: c)',
  )
})

test('capabilities are those of container engines, less and more as the container says', () => {
  const all = capabilitiesOf({ capabilities: { drop: ['ALL'], add: ['CAP_NET_ADMIN', 'chown'] } })
  assert.deepEqual(all, ['chown', 'net_admin'])
  assert.equal(capabilitiesOf({})?.includes('net_raw'), true)
  assert.equal(capabilitiesOf({})?.includes('sys_admin'), false)
  assert.equal(capabilitiesOf({ capabilities: { drop: ['NET_RAW'] } })?.includes('net_raw'), false)
  assert.equal(
    capabilitiesOf({ capabilities: { add: ['ALL'], drop: ['SYS_TIME'] } })?.includes('sys_time'),
    false,
  )
  assert.equal(capabilitiesOf({ privileged: true }), undefined)
})

test('what the machine cannot give is said, and root runs the container', () => {
  const pod = podOf({ securityContext: { runAsUser: 100_000 } })
  const unmapped = decide(pod)
  assert.match(unmapped.kind === 'root-instead' ? unmapped.message : '', /100000 has no meaning/)
  const small = podOf({ securityContext: { runAsUser: 5 } })
  const closed = decide(small, { unreadable: () => '/root/lateen' })
  assert.match(closed.kind === 'root-instead' ? closed.message : '', /\/root\/lateen is not readable/)
  assert.equal(decide(small, { rootMode: 'shared' }).kind, 'root-instead')
})

test('volumes belong to the one user of all containers and to the file system’s group', () => {
  const isMapped = () => true
  assert.deepEqual(volumeOwner(podOf({}), isMapped), {})
  const owned = podOf({ securityContext: { runAsUser: 5 } }, { securityContext: { fsGroup: 9 } })
  assert.deepEqual(volumeOwner(owned, isMapped), { user: 5, group: 9 })
})
