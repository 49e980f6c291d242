import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createSecureServer } from 'node:http2'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import {
  type AppProtocol,
  credentialName,
  listenerName,
  type ModelObject,
  routeName,
  type Service,
  type UpstreamTls,
} from '../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  GATEWAY,
  listenerObject,
  meshObject,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'
import { createTestAuthority, type TestAuthority } from './tls/testing/authority.ts'

type Originate = Extract<UpstreamTls, { kind: 'originate' }>

describe('TLS to endpoints', () => {
  const closers: (() => void)[] = []
  const serverNames: string[] = []
  const clients: string[] = []
  let authority: TestAuthority
  let proxy: TestProxy
  let port = 0
  let tcpPort = 0
  let backendPort = 0
  let resumed = 0
  let ownAddresses: readonly string[] = ['127.0.0.1']

  before(async () => {
    authority = createTestAuthority()
    closers.push(authority.close)
    const pair = authority.issue(['backend.example', 'spiffe://cluster.local/ns/demo/sa/backend'])
    const options = { cert: pair.chain, key: pair.privateKey, ca: authority.certificate, allowHTTP1: true }
    const server = createSecureServer({ ...options, requestCert: true, rejectUnauthorized: false })
    server.on('secureConnection', (socket: TLSSocket) => {
      serverNames.push(String(socket.servername))
      clients.push(socket.getPeerX509Certificate()?.subjectAltName ?? '')
      if (socket.isSessionReused()) resumed++
    })
    server.on('request', (incoming, response) => {
      if (incoming.method === 'POST') {
        incoming.pipe(response)
        return
      }
      incoming.resume()
      // The proxy's own connections are kept otherwise.
      if (incoming.httpVersion === '1.1') response.setHeader('connection', 'close')
      response.end(`over ${incoming.httpVersion}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    backendPort = (server.address() as { port: number }).port
    closers.push(() => server.close())
  })
  beforeEach(async () => {
    ownAddresses = ['127.0.0.1']
    port = await freePort()
    tcpPort = await freePort()
    proxy = createTestProxy()
    closers.push(proxy.close)
  })
  after(() => {
    for (const close of closers) close()
  })

  function secured(tls: UpstreamTls, place: 'rule' | 'service', protocol: AppProtocol = 'http'): Service {
    const plain = serviceObject('backend', { ports: [{ port: 80, name: 'web', protocol }] })
    if (place === 'service') return { ...plain, tls: { '80': tls } }
    const origin = { kind: 'DestinationRule', namespace: 'demo', name: 'backend' }
    return { ...plain, policies: [{ traffic: { tls }, ports: {}, subsets: [], origin }] }
  }

  function originate(terms: Partial<Originate> = {}): Originate {
    const trust = { kind: 'certificates', pem: authority.certificate } as const
    return { kind: 'originate', serverName: 'backend.example', subjectAltNames: [], trust, ...terms }
  }

  async function serve(service: Service, ...objects: readonly ModelObject[]): Promise<void> {
    const one = workloadObject('backend-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': backendPort }, ready: true } },
    })
    const workload = { ...one, addresses: ownAddresses }
    const route = routeObject('web', {
      port,
      action: forwardTo(service, { retries: { attempts: 0, retryOn: [] } }),
    })
    const listeners: readonly ModelObject[] = [
      listenerObject(port),
      { ...listenerObject(tcpPort), key: listenerName(GATEWAY, 'tcp'), protocol: 'tcp' },
    ]
    const origin = { kind: 'TCPRoute', namespace: 'demo', name: 'tcp', rule: 0 }
    const bytes: ModelObject = {
      type: 'connection-route',
      key: routeName(origin),
      scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, 'tcp')] },
      matches: [{ order: [0] }],
      destinations: [{ weight: 1, target: { kind: 'service', service: service.key, port: 80 } }],
      origin,
    }
    const all = [meshObject(), service, workload, ...objects, ...listeners, route, bytes]
    assert.deepEqual(proxy.accept(changesOf(all)), [])
    await until(() => proxy.isBound(), 'the ports are bound')
  }

  function ask(): Promise<string> {
    return exchangeBytes(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  }

  for (const place of ['rule', 'service'] as const) {
    test(`the endpoint is checked by name and called over HTTP/1.1 (${place})`, async () => {
      await serve(secured(originate(), place))
      assert.match(await ask(), /over 1\.1/)
      assert.equal(serverNames.at(-1), 'backend.example')
    })
  }

  test('a port of HTTP/2 is called by ALPN h2', async () => {
    await serve(secured(originate(), 'rule', 'grpc'))
    assert.match(await ask(), /over 2\.0/)
  })

  for (const protocol of ['http', 'grpc'] as const) {
    test(`large bodies arrive whole in both directions (${protocol})`, async () => {
      await serve(secured(originate(), 'rule', protocol))
      const sent = Buffer.alloc(3_000_000, 'a line that is not as long as a record\n')
      for (let at = 0; at < sent.length; at += 4096) sent.writeUInt32BE(at, at)
      const outgoing = request({ host: '127.0.0.1', port, method: 'POST', agent: false })
      outgoing.end(sent)
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      assert.equal(hash('sha256', Buffer.concat(chunks)), hash('sha256', sent))
    })
  }

  for (const protocol of ['http', 'grpc'] as const) {
    test(`of several addresses of an endpoint the first that answers is used (${protocol})`, async () => {
      ownAddresses = ['127.0.0.9', '127.0.0.1']
      await serve(secured(originate(), 'rule', protocol))
      assert.match(await ask(), protocol === 'http' ? /over 1\.1/ : /over 2\.0/)
      assert.match(await ask(), protocol === 'http' ? /over 1\.1/ : /over 2\.0/)
      assert.equal(serverNames.at(-1), 'backend.example')
      proxy.accept(changesOf([secured(originate({ serverName: 'other.example' }), 'rule', protocol)]))
      assert.match(await ask(), /^HTTP\/1\.1 503 /)
    })
  }

  test('sessions are resumed', async () => {
    await serve(secured(originate(), 'rule'))
    await ask()
    const before = resumed
    await ask()
    assert.equal(resumed, before + 1)
  })

  test('another name, another authority and other alternative names are refused', async () => {
    const stranger = createTestAuthority('stranger')
    const refused: readonly Partial<Originate>[] = [
      { serverName: 'other.example' },
      { trust: { kind: 'certificates', pem: stranger.certificate } },
      { trust: { kind: 'system' } },
      { subjectAltNames: [{ kind: 'uri', value: 'spiffe://cluster.local/ns/demo/sa/other' }] },
      { subjectAltNames: [{ kind: 'dns', value: 'other.example' }] },
    ]
    stranger.close()
    for (const terms of refused) {
      await serve(secured(originate(terms), 'rule'))
      assert.match(await ask(), /^HTTP\/1\.1 503[\s\S]*TLS_error/)
    }
    const accepted: readonly Partial<Originate>[] = [
      { subjectAltNames: [{ kind: 'any', value: 'spiffe://cluster.local/*' }], serverName: 'other.example' },
      { subjectAltNames: [{ kind: 'dns', value: 'backend.example' }] },
      { trust: { kind: 'anyone' }, serverName: 'other.example' },
    ]
    for (const terms of accepted) {
      await serve(secured(originate(terms), 'rule'))
      assert.match(await ask(), /^HTTP\/1\.1 200/)
    }
  })

  test('what cannot be had is not replaced by something weaker', async () => {
    await serve(secured({ kind: 'refused', reason: 'no certificates' }, 'service'))
    assert.match(await ask(), /^HTTP\/1\.1 503[\s\S]*no healthy upstream/)
    await serve(secured(originate({ certificate: { source: 'Secret', name: 'client' } }), 'rule'))
    assert.match(await ask(), /^HTTP\/1\.1 503[\s\S]*no healthy upstream/)
  })

  test('a certificate is shown once it is there', async () => {
    const pair = authority.issue(['client.example'])
    await serve(secured(originate({ certificate: { source: 'Secret', name: 'client' } }), 'rule'))
    await serve(secured(originate({ certificate: { source: 'Secret', name: 'client' } }), 'rule'), {
      type: 'credential',
      key: credentialName('Secret', 'demo', 'client'),
      holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
      certificate: pair,
      origin: { kind: 'Secret', namespace: 'demo', name: 'client' },
    })
    assert.match(await ask(), /^HTTP\/1\.1 200/)
    assert.equal(clients.at(-1), 'DNS:client.example')
  })

  test('a gateway shows its own certificate where a service’s terms are followed, and not where a rule says them', async () => {
    const key = credentialName('Secret', 'demo', 'gateway')
    const holders = [{ namespace: 'demo', serviceAccounts: ['gw'] }]
    const certificate = authority.issue(['gateway.example'])
    const origin = { kind: 'Secret', namespace: 'demo', name: 'gateway' }
    await serve(secured(originate(), 'service'))
    await ask()
    assert.equal(clients.at(-1), '')
    const backendCertificate = { source: 'Secret', namespace: 'demo', name: 'gateway' } as const
    const listener: ModelObject = { ...listenerObject(port), backendCertificate }
    proxy.accept(changesOf([listener, { type: 'credential', key, holders, certificate, origin }]))
    assert.match(await ask(), /over 1\.1/)
    assert.equal(clients.at(-1), 'DNS:gateway.example')
    proxy.accept(changesOf([secured(originate(), 'rule')]))
    assert.match(await ask(), /over 1\.1/)
    assert.equal(clients.at(-1), '')
    proxy.accept(changesOf([secured(originate(), 'service'), listenerObject(port)]))
    assert.match(await ask(), /over 1\.1/)
    assert.equal(clients.at(-1), '')
  })

  test('no request fails while authorities and the gateway’s own certificate change again and again', async () => {
    const key = credentialName('Secret', 'demo', 'gateway')
    const backendCertificate = { source: 'Secret', namespace: 'demo', name: 'gateway' } as const
    await serve(secured(originate(), 'service'))
    proxy.accept(changesOf([{ ...listenerObject(port), backendCertificate }]))
    const shown = [authority.issue(['first.example']), authority.issue(['second.example'])]
    const other = createTestAuthority()
    closers.push(other.close)
    const bundles = [authority.certificate, `${other.certificate}${authority.certificate}`]
    const rotate = (i: number) => {
      const trust = { kind: 'certificates', pem: bundles[i % 2] ?? '' } as const
      const credential: ModelObject = {
        type: 'credential',
        key,
        holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
        certificate: shown[(i >> 1) % 2] as NonNullable<(typeof shown)[number]>,
        origin: { kind: 'Secret', namespace: 'demo', name: 'gateway' },
      }
      const changed = i % 2 === 0 ? credential : secured(originate({ trust }), 'service')
      assert.deepEqual(proxy.accept(changesOf([changed])), [])
    }
    rotate(0)
    const asked: Promise<string>[] = []
    for (let i = 1; i <= 60; i++) {
      asked.push(ask())
      await new Promise((resolve) => setImmediate(resolve))
      rotate(i)
    }
    for (const answer of await Promise.all(asked)) assert.match(answer, /over 1\.1/)
    assert.deepEqual([...new Set(clients.slice(-20))].sort(), ['DNS:first.example', 'DNS:second.example'])
  })

  test('bytes are secured too', async () => {
    await serve(secured(originate(), 'rule'))
    const socket = connect(tcpPort, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200/)
    socket.destroy()
  })
})
