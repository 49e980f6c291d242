import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type ModelObject, serviceName } from '../model/index.ts'
import { createPlainNetwork, type SocketTarget } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'

/** A sidecar on loopback; where each captured connection "was going" is set by the test. */
describe('a sidecar', () => {
  let proxy: TestProxy
  let original: SocketTarget | undefined
  const closers: (() => void)[] = []
  let appPort = 0
  let echoPort = 0
  let otherPort = 0
  let greetPort = 0
  let seen = ''
  const http = serviceObject('web', {
    ports: [{ port: 8080, name: 'http', protocol: 'http' }],
    addresses: ['10.43.0.50'],
  })
  const auto = serviceObject('auto', {
    ports: [{ port: 9000, name: 'any', protocol: 'auto' }],
    addresses: ['10.43.0.51'],
  })
  const redis = serviceObject('redis', {
    ports: [{ port: 6379, name: 'tcp', protocol: 'tcp' }],
    addresses: ['10.43.0.52'],
  })

  before(async () => {
    const app = await rawServer(
      respondWith((head) => {
        seen = head
        return ok('app', 'server: app\r\n')
      }),
    )
    const other = await rawServer(respondWith(() => ok('other')))
    const echo = await rawServer((socket) => socket.pipe(socket))
    const greet = await rawServer((socket) => {
      socket.write('hello from the server\n')
      socket.on('data', (chunk) => socket.write(chunk))
      socket.on('end', () => socket.end())
    })
    closers.push(app.close, other.close, echo.close, greet.close)
    appPort = app.port
    otherPort = other.port
    echoPort = echo.port
    greetPort = greet.port
    proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar' },
    })
    await proxy.start()
    const objects: ModelObject[] = [
      meshObject('%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER_RAW% %BYTES_SENT%\n'),
      http,
      auto,
      redis,
      workloadObject('web-1', {
        address: '127.0.0.1',
        services: { [http.key]: { ports: { '8080': appPort }, ready: true } },
      }),
      workloadObject('auto-1', {
        address: '127.0.0.2',
        services: { [auto.key]: { ports: { '9000': greetPort }, ready: true } },
      }),
      workloadObject('redis-1', {
        address: '127.0.0.3',
        services: { [redis.key]: { ports: { '6379': echoPort }, ready: true } },
      }),
      routeObject('mesh', {
        mesh: true,
        domains: [http.hostname],
        match: { path: { kind: 'segment-prefix', value: '/routed' } },
        action: { kind: 'respond', status: 299, body: 'by the mesh', reason: 'test' },
      }),
      routeObject('mesh-rest', { mesh: true, order: 1, domains: [http.hostname], action: forwardTo(http) }),
    ]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
  })
  after(() => {
    proxy.close()
    for (const close of closers) close()
  })

  const outbound = () => proxy.sidecar?.ports().outbound ?? 0
  const inbound = () => proxy.sidecar?.ports().inbound ?? 0
  const get = (host: string, path = '/') =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

  test('routes HTTP to a virtual address by its Host, through the mesh routes', async () => {
    original = { address: '10.43.0.50', port: 8080 }
    assert.match(await exchangeBytes(outbound(), get('web', '/routed/x')), /^HTTP\/1\.1 299 .*by the mesh$/s)
    const answer = await exchangeBytes(outbound(), get('web.demo.svc.cluster.local:8080', '/x'))
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*app$/s)
    assert.match(answer, /\r\nserver: envoy\r\n/)
    assert.match(seen, /\r\nhost: web\.demo\.svc\.cluster\.local:8080\r\n/)
  })

  test('sends a Host that no service has to the service that was dialled', async () => {
    original = { address: '10.43.0.50', port: 8080 }
    assert.match(await exchangeBytes(outbound(), get('unknown.example')), /app$/)
  })

  test('passes an unknown destination through, unless the mesh allows only what it knows', async () => {
    original = { address: '127.0.0.1', port: otherPort }
    assert.match(await exchangeBytes(outbound(), get('elsewhere.example')), /other$/)
    proxy.accept(changesOf([{ ...meshObject(), outbound: 'registry-only' } as ModelObject]))
    original = { address: '127.0.0.9', port: otherPort }
    assert.match(await exchangeBytes(outbound(), get('elsewhere.example')), /^HTTP\/1\.1 502 Bad Gateway/)
    const logging = meshObject('%RESPONSE_FLAGS% %UPSTREAM_CLUSTER_RAW%\n')
    proxy.accept(changesOf([{ ...logging, outbound: 'registry-only' } as ModelObject]))
    assert.equal(await exchangeBytes(outbound(), '\x00\x01'), '')
    await until(() => proxy.logLines.includes('UH BlackHoleCluster\n'), 'it is logged')
    proxy.accept(changesOf([meshObject('%UPSTREAM_CLUSTER_RAW%\n')]))
  })

  test('passes requests for a service without endpoints on to the address that was dialled, by its policy', async () => {
    const wild = {
      ...serviceObject('wild', { ports: [{ port: otherPort, name: 'http', protocol: 'http' }] }),
      key: serviceName('demo', '*.wild.example'),
      hostname: '*.wild.example',
      resolution: 'passthrough',
      policies: [
        {
          traffic: { connections: { requestsPerConnectionMax: 1 } },
          ports: {},
          subsets: [],
          origin: { kind: 'DestinationRule', namespace: 'demo', name: 'wild' },
        },
      ],
    } as const
    proxy.accept(changesOf([wild]))
    original = { address: '127.0.0.1', port: otherPort }
    assert.match(await exchangeBytes(outbound(), get('a.wild.example')), /other$/)
    const name = `outbound|${otherPort}||*.wild.example`
    assert.ok(proxy.logLines.at(-1)?.includes(name), proxy.logLines.at(-1))
    const cluster = [...proxy.runtime.clusters()].find((one) => one.name === name)
    await until(() => cluster?.hosts().length === 0, 'the host is forgotten with its connection')
    assert.equal(cluster?.load.connectionsUsedUp, 1)
  })

  test('passes connections to an address of a service without endpoints on to it, and gives up when nobody takes them', async () => {
    const bytes = {
      ...serviceObject('bytes', {
        ports: [
          { port: echoPort, name: 'tcp', protocol: 'tcp' },
          { port: 1, name: 'tcp-closed', protocol: 'tcp' },
        ],
        addresses: ['127.0.0.4'],
      }),
      resolution: 'passthrough',
    } as const
    proxy.accept(changesOf([bytes]))
    original = { address: '127.0.0.4', port: echoPort }
    assert.equal(await exchangeBytes(outbound(), 'ping', (received) => received === 'ping'), 'ping')
    original = { address: '127.0.0.4', port: 1 }
    assert.equal(await exchangeBytes(outbound(), 'ping'), '')
  })

  test('proxies TCP with half-close in both directions', async () => {
    original = { address: '10.43.0.52', port: 6379 }
    const socket = connect({ port: outbound(), host: '127.0.0.1', allowHalfOpen: true })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.end('ping')
    await once(socket, 'end')
    assert.equal(received, 'ping')
    socket.destroy()
    assert.match(
      proxy.registry.text(),
      /istio_tcp_connections_opened_total\{reporter="source".*destination_service="redis/,
    )
  })

  test('counts the bytes of a TCP connection while it lives', async () => {
    original = { address: '10.43.0.52', port: 6379 }
    const bytes = (direction: string) =>
      Number(
        new RegExp(
          `istio_tcp_${direction}_bytes_total\\{reporter="source".*destination_service="redis.*\\} (\\d+)`,
        ).exec(proxy.registry.text())?.[1] ?? 0,
      )
    const [received, sent] = [bytes('received'), bytes('sent')]
    const socket = connect({ port: outbound(), host: '127.0.0.1' })
    socket.write('ping')
    await once(socket, 'data')
    assert.equal(bytes('received') - received, 4)
    assert.equal(bytes('sent') - sent, 4)
    const closed = once(socket, 'close')
    socket.end()
    await closed
    assert.equal(bytes('received') - received, 4)
  })

  test('lets a server speak first on a port of unknown protocol, after a bounded wait', async () => {
    original = { address: '10.43.0.51', port: 9000 }
    const answer = await exchangeBytes(outbound(), [], (received) => received.includes('hello'))
    assert.equal(answer, 'hello from the server\n')
  })

  test('recognises HTTP on a port of unknown protocol, byte by byte too', async () => {
    original = { address: '127.0.0.1', port: appPort }
    const bytes = get('web').split('')
    assert.match(
      await exchangeBytes(inbound(), bytes),
      /^HTTP\/1\.1 200 OK\r\n.*\r\nserver: istio-envoy\r\n.*app$/s,
    )
  })

  test('hands inbound requests to the application and reports them as their destination', async () => {
    original = { address: '127.0.0.1', port: appPort }
    assert.match(await exchangeBytes(inbound(), get('web')), /app$/)
    assert.match(seen, /\r\nx-forwarded-proto: http\r\n/)
    assert.doesNotMatch(seen, /x-envoy-attempt-count/)
    const counted = get('web').replace('Connection', 'X-Envoy-Attempt-Count: 2\r\nConnection')
    assert.match(await exchangeBytes(inbound(), counted), /app$/)
    assert.match(seen, /x-envoy-attempt-count: 2/)
    const text = proxy.registry.text()
    assert.match(
      text,
      /istio_requests_total\{reporter="destination",.*destination_service_name="web".*connection_security_policy="none"\}/,
    )
  })

  test('closes a connection that dials the listener itself', async () => {
    original = { address: '127.0.0.1', port: outbound() }
    const socket: Socket = connect({ port: outbound(), host: '127.0.0.1' })
    socket.resume()
    socket.on('error', () => {})
    await once(socket, 'close')
    original = undefined
    const direct = connect({ port: inbound(), host: '127.0.0.1' })
    direct.resume()
    direct.on('error', () => {})
    await once(direct, 'close')
  })
})
