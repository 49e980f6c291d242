import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import {
  type ConnectionRoute,
  listenerName,
  type ModelObject,
  routeName,
  type Service,
  type TrafficPolicy,
} from '../../model/index.ts'
import { createPlainNetwork } from '../net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  freePort,
  GATEWAY,
  listenerObject,
  meshObject,
  rawServer,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'

const FORMAT =
  '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER% %ROUTE_NAME% %BYTES_RECEIVED% %BYTES_SENT%\n'
const CLUSTER = 'outbound|80||bytes.demo.svc.cluster.local'
const ROUTE = 'TCPRoute/demo/tcp/0'

describe('a connection of bytes through a gateway', () => {
  const closers: (() => void)[] = []
  after(() => {
    for (const close of closers) close()
  })

  function routeTo(port: number, service: Service): ConnectionRoute {
    const origin = { kind: 'TCPRoute', namespace: 'demo', name: 'tcp', rule: 0 }
    return {
      type: 'connection-route',
      key: routeName(origin),
      scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, `http-${port}`)] },
      matches: [{ order: ['tcp'] }],
      destinations: [{ weight: 1, target: { kind: 'service', service: service.key, port: 80 } }],
      origin,
    }
  }

  /** @param targets ports of the endpoints; without any no route is made either when `traffic` is absent */
  async function serve(
    targets: readonly number[],
    traffic?: TrafficPolicy,
    options: Parameters<typeof createTestProxy>[0] = {},
  ): Promise<{ proxy: TestProxy; port: number }> {
    const port = await freePort()
    const proxy = createTestProxy(options)
    closers.push(proxy.close)
    const plain = serviceObject('bytes', { ports: [{ port: 80, name: 'tcp', protocol: 'tcp' }] })
    const origin = { kind: 'DestinationRule', namespace: 'demo', name: 'bytes' }
    const service: Service = {
      ...plain,
      policies: [{ traffic: traffic ?? {}, ports: {}, subsets: [], origin }],
    }
    const workloads = targets.map((target, i) =>
      workloadObject(`bytes-${i}`, {
        address: `127.0.0.${i + 1}`,
        services: { [service.key]: { ports: { '80': target }, ready: true } },
      }),
    )
    const objects: ModelObject[] = [
      { ...meshObject(FORMAT), connectTimeoutMs: 600_000 } as ModelObject,
      service,
      ...workloads,
      { ...listenerObject(port), protocol: 'tcp' },
    ]
    if (targets.length > 0 || traffic !== undefined) objects.push(routeTo(port, service))
    proxy.accept(changesOf(objects))
    await until(() => proxy.isBound(), 'the port is bound')
    return { proxy, port }
  }

  async function closed(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'close')
  }

  async function logged({ logLines }: TestProxy): Promise<string> {
    await until(() => logLines.length > 0, 'it is logged')
    return logLines[0] ?? ''
  }

  test('each direction ends on its own', async () => {
    const server = await rawServer((socket) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
      socket.on('end', () => socket.end(`all of: ${text}`))
    })
    closers.push(server.close)
    const { proxy, port } = await serve([server.port])
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    socket.write('he')
    socket.end('llo')
    await once(socket, 'close')
    assert.equal(answer, 'all of: hello')
    assert.equal(await logged(proxy), `- - ${CLUSTER} ${ROUTE} 5 13\n`)
  })

  test('when no endpoint can be reached each is tried once, and it is UF and URX', async () => {
    const gone = await freePort()
    // In turn: by chance one may be tried alone.
    const { proxy, port } = await serve([gone, gone], { balancer: { kind: 'round-robin' } })
    await closed(port)
    assert.equal(await logged(proxy), `UF,URX - ${CLUSTER} ${ROUTE} 0 0\n`)
    const cluster = [...proxy.runtime.clusters()][0]
    assert.deepEqual(
      cluster?.hosts().map(({ counters }) => counters.connectionsTotal),
      [1, 1],
    )
  })

  test('an endpoint that cannot be reached is followed by another, and nobody notices', async () => {
    const server = await rawServer((socket) => socket.end('here'))
    closers.push(server.close)
    const gone = await freePort()
    const { proxy, port } = await serve([gone, server.port], { balancer: { kind: 'round-robin' } })
    for (let i = 0; i < 2; i++) {
      const socket = connect(port, '127.0.0.1')
      const [data] = (await once(socket, 'data')) as [Buffer]
      assert.equal(data.toString(), 'here')
      socket.destroy()
    }
    assert.match(await logged(proxy), /^- /)
  })

  test('without an endpoint it is UH, without a route NR', async () => {
    const without = await serve([], {})
    await closed(without.port)
    assert.equal(await logged(without.proxy), `UH - ${CLUSTER} ${ROUTE} 0 0\n`)
    const unrouted = await serve([])
    await closed(unrouted.port)
    assert.equal(await logged(unrouted.proxy), 'NR filter_chain_not_found - - 0 0\n')
  })

  test('an endpoint that says nothing is waited for as long as its policy says', async () => {
    const network = { ...createPlainNetwork({}), connect: () => new Socket() }
    const { proxy, port } = await serve([9], { connectTimeoutMs: 20 }, { network })
    await closed(port)
    assert.match(await logged(proxy), /^UF,URX - /)
  })

  test('an endpoint may be a proxy on the way to the one that is meant', async () => {
    const heads: string[] = []
    const forwarder = await rawServer((socket) => {
      socket.once('data', (head) => {
        heads.push(head.toString('latin1'))
        const isRefused = heads.length > 1
        socket.write(isRefused ? 'HTTP/1.1 403 No\r\n\r\n' : 'HTTP/1.1 200 OK\r\n\r\nhello ')
        socket.on('data', (more) => socket.end(`after ${more.toString('latin1')}`))
      })
    })
    closers.push(forwarder.close)
    const { proxy, port } = await serve([forwarder.port], { tunnel: 'db.example:5432' })
    assert.equal(await exchangeBytes(port, 'first bytes'), 'hello after first bytes')
    assert.match(await logged(proxy), /^- - /)
    await closed(port)
    await until(() => proxy.logLines.length === 2, 'it is logged')
    assert.match(proxy.logLines[1] ?? '', /^UF,URX - /)
    assert.deepEqual(
      heads,
      Array.from({ length: 2 }, () => 'CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n'),
    )
  })

  test('one that has lived its time is closed with DT, one too many with UO', async () => {
    const server = await rawServer(() => {})
    closers.push(server.close)
    const limits = { connectionsMax: 1, durationMaxMs: 80 }
    const { proxy, port } = await serve([server.port], { connections: limits })
    const first = closed(port)
    await until(() => [...proxy.runtime.clusters()][0]?.load.connections === 1, 'it is there')
    await closed(port)
    assert.equal(await logged(proxy), `UO - ${CLUSTER} ${ROUTE} 0 0\n`)
    await first
    await until(() => proxy.logLines.length === 2, 'it is logged')
    assert.equal(proxy.logLines[1], `DT - ${CLUSTER} ${ROUTE} 0 0\n`)
  })

  test('clients are spread by a hash of their address where the policy says so', async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map((name) => rawServer((socket) => socket.end(name))))
    closers.push(...servers.map(({ close }) => close))
    const { port } = await serve(
      servers.map((one) => one.port),
      { balancer: { kind: 'hash', algorithm: 'ring', size: 1024, key: { kind: 'source-ip' } } },
    )
    const answers = new Map<string, Set<string>>()
    for (let i = 0; i < 60; i++) {
      const localAddress = `127.0.1.${i % 12}`
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      const [data] = (await once(socket, 'data')) as [Buffer]
      answers.set(localAddress, (answers.get(localAddress) ?? new Set()).add(data.toString()))
      socket.destroy()
    }
    assert.ok([...answers.values()].every((seen) => seen.size === 1))
    assert.ok(new Set([...answers.values()].flatMap((seen) => [...seen])).size > 1)
  })
})
