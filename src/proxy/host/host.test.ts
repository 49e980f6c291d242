import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createPlainNetwork } from '../net/network.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { systemClock, systemRandom } from '../../base/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  freePort,
  listenerObject,
  meshObject,
  routeObject,
  until,
} from '../testing.ts'
import { readBootstrap } from './bootstrap.ts'
import { createCpuShares } from './cpu-shares.ts'
import { createGuard, guardNetwork } from './guard.ts'

describe('the bootstrap', () => {
  const read = (args: string[], env: Record<string, string> = {}) =>
    readBootstrap({
      args,
      env: { POD_NAME: 'p', POD_NAMESPACE: 'demo', INSTANCE_IP: '10.42.0.9', ...env },
      podIps: [],
      version: '1',
      readFile: (path) => (path === '/etc/istio/pod/labels' ? 'app="web"\nquoted="a\\"b"\n' : undefined),
    })

  test('reads arguments, environment and mounted files under their Istio names', () => {
    const result = read(['proxy', 'sidecar', '--domain', 'demo.svc.cluster.local', '--proxyLogLevel=debug'], {
      PROXY_CONFIG:
        '{"discoveryAddress":"istiod.mesh.svc:15012","terminationDrainDuration":"7s","gatewayTopology":{"proxyProtocol":{}}}',
      SERVICE_ACCOUNT: 'web-sa',
    })
    assert.ok(result.ok)
    assert.equal(result.value.node.id, 'sidecar~10.42.0.9~p.demo~demo.svc.cluster.local')
    assert.deepEqual(result.value.node.labels, { app: 'web', quoted: 'a"b' })
    assert.equal(result.value.discoveryAddress, 'istiod.mesh.svc:15012')
    assert.equal(result.value.drainMs, 7000)
    assert.equal(result.value.proxyProtocol, true)
    assert.equal(result.value.node.serviceAccount, 'web-sa')
  })

  test('says what is missing', () => {
    for (const [result, what] of [
      [read(['proxy', 'waypoint']), /proxy sidecar/],
      [read(['proxy', 'router'], { POD_NAME: '' }), /POD_NAME/],
      [read(['proxy', 'router'], { INSTANCE_IP: '' }), /INSTANCE_IP/],
      [read(['proxy', 'router'], { PROXY_CONFIG: '{' }), /PROXY_CONFIG/],
    ] as const) {
      assert.match(result.ok ? '' : result.error, what)
    }
  })
})

test('CPU time is attributed by what each instance had to do', () => {
  let spent = 0
  const shares = createCpuShares(() => spent)
  shares.attribute([{ id: 'a', events: 0 }])
  spent = 1000
  assert.deepEqual(
    shares.attribute([
      { id: 'a', events: 899 },
      { id: 'b', events: 99 },
    ]),
    [
      { id: 'a', cpuMs: 900 },
      { id: 'b', cpuMs: 100 },
    ],
  )
})

test('an instance that throws ends alone', async () => {
  const thread = createProxyThread({ clock: systemClock, random: systemRandom })
  const crashes: string[] = []
  const guard = createGuard((error) => crashes.push(String(error)))
  const [badPort, goodPort] = [await freePort(), await freePort()]
  const bad = createTestProxy({ thread, network: guardNetwork(createPlainNetwork({}), guard) })
  const good = createTestProxy({ thread })
  for (const [proxy, port] of [
    [bad, badPort],
    [good, goodPort],
  ] as const) {
    proxy.accept(
      changesOf([
        meshObject(),
        listenerObject(port),
        routeObject('r', { port, action: { kind: 'respond', status: 200, body: 'fine', reason: 'test' } }),
      ]),
    )
    await until(() => proxy.isBound(), 'the port is bound')
  }
  Object.assign(bad.runtime, {
    chain: () => {
      throw new Error('a fault in this instance')
    },
  })
  const socket = connect(badPort, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => crashes.length === 1, 'the fault is reported')
  assert.deepEqual(crashes, ['Error: a fault in this instance'])
  bad.close()
  socket.destroy()
  assert.match(
    await exchangeBytes(goodPort, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    /fine$/,
  )
  good.close()
})
