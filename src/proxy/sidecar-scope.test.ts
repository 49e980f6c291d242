import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type AppProtocol, type ModelObject, type Sidecar, sidecarName } from '../model/index.ts'
import { createPlainNetwork, type SocketTarget } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  freePort,
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

/** What applications get of services that a Sidecar leaves out, and how it hands on what comes in. */
describe('with a Sidecar', () => {
  let proxy: TestProxy
  let original: SocketTarget | undefined
  let outsidePort = 0
  const closers: (() => void)[] = []
  const ports = [{ port: 80, name: 'http', protocol: 'http' }] as const
  const cart = serviceObject('cart', { ports, addresses: ['10.43.0.60'] })
  const shop = serviceObject('shop', { ports, addresses: ['127.0.0.1'] })

  before(async () => {
    const servers = await Promise.all(
      ['cart', 'shop', 'outside'].map((name) => rawServer(respondWith(() => ok(`by ${name}`)))),
    )
    closers.push(...servers.map(({ close }) => close))
    const [cartPort = 0, shopPort = 0] = servers.map(({ port }) => port)
    outsidePort = servers[2]?.port ?? 0
    proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar' },
    })
    await proxy.start()
    const objects: ModelObject[] = [
      meshObject(),
      cart,
      shop,
      workloadObject('cart-1', {
        address: '127.0.0.3',
        services: { [cart.key]: { ports: { '80': cartPort }, ready: true } },
      }),
      workloadObject('shop-1', {
        address: '127.0.0.2',
        services: { [shop.key]: { ports: { '80': shopPort }, ready: true } },
      }),
      routeObject('virtual', {
        mesh: true,
        domains: [shop.hostname],
        match: { path: { kind: 'exact', value: '/virtual' } },
        action: { kind: 'respond', status: 298, body: 'by host', reason: 'test' },
      }),
    ]
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
  })
  beforeEach(() => without())
  after(() => {
    proxy.close()
    for (const close of closers) close()
  })

  function hold(terms: Partial<Sidecar>): void {
    const sidecar: Sidecar = {
      type: 'sidecar',
      key: sidecarName('demo', 'default'),
      scope: { namespace: 'demo', labels: {} },
      createdAt: '',
      egress: [{ hosts: [{ namespace: '.', host: cart.hostname }] }],
      ingress: [],
      origin: { kind: 'Sidecar', namespace: 'demo', name: 'default' },
      ...terms,
    }
    assert.deepEqual(proxy.accept(changesOf([sidecar])), [])
  }

  function without(): void {
    proxy.accept([{ kind: 'remove', type: 'sidecar', key: 'demo/default' }])
  }

  async function ask(to: SocketTarget, host: string, path = '/'): Promise<string> {
    original = to
    const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    const answer = await exchangeBytes(proxy.sidecar?.ports().outbound ?? 0, head)
    return `${answer.slice(9, 12)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`
  }

  const atShop = { address: '127.0.0.1', port: 80 }

  test('a service in scope is served, one out of scope is not found any more, and comes back without it', async () => {
    assert.equal(await ask(atShop, 'shop', '/virtual'), '298 by host')
    hold({ outbound: 'registry-only' })
    assert.equal(await ask({ address: '10.43.0.60', port: 80 }, 'cart'), '200 by cart')
    assert.match(await ask(atShop, 'shop'), /^502/)
    assert.match(await ask(atShop, 'shop', '/virtual'), /^502/)
    without()
    assert.equal(await ask(atShop, 'shop', '/virtual'), '298 by host')
  })

  test('a connection that is open follows another Sidecar with its next request', async () => {
    original = atShop
    const socket = connect(proxy.sidecar?.ports().outbound ?? 0, '127.0.0.1')
    let received = ''
    socket.on('data', (bytes) => (received += bytes.toString()))
    const answers = () => [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
    socket.write('GET /virtual HTTP/1.1\r\nHost: shop\r\n\r\n')
    await until(() => answers().length === 1, 'the first answer')
    hold({ outbound: 'registry-only' })
    socket.write('GET /virtual HTTP/1.1\r\nHost: shop\r\n\r\n')
    await until(() => answers().length === 2, 'the second answer')
    without()
    socket.write('GET /virtual HTTP/1.1\r\nHost: shop\r\n\r\n')
    await until(() => answers().length === 3, 'the third answer')
    socket.destroy()
    assert.deepEqual(answers(), ['298', '502', '298'])
  })

  test('what is not known goes where it was dialled, as the mesh has it, or nowhere, as the Sidecar has it', async () => {
    hold({})
    assert.equal(await ask({ address: '127.0.0.1', port: outsidePort }, 'elsewhere.test'), '200 by outside')
    hold({ outbound: 'registry-only' })
    assert.match(await ask({ address: '127.0.0.1', port: outsidePort }, 'elsewhere.test'), /^502/)
  })

  test('what is not known goes through the egress proxy that it names', async () => {
    hold({ egressProxy: { kind: 'service', service: shop.key, port: 80 } })
    assert.equal(await ask({ address: '127.0.0.1', port: outsidePort }, 'elsewhere.test'), '200 by shop')
    assert.equal(await ask({ address: '10.43.0.60', port: 80 }, 'cart'), '200 by cart')
  })

  test('what comes in at a port of its ingress goes to the endpoint there, or is refused where that cannot be', async () => {
    hold({
      ingress: [
        { port: 9080, protocol: 'http', endpoint: { kind: 'at', address: '127.0.0.1', port: outsidePort } },
        { port: 9081, protocol: 'http', endpoint: { kind: 'refused', reason: 'unix://' } },
      ],
    })
    const inbound = proxy.sidecar?.ports().inbound ?? 0
    const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    original = { address: '127.0.0.1', port: 9080 }
    assert.match(await exchangeBytes(inbound, head), /by outside$/)
    original = { address: '127.0.0.1', port: 9081 }
    assert.equal(await exchangeBytes(inbound, head).catch(() => ''), '')
  })

  /** An application that answers when it is told to, and how many connections it has had. */
  async function heldApp() {
    const answers: (() => void)[] = []
    let connections = 0
    const app = await rawServer((socket) => {
      connections++
      socket.on('end', () => socket.end())
      socket.on('data', () => answers.push(() => socket.write(ok('done'))))
    })
    closers.push(app.close)
    return { port: app.port, answers, connections: () => connections }
  }

  /** @returns the status, once there is an answer */
  async function askIn(at: SocketTarget): Promise<string> {
    original = at
    const head = 'GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n'
    const answer = await exchangeBytes(proxy.sidecar?.ports().inbound ?? 0, head)
    return answer.slice(9, 12)
  }

  test('what comes in is bounded as it says: for a port, or for all; and at once where it says so later', async () => {
    const app = await heldApp()
    const at = { address: '127.0.0.1', port: app.port }
    const bounds = { connections: { connectionsMax: 1, pendingMax: 1 } }
    const three = async (what: string, served: number) => {
      const before = app.answers.length
      const statuses: string[] = []
      const asked = [1, 2, 3].map(async () => statuses.push(await askIn(at)))
      await until(() => app.answers.length + statuses.length >= before + served, what)
      while (statuses.length < 3) {
        await until(() => app.answers.length > 0 || statuses.length === 3, what)
        app.answers.shift()?.()
      }
      await Promise.all(asked)
      return statuses.toSorted()
    }
    const ingress = [{ port: app.port, protocol: 'http', endpoint: { kind: 'dialled' } }] as const
    hold({ ingress: [{ ...ingress[0], bounds }] })
    assert.deepEqual(await three('one is served, one waits', 2), ['200', '200', '503'])
    hold({ ingress, inboundBounds: bounds })
    assert.deepEqual(await three('the same for all ports', 2), ['200', '200', '503'])
    hold({ ingress: [{ ...ingress[0], bounds: {} }], inboundBounds: bounds })
    assert.deepEqual(await three('the port has its own, which are none', 3), ['200', '200', '200'])
  })

  test('without it, what a DestinationRule says of the service bounds what comes in as well', async () => {
    const app = await heldApp()
    const traffic = { connections: { requestsPerConnectionMax: 1 } }
    const origin = { kind: 'DestinationRule', namespace: 'demo', name: 'own' }
    const own = {
      ...serviceObject('own', { ports }),
      policies: [{ traffic, ports: {}, subsets: [], origin }],
    }
    const workload = workloadObject('own-1', {
      address: proxy.node.ips[0] ?? '',
      services: { [own.key]: { ports: { '80': app.port }, ready: true } },
    })
    assert.deepEqual(proxy.accept(changesOf([own, workload])), [])
    for (let i = 0; i < 2; i++) {
      const asked = askIn({ address: '127.0.0.1', port: app.port })
      await until(() => app.answers.length > 0, 'the application is asked')
      app.answers.shift()?.()
      assert.equal(await asked, '200')
    }
    assert.equal(app.connections(), 2)
  })

  test('an application is spoken to as its port declares, or as its client speaks where that says nothing', async () => {
    const firsts: string[] = []
    const app = await rawServer((socket) => {
      socket.once('data', (first) => {
        firsts.push(first.toString('latin1', 0, 3))
        // Of HTTP/2 it knows no more.
        if (firsts.at(-1) === 'PRI') socket.destroy()
        else socket.end(ok('done'))
      })
    })
    closers.push(app.close)
    original = { address: '127.0.0.1', port: app.port }
    const inbound = proxy.sidecar?.ports().inbound ?? 0
    async function spoken(protocol: AppProtocol, client: 'http1' | 'http2'): Promise<string> {
      const ports = [{ port: 80, name: 'p', protocol }]
      const own = serviceObject('spoken', { ports })
      const workload = workloadObject('spoken-1', {
        address: proxy.node.ips[0] ?? '',
        services: { [own.key]: { ports: { '80': app.port }, ready: true } },
      })
      assert.deepEqual(proxy.accept(changesOf([own, workload])), [])
      firsts.length = 0
      if (client === 'http1')
        await exchangeBytes(inbound, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      else {
        const session = connectHttp2(`http://127.0.0.1:${inbound}`)
        session.on('error', () => {})
        const stream = session.request({ ':path': '/', ':authority': 'a' })
        stream.on('error', () => {})
        stream.resume()
        await once(stream, 'close')
        session.destroy()
      }
      return firsts[0] ?? ''
    }
    assert.equal(await spoken('http', 'http2'), 'GET')
    assert.equal(await spoken('http', 'http1'), 'GET')
    assert.equal(await spoken('grpc', 'http1'), 'PRI')
    assert.equal(await spoken('auto', 'http2'), 'PRI')
    assert.equal(await spoken('auto', 'http1'), 'GET')
  })

  test('a listener that it binds serves those who dial it: HTTP by the Host, the rest as its one service', async () => {
    const [http, tcp] = [await freePort(), await freePort()]
    const web = serviceObject('web', {
      ports: [{ port: http, name: 'http', protocol: 'http' }],
      addresses: [],
    })
    const db = serviceObject('db', { ports: [{ port: tcp, name: 'tcp', protocol: 'tcp' }], addresses: [] })
    const at = (port: number) => ({ ports: { [String(port)]: outsidePort }, ready: true })
    const services = { [web.key]: at(http), [db.key]: at(tcp) }
    const workload = workloadObject('web-1', { address: '127.0.0.1', services })
    assert.deepEqual(proxy.accept(changesOf([web, db, workload])), [])
    const listener = (port: number, protocol: 'http' | 'tcp') => ({
      port,
      bind: { address: '127.0.0.1', port, protocol },
      hosts: [{ namespace: '*', host: '*' }],
    })
    hold({ egress: [listener(http, 'http'), listener(tcp, 'tcp')] })
    const head = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    const ask = (port: number, host: string) => exchangeBytes(port, head(host)).catch(() => '')
    let answer = ''
    // The first are refused until the listener is bound.
    for (let tries = 0; answer === '' && tries < 1000; tries++) answer = await ask(http, `web:${http}`)
    assert.match(answer, /by outside$/)
    assert.match(await ask(http, 'elsewhere.test'), / 502 /)
    const socket = connect(tcp, '127.0.0.1')
    let received = ''
    socket.on('data', (bytes) => (received += bytes.toString()))
    socket.write(head('whatever'))
    await until(() => received.endsWith('by outside'), 'the answer through bytes')
    socket.destroy()
    without()
    assert.equal(await ask(http, 'web'), '')
  })
})
