import assert from 'node:assert/strict'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createManualClock, type ManualClock, systemRandom } from '../../base/index.ts'
import {
  type ConnectionRoute,
  type Listener,
  listenerName,
  type ModelObject,
  routeName,
  type Service,
} from '../../model/index.ts'
import { createIstioMetrics, createMetricsRegistry } from '../../telemetry/index.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { createPlainNetwork } from '../net/network.ts'
import {
  changesOf,
  createTestProxy,
  GATEWAY,
  listenerObject,
  meshObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'
import { createUdpListener } from './udp-listener.ts'

const FORMAT =
  '%DOWNSTREAM_REMOTE_ADDRESS% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %ROUTE_NAME%\n'

async function udpServer(answer: (message: Buffer) => Buffer | string | undefined): Promise<UdpSocket> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.on('message', (message, from) => {
    const reply = answer(message)
    if (reply !== undefined) socket.send(reply, from.port, from.address)
  })
  return socket
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

function udpListener(port: number): Listener {
  return { ...listenerObject(port), key: listenerName(GATEWAY, 'udp'), protocol: 'udp' }
}

function udpRoute(services: readonly (readonly [weight: number, service: Service])[]): ConnectionRoute {
  const origin = { kind: 'UDPRoute', namespace: 'demo', name: 'dns', rule: 0 }
  return {
    type: 'connection-route',
    key: routeName(origin),
    scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, 'udp')] },
    matches: [{ order: ['dns'] }],
    destinations: services.map(([weight, service]) => ({
      weight,
      target: { kind: 'service', service: service.key, port: 53 },
    })),
    origin,
  }
}

function backend(name: string, ports: readonly number[]): { service: Service; objects: ModelObject[] } {
  const service = serviceObject(name, { ports: [{ port: 53, name: 'dns', protocol: 'udp' }] })
  const workloads = ports.map((port, i) =>
    workloadObject(`${name}-${i}`, {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '53': port }, ready: true } },
    }),
  )
  return { service, objects: [service, ...workloads] }
}

/** A response with one A record for whatever is asked. */
function dnsAnswer(query: Buffer): Buffer {
  const answer = Buffer.concat([
    query.subarray(0, questionEnd(query)),
    Buffer.from('c00c00010001000000050004c0000207', 'hex'),
  ])
  answer.writeUInt16BE(0x8180, 2)
  answer.writeUInt16BE(1, 6)
  answer.writeUInt32BE(0, 8)
  return answer
}

function questionEnd(query: Buffer): number {
  let at = 12
  while (query[at] !== 0) at += (query[at] as number) + 1
  return at + 5
}

describe('a gateway passes datagrams on', () => {
  const opened: UdpSocket[] = []
  let clock: ManualClock
  let proxy: TestProxy
  let port = 0

  async function server(answer: (message: Buffer) => Buffer | string | undefined): Promise<number> {
    const socket = await udpServer(answer)
    opened.push(socket)
    return socket.address().port
  }

  async function client(): Promise<{
    ask: (text: string) => Promise<string>
    socket: UdpSocket
    port: number
  }> {
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    opened.push(socket)
    return {
      socket,
      port: socket.address().port,
      async ask(text) {
        const answer = once(socket, 'message')
        socket.send(text)
        const [message] = (await answer) as [Buffer]
        return message.toString()
      },
    }
  }

  async function serve(objects: readonly ModelObject[]): Promise<void> {
    proxy.accept(changesOf([meshObject(FORMAT), ...objects, udpListener(port)]))
    await until(() => proxy.isBound(), 'the port is bound')
    assert.deepEqual([...(proxy.gateway?.problems() ?? [])], [])
  }

  function metric(name: string): string {
    return proxy.registry
      .text()
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`))
      .join('\n')
  }

  beforeEach(async () => {
    clock = createManualClock(1_000_000)
    port = await freeUdpPort()
    proxy = createTestProxy({ thread: createProxyThread({ clock, random: systemRandom }) })
  })
  afterEach(() => {
    proxy.close()
    for (const socket of opened.splice(0)) socket.close()
  })

  test('a DNS query is answered through it', async () => {
    const { service, objects } = backend('dns', [await server(dnsAnswer)])
    await serve([...objects, udpRoute([[1, service]])])
    const resolver = new Resolver({ timeout: 5000, tries: 1 })
    resolver.setServers([`127.0.0.1:${port}`])
    assert.deepEqual(await resolver.resolve4('lateen.example'), ['192.0.2.7'])
  })

  test('all datagrams of a client go to one endpoint, and clients are spread by weight', async () => {
    const one = backend('one', [await server(() => 'one')])
    const two = backend('two', [await server(() => 'two')])
    const none = backend('none', [await server(() => 'none')])
    await serve([
      ...one.objects,
      ...two.objects,
      ...none.objects,
      udpRoute([
        [1, one.service],
        [1, two.service],
        [0, none.service],
      ]),
    ])
    const seen = new Set<string>()
    for (let i = 0; i < 40; i++) {
      const { ask } = await client()
      const first = await ask('a')
      assert.equal(await ask('b'), first)
      assert.equal(await ask('c'), first)
      seen.add(first)
    }
    assert.deepEqual([...seen].toSorted(), ['one', 'two'])
  })

  test('a client that is silent for a minute is forgotten; its session is logged and counted', async () => {
    const { service, objects } = backend('dns', [await server((message) => message)])
    await serve([...objects, udpRoute([[1, service]])])
    const { ask, port: own } = await client()
    assert.equal(await ask('hello'), 'hello')
    clock.advance(59_000)
    assert.equal(await ask('again'), 'again')
    clock.advance(59_000)
    assert.deepEqual(proxy.logLines, [])
    assert.match(metric('istio_tcp_connections_opened_total'), /request_protocol="udp".* 1$/)
    clock.advance(3_000)
    assert.deepEqual(proxy.logLines, [
      `127.0.0.1:${own} - 10 10 outbound|53||dns.demo.svc.cluster.local UDPRoute/demo/dns/0\n`,
    ])
    assert.match(metric('istio_tcp_connections_closed_total'), / 1$/)
    assert.match(metric('istio_tcp_received_bytes_total'), / 10$/)
    assert.equal(
      proxy.runtime.cluster({ service: service.key, port: 53, subset: undefined }).load.connections,
      0,
    )
    assert.equal(await ask('anew'), 'anew')
  })

  test('an endpoint that is gone gets nothing more: the next datagram goes to another', async () => {
    const first = await server(() => 'first')
    const second = await server(() => 'second')
    const { service, objects } = backend('dns', [first])
    await serve([...objects, udpRoute([[1, service]])])
    const { ask } = await client()
    assert.equal(await ask('a'), 'first')
    proxy.accept(changesOf(backend('dns', [second]).objects))
    assert.equal(await ask('b'), 'second')
  })

  test('a client of an endpoint where nobody listens is tried anew with its next datagram', async () => {
    const gone = await freeUdpPort()
    const { service, objects } = backend('dns', [gone])
    await serve([...objects, udpRoute([[1, service]])])
    const { socket, ask } = await client()
    socket.send('lost')
    await until(() => proxy.logLines.length === 1, 'the session has failed')
    assert.match(proxy.logLines[0] ?? '', / UF 4 0 /)
    proxy.accept(changesOf(backend('dns', [await server(() => 'here')]).objects))
    assert.equal(await ask('b'), 'here')
  })

  test('a limit on connections holds for sessions, and a service without endpoints is told as UH', async () => {
    const { service, objects } = backend('dns', [await server((message) => message)])
    const [plain, ...workloads] = objects
    const limited = {
      ...service,
      policies: [
        {
          traffic: { connections: { connectionsMax: 1 } },
          ports: {},
          subsets: [],
          origin: { kind: 'DestinationRule', namespace: 'demo', name: 'dns' },
        },
      ],
    }
    assert.equal(plain, service)
    await serve([limited, ...workloads, udpRoute([[1, service]])])
    const { ask } = await client()
    assert.equal(await ask('a'), 'a')
    const other = await client()
    other.socket.send('b')
    await until(() => proxy.logLines.length === 1, 'the second client is refused')
    assert.match(proxy.logLines[0] ?? '', / UO 0 0 /)
    proxy.accept([{ kind: 'remove', type: 'workload', key: workloads[0]?.key ?? '' }])
    other.socket.send('c')
    await until(() => proxy.logLines.length === 2, 'the third is too')
    assert.match(proxy.logLines[1] ?? '', / UH 0 0 /)
  })

  test('a port that is not wanted any more is closed when its clients have their answers', async () => {
    const { service, objects } = backend('dns', [await server((message) => message)])
    await serve([...objects, udpRoute([[1, service]])])
    const { ask } = await client()
    assert.equal(await ask('a'), 'a')
    proxy.accept([{ kind: 'remove', type: 'listener', key: udpListener(port).key }])
    assert.equal(await ask('b'), 'b')
    assert.equal(proxy.connections.size(), 1)
    clock.advance(1100)
    assert.equal(proxy.connections.size(), 0)
  })

  test('when there is no room the client that has been silent longest goes, if it has been silent for long', async () => {
    const { service, objects } = backend('dns', [await server((message) => message)])
    await serve([...objects, udpRoute([[1, service]])])
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const narrow = createUdpListener({
      openPeer: () => assert.fail('nobody takes the place'),
      original: { address: '127.0.0.1', port },
      network: createPlainNetwork({}),
      parts: {
        runtime: proxy.runtime,
        thread: createProxyThread({ clock, random: systemRandom }),
        work: proxy.work,
        connections: proxy.connections,
        metrics: createIstioMetrics(createMetricsRegistry()),
        own: () => undefined,
        log: { write: () => {} },
      },
      route: () => udpRoute([[1, service]]),
      limits: { sessionsMax: 2 },
    })
    narrow.attach([socket])
    port = socket.address().port
    const [first, second, third] = [await client(), await client(), await client()]
    await first.ask('a')
    await second.ask('b')
    clock.advance(1500)
    await first.ask('a')
    third.socket.send('lost')
    await first.ask('a')
    assert.equal(narrow.sessions(), 2)
    clock.advance(1000)
    assert.equal(await third.ask('c'), 'c')
    assert.equal(narrow.sessions(), 2)
    second.socket.send('lost')
    assert.equal(await first.ask('a'), 'a')
    narrow.close()
  })

  test('a port that another program has is a problem that names it', async () => {
    const taken = await server(() => undefined)
    port = taken
    proxy.accept(changesOf([meshObject(), udpListener(port)]))
    await until(() => proxy.isBound(), 'it was tried')
    const problems = [...(proxy.gateway?.problems().values() ?? [])]
    assert.match(String(problems[0]), /cannot listen on UDP 127.0.0.1:\d+: the port is in use/)
  })
})
