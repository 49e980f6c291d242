import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ApiError, KINDS, type KindRef } from '../../../kube/client/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import { at, stringAt } from '../json.ts'
import { startTestServer, type TestServer } from '../testing.ts'

const LIMIT_RANGE: KindRef = {
  group: '',
  version: 'v1',
  plural: 'limitranges',
  kind: 'LimitRange',
  namespaced: true,
}

let its: TestServer
before(async () => {
  its = await startTestServer()
  await its.client.create(KINDS.serviceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  })
  await its.client.create(LIMIT_RANGE, {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'limits', namespace: 'default' },
    spec: {
      limits: [
        { type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } },
      ],
    },
  })
})
after(() => its.stop())

function pod(name: string, resources: object): KubeObject {
  const spec = { containers: [{ name: 'web', image: 'nginx', resources }] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec }
}

function resourcesOf(object: KubeObject): unknown {
  return at((at(object.spec, 'containers') as readonly unknown[])[0], 'resources')
}

test('a container that says nothing gets the defaults of its namespace, and a note says so', async () => {
  const made = await its.client.create(KINDS.pod, pod('silent', {}))
  assert.deepEqual(resourcesOf(made), { requests: { cpu: '100m' }, limits: { cpu: '500m' } })
  assert.equal(
    made.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container web; cpu limit for container web',
  )
  assert.equal(stringAt(made.status, 'qosClass'), 'Burstable')
})

test('what a container says itself is kept', async () => {
  const resources = { requests: { cpu: '50m' }, limits: { cpu: '900m' } }
  const made = await its.client.create(KINDS.pod, pod('outspoken', resources))
  assert.deepEqual(resourcesOf(made), resources)
})

test('a container beyond the limits is refused', async () => {
  await assert.rejects(its.client.create(KINDS.pod, pod('greedy', { limits: { cpu: '2' } })), (error) => {
    assert.ok(error instanceof ApiError)
    assert.equal(error.status, 403)
    assert.equal(
      error.message,
      'pods "greedy" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    )
    return true
  })
})

test('a pod is bound to a node once', async () => {
  const bind = (name: string) =>
    its.client.request({
      method: 'POST',
      path: '/api/v1/namespaces/default/pods/silent/binding',
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'silent' },
        target: { kind: 'Node', name },
      },
    })
  assert.equal((await bind('lateen')).status, 201)
  const bound = await its.client.get<KubeObject>(KINDS.pod, 'silent', 'default')
  assert.equal(stringAt(bound?.spec, 'nodeName'), 'lateen')
  const again = await bind('other')
  assert.equal(again.status, 409)
  assert.match(stringAt(again.body, 'message') ?? '', /pod silent is already assigned to node "lateen"$/)
})
