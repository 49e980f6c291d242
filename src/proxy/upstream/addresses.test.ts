/** Endpoints that are names, and endpoints that go away. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import type { Service, Workload } from '../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'
import { createPolicyBench } from './testing.ts'

/** A gateway before a service whose one endpoint is a name. */
async function serveName(
  resolution: Service['resolution'],
  target: { readonly port: number; readonly addresses: () => readonly string[] },
): Promise<{ readonly proxy: TestProxy; readonly port: number }> {
  const port = await freePort()
  const proxy = createTestProxy({
    resolve: async () => ({ addresses: target.addresses(), ttlMs: 1000 }),
  })
  const base = serviceObject('named', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const service: Service = { ...base, resolution }
  const named: Workload = {
    ...workloadObject('named', {
      address: '',
      services: { [service.key]: { ports: { '80': target.port }, ready: true } },
    }),
    addresses: [],
    hostname: 'named.example',
  }
  const route = routeObject('r', { port, action: forwardTo(service) })
  proxy.accept(changesOf([meshObject(), service, named, listenerObject(port), route]))
  await until(() => proxy.isBound(), 'the port is bound')
  return { proxy, port }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function hostsOf(proxy: TestProxy): readonly string[] {
  return [...proxy.runtime.clusters()].flatMap((cluster) => cluster.hosts().map((host) => host.ip))
}

test('an endpoint with addresses of both families is reached by the one that works', async (t) => {
  const server = createTcpServer(respondWith(() => ok('six')))
  server.listen({ port: 0, host: '::1', ipv6Only: true })
  const isListening = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ])
  if (!isListening) {
    t.skip('the machine has no IPv6')
    return
  }
  const { port: target } = server.address() as { port: number }
  const { proxy, port } = await serveName('dns', { port: target, addresses: () => ['::1', '127.0.0.1'] })
  try {
    await until(() => hostsOf(proxy).length > 0, 'the name is resolved')
    assert.deepEqual(hostsOf(proxy), ['127.0.0.1'])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1.1 200.*six$/s)
  } finally {
    proxy.close()
    server.close()
  }
})

test('of the addresses of a logical name one is used at a time', async () => {
  const server = await rawServer(respondWith(() => ok('one')))
  let addresses: readonly string[] = ['127.0.0.3', '127.0.0.2']
  const { proxy, port } = await serveName('logical-dns', { port: server.port, addresses: () => addresses })
  try {
    await until(() => hostsOf(proxy).length > 0, 'the name is resolved')
    assert.deepEqual(hostsOf(proxy), ['127.0.0.3'])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1.1 200/)
    addresses = ['127.0.0.2', '127.0.0.4']
    await until(() => hostsOf(proxy)[0] === '127.0.0.2', 'the name has other addresses')
    assert.deepEqual(hostsOf(proxy), ['127.0.0.2'])
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1.1 200/)
  } finally {
    proxy.close()
    server.close()
  }
})

test('an endpoint that goes away finishes its requests of HTTP/2, then its connection ends', async () => {
  let answer: (() => void) | undefined
  let open = 0
  const server = createServer((_request, response) => {
    answer = () => response.end('late')
  })
  server.on('session', (session) => {
    open++
    session.on('close', () => open--)
  })
  const bench = await createPolicyBench({
    traffic: {},
    protocol: 'http2',
    servers: [(socket) => server.emit('connection', socket)],
  })
  try {
    const late = bench.get()
    await until(() => answer !== undefined, 'the request is on its way')
    const [host] = bench.cluster().hosts()
    const key = host?.workload()?.key ?? ''
    bench.proxy.accept([{ kind: 'remove', type: 'workload', key }])
    assert.match(await bench.get(), /^HTTP\/1.1 503/)
    assert.equal(open, 1)
    answer?.()
    assert.match(await late, /late/)
    await until(() => open === 0, 'the connection has ended')
    await until(() => bench.stat('connections') === 0, 'the proxy knows it too')
  } finally {
    bench.close()
  }
})

test('a request that waits for a connection is served though its endpoint goes away', async () => {
  const held: (() => void)[] = []
  const bench = await createPolicyBench({
    traffic: { connections: { connectionsMax: 1 } },
    servers: [
      (socket) =>
        socket.on('data', () => {
          held.push(() => socket.write(ok('done')))
        }),
    ],
  })
  try {
    const first = bench.get()
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get()
    await until(() => bench.stat('pending') === 1, 'the second waits')
    const key = bench.cluster().hosts()[0]?.workload()?.key ?? ''
    bench.proxy.accept([{ kind: 'remove', type: 'workload', key }])
    held[0]?.()
    assert.match(await first, /done$/)
    await until(() => held.length === 2, 'the second is on its way')
    held[1]?.()
    assert.match(await second, /done$/)
    await until(() => bench.stat('connections') === 0, 'the connection is closed')
  } finally {
    bench.close()
  }
})

test('a connection of bytes lives as long as its policy lets it', async () => {
  const bench = await createPolicyBench({
    traffic: { connections: { tcpIdleTimeoutMs: 40 } },
    servers: [() => {}],
  })
  try {
    const [host] = bench.cluster().hosts()
    const upstream = host?.openTcp({ buffer: Buffer.alloc(1024), callback: () => true })
    assert.ok(upstream !== undefined)
    await once(upstream, 'close')
    assert.equal(bench.stat('connectionsIdledOut'), 1)
    bench.follow({ connections: { connectionsMax: 1, durationMaxMs: 40 } })
    const next = host?.openTcp({ buffer: Buffer.alloc(1024), callback: () => true })
    assert.ok(next !== undefined)
    assert.equal(host?.openTcp({ buffer: Buffer.alloc(1024), callback: () => true }), undefined)
    assert.equal(bench.stat('connectionOverflows'), 1)
    await once(next, 'close')
    assert.equal(bench.stat('connectionsOutlived'), 1)
    assert.equal(bench.stat('connections'), 0)
  } finally {
    bench.close()
  }
})
