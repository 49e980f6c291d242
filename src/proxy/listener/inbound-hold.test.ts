import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { createPlainNetwork } from '../net/network.ts'
import { changesOf, createTestProxy, meshObject, ok, rawServer, respondWith, until } from '../testing.ts'
import { getRequest, policyOf } from '../filters/rbac/testing.ts'

test('nobody reaches a workload before it is known who may', async () => {
  let isOpen = false
  const app = await rawServer(respondWith(() => ok('fine')))
  const proxy = createTestProxy({
    role: 'sidecar',
    network: createPlainNetwork({ originalDestination: () => ({ address: '127.0.0.1', port: app.port }) }),
    ports: { outbound: 0, inbound: 0 },
    node: { ...createTestProxy().node, role: 'sidecar' },
    isGatewayReady: () => isOpen,
  })
  await proxy.start()
  const socket = connect(proxy.sidecar?.ports().inbound ?? 0, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  await once(socket, 'connect')
  socket.write(getRequest('/'))
  proxy.accept(changesOf([meshObject(), policyOf('nobody', { kind: 'allow' }, [])]))
  isOpen = true
  await until(() => answer !== '', 'an answer')
  assert.match(answer, /^HTTP\/1\.1 403 /)
  socket.destroy()
  proxy.close()
  app.close()
})
