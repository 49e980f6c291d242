import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { startTestServer, type TestServer } from './testing.ts'

let its: TestServer
before(async () => {
  its = await startTestServer()
  const metadata = { name: 'default', namespace: 'default' }
  await its.client.create(KINDS.serviceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
  })
  await its.client.create<Pod>(KINDS.pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sized', namespace: 'default' },
    spec: {
      containers: [
        {
          name: 'c',
          image: 'x',
          resources: { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '64Mi' } },
        },
      ],
      initContainers: [{ name: 'once', image: 'x' }],
    },
  })
})
after(() => its.stop())

const patch = (spec: object, subresource?: 'resize') =>
  its.client.patch<Pod>(
    KINDS.pod,
    'sized',
    'default',
    { spec },
    {
      type: 'strategic',
      ...(subresource === undefined ? {} : { subresource }),
    },
  )
const withCpu = (cpu: string) => ({ containers: [{ name: 'c', image: 'y', resources: { limits: { cpu } } }] })

test('a resize takes resources and nothing else, which is a new generation', async () => {
  const pod = await patch(withCpu('300m'), 'resize')
  const [container] = pod.spec.containers
  assert.deepEqual([container?.image, container?.resources?.limits?.['cpu']], ['x', '300m'])
  assert.equal(pod.metadata.generation, 2)
})

test('resources change by a resize alone', async () => {
  await assert.rejects(patch(withCpu('400m')), /pod updates may not change fields other than/)
})

test('a resize that would take limits away, or is of a container that runs once, is refused', async () => {
  const without = { containers: [{ name: 'c', resources: { limits: { cpu: null } } }] }
  await assert.rejects(
    patch(without, 'resize'),
    /spec.containers\[0\].resources.limits: Forbidden: resource limits/,
  )
  const once = { initContainers: [{ name: 'once', resources: { requests: { cpu: '1' } } }] }
  await assert.rejects(patch(once, 'resize'), /resources for non-sidecar init containers are immutable/)
})
