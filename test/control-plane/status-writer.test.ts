import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createGraph, silentLogger, systemClock, systemRandom } from '../../src/base/index.ts'
import type { KubeObject } from '../../src/kube/index.ts'
import { KINDS } from '../../src/kube/client/index.ts'
import { startTestServer, TEST_USER, type TestServer } from '../../src/local-cluster/apiserver/testing.ts'
import { gatewayApiCrds, RESOURCE_KINDS } from '../../src/mesh/resources/index.ts'
import { createStatusWriter } from '../../src/mesh/status/index.ts'
import { CONTROLLER_NAME, type StatusUpdate } from '../../src/mesh/translate/index.ts'
import { createCountingClient } from './counting-client.ts'

const ROUTE = RESOURCE_KINDS.httpRoute

let its: TestServer
before(async () => {
  its = await startTestServer()
  for (const definition of gatewayApiCrds({ version: 'v1.6.1', channel: 'standard' })) {
    await its.client.create(KINDS.customResourceDefinition, definition)
  }
})
after(() => its.stop())

test('what was decided on an old copy is not said of an object that has changed since', async () => {
  const old = await its.client.create<KubeObject>(ROUTE, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'it', namespace: 'default' },
    spec: { parentRefs: [{ name: 'front' }] },
  })
  await its.client.patch(ROUTE, 'it', 'default', { spec: { hostnames: ['a.test'] } }, { type: 'merge' })
  const counting = createCountingClient(its.server.localTransport(TEST_USER))
  const graph = createGraph()
  const statuses = graph.source<StatusUpdate>('statuses')
  const writer = createStatusWriter({
    client: counting.client,
    statuses,
    observed: () => old,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    written: () => {},
  })
  statuses.set('HTTPRoute/default/it', accepted(old))
  writer.start()
  await writer.idle()
  await writer.stop()
  const now = await its.client.get<KubeObject>(ROUTE, 'it', 'default')
  assert.equal(now?.status, undefined)
  assert.deepEqual(counting.statusWrites(), ['httproutes/it'], 'the one that met the conflict')
})

function accepted({ metadata }: KubeObject): StatusUpdate {
  const generation = metadata.generation ?? 0
  const condition = {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: '',
    observedGeneration: generation,
  }
  return {
    key: 'HTTPRoute/default/it',
    kind: ROUTE,
    namespace: 'default',
    name: 'it',
    observedGeneration: generation,
    status: {
      parents: [{ parentRef: { name: 'front' }, controllerName: CONTROLLER_NAME, conditions: [condition] }],
    },
  }
}
