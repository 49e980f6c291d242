import assert from 'node:assert/strict'
import { createHash, hash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, type ConnectionOptions, createServer, type TLSSocket } from 'node:tls'
import { createManualClock, systemRandom } from '../base/index.ts'
import {
  type AcceptedClients,
  type ClientCertificates,
  type ConnectionRoute,
  type Credential,
  credentialName,
  type Listener,
  listenerName,
  type ListenerTls,
  type ModelObject,
  routeName,
  type Service,
} from '../model/index.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  freePort,
  GATEWAY,
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
} from './testing.ts'
import { createProxyThread } from './exchange/thread.ts'
import { createTestAuthority, type KeyPair, type TestAuthority } from './tls/testing/authority.ts'

function credentialObject(
  name: string,
  content: Partial<Pick<Credential, 'certificate' | 'trust' | 'revocations'>>,
): Credential {
  return {
    type: 'credential',
    key: credentialName('Secret', 'demo', name),
    holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
    ...content,
    origin: { kind: 'Secret', namespace: 'demo', name },
  }
}

function terminating(
  names: readonly string[],
  clients: ClientCertificates = { kind: 'none' },
): Extract<ListenerTls, { kind: 'terminate' }> {
  const certificates = names.map((name) => ({ source: 'Secret' as const, name }))
  return { kind: 'terminate', certificates, clients }
}

function securedListener(
  name: string,
  options: {
    readonly port: number
    readonly hostname: string
    readonly tls: ListenerTls
    readonly protocol?: 'https' | 'tls'
    readonly isolated?: boolean
  },
): Listener {
  const { port, hostname, tls, protocol = 'https', isolated = true } = options
  const key = listenerName(GATEWAY, name)
  return { ...listenerObject(port, [hostname]), key, protocol, tls, isolated }
}

function backend(name: string, port: number): { service: Service; objects: readonly ModelObject[] } {
  const service = serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const workload = workloadObject(`${name}-1`, {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': port }, ready: true } },
  })
  return { service, objects: [service, workload] }
}

function connectionRoute(
  name: string,
  listener: string,
  options: {
    readonly serverNames?: readonly string[]
    readonly services: readonly (readonly [weight: number, service: Service])[]
    readonly idleTimeoutMs?: number
  },
): ConnectionRoute {
  const { serverNames, services, idleTimeoutMs } = options
  const origin = { kind: 'TLSRoute', namespace: 'demo', name, rule: 0 }
  return {
    type: 'connection-route',
    key: routeName(origin),
    scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, listener)] },
    matches: [{ order: [name], ...(serverNames && { serverNames }) }],
    destinations: services.map(([weight, service]) => ({
      weight,
      target: { kind: 'service', service: service.key, port: 80 },
    })),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    origin,
  }
}

/** Everything else of a request stays with the connection's own defaults. */
function get(
  port: number,
  servername: string,
  options: ConnectionOptions & { readonly host?: string } = {},
): Promise<{ status: number; body: string }> {
  const { host = servername, ...tls } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { ...tls, hostname: '127.0.0.1', port, servername, headers: { host }, agent: false },
      (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', ...options })
  await once(socket, 'secureConnect')
  return socket
}

describe('a gateway with TLS', () => {
  const closers: (() => void)[] = []
  let authority: TestAuthority
  let proxy: TestProxy
  let port = 0
  let seen = ''
  let pairs: Readonly<Record<'one' | 'two' | 'wild' | 'client', KeyPair>>
  let one: ReturnType<typeof backend>
  let two: ReturnType<typeof backend>

  before(async () => {
    authority = createTestAuthority()
    pairs = {
      one: authority.issue(['one.example']),
      two: authority.issue(['two.example'], { isRsa: true }),
      wild: authority.issue(['*.wild.example']),
      client: authority.issue(['spiffe://cluster.local/ns/a/sa/b', 'client.example']),
    }
    const servers = await Promise.all(
      ['one', 'two'].map((name) =>
        rawServer(
          respondWith((head) => {
            seen = head
            return ok(name)
          }),
        ),
      ),
    )
    closers.push(...servers.map(({ close }) => close), authority.close)
    one = backend('one', servers[0]?.port ?? 0)
    two = backend('two', servers[1]?.port ?? 0)
    port = await freePort()
    proxy = createTestProxy()
    closers.push(() => proxy.close())
  })
  after(() => {
    for (const close of closers) close()
  })

  /** Replaces everything that the proxy serves on the port. */
  async function serve(target: TestProxy, objects: readonly ModelObject[]): Promise<void> {
    const format = '%RESPONSE_CODE% %REQUESTED_SERVER_NAME%\n'
    const all = [meshObject(format), ...one.objects, ...two.objects, ...objects]
    assert.deepEqual(target.accept(changesOf(all)), [])
    await until(() => target.isBound(), 'the port is bound')
  }

  function hostRoute(listener: string, domain: string, service: Service): ModelObject {
    const route = routeObject(`${listener}-${domain}`, { domains: [domain], action: forwardTo(service) })
    return { ...route, scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, listener)] } }
  }

  test('serves HTTPS with the certificate for the name, over HTTP/1.1 and HTTP/2', async () => {
    await serve(proxy, [
      credentialObject('one', { certificate: pairs.one }),
      credentialObject('two', { certificate: pairs.two }),
      credentialObject('wild', { certificate: pairs.wild }),
      securedListener('one', { port, hostname: '*', tls: terminating(['one', 'two', 'wild']) }),
      securedListener('wild', { port, hostname: '*.wild.example', tls: terminating(['wild']) }),
      hostRoute('one', '*', one.service),
      hostRoute('wild', '*', two.service),
    ])
    const ca = authority.certificate
    for (const name of ['one.example', 'two.example']) {
      assert.deepEqual(await get(port, name, { ca }), { status: 200, body: 'one' })
      assert.match(seen, /x-forwarded-proto: https/)
    }
    assert.deepEqual(await get(port, 'a.wild.example', { ca }), { status: 200, body: 'two' })
    assert.ok(proxy.logLines.includes('200 a.wild.example\n'))

    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'two.example' })
    const stream = session.request({ ':path': '/', ':authority': 'two.example' })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    assert.equal(headers[':status'], 200)
    stream.resume()
    await once(stream, 'close')
    assert.equal((session.socket as TLSSocket).alpnProtocol, 'h2')
    session.close()
  })

  test('requests that come many together, each in a record of its own, are answered in their order', async () => {
    await serve(proxy, [
      credentialObject('one', { certificate: pairs.one }),
      securedListener('one', { port, hostname: '*', tls: terminating(['one']) }),
      hostRoute('one', '*', one.service),
    ])
    const socket = await handshake({ port, servername: 'one.example', ca: authority.certificate })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.cork()
    for (let i = 0; i < 200; i++) {
      const body = `${i} `.repeat(i)
      socket.write(
        `POST /${i} HTTP/1.1\r\nHost: one.example\r\nx-request-id: ${i}\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body)
    }
    socket.uncork()
    await until(() => [...text.matchAll(/HTTP\/1\.1 200 /g)].length === 200, 'all are answered')
    assert.match(seen, /^POST \/199 /)
    socket.destroy()
  })

  test('a request for a host that another listener serves is misdirected', async () => {
    const ca = authority.certificate
    assert.equal((await get(port, 'a.wild.example', { ca, host: 'one.example' })).status, 421)
    assert.equal((await get(port, 'one.example', { ca, host: 'b.wild.example' })).status, 421)
    assert.equal((await get(port, 'one.example', { ca, host: 'any.example' })).status, 200)
  })

  test('plain HTTP, nonsense and too old versions are refused', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x00\x05hello', '\x16\x09']) {
      const socket = connectTcp(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes, 'latin1')
      await once(socket, 'close')
    }
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
    await assert.rejects(get(port, 'one.example', { rejectUnauthorized: false, ...old }))
  })

  test('a session is resumed, also by another worker with the same key', async () => {
    const ticketKey = Buffer.alloc(48, 7)
    const workers = [createTestProxy({ ticketKey }), createTestProxy({ ticketKey })]
    const ports = [await freePort(), await freePort()] as const
    for (const [i, worker] of workers.entries()) {
      await serve(worker, [
        credentialObject('one', { certificate: pairs.one }),
        securedListener('one', { port: ports[i] ?? 0, hostname: '*', tls: terminating(['one']) }),
      ])
      closers.push(worker.close)
    }
    const options = { ca: authority.certificate, servername: 'one.example' }
    const first = await handshake({ port: ports[0], ...options })
    const [session] = (await once(first, 'session')) as [Buffer]
    first.destroy()
    for (const other of ports) {
      const again = await handshake({ port: other, ...options, session })
      assert.ok(again.isSessionReused())
      again.destroy()
    }
  })

  test('clients that must show a certificate are named to the application, others fail', async () => {
    const clients = { kind: 'required', trust: [{ source: 'Secret', name: 'clients' }] } as const
    await serve(proxy, [
      credentialObject('clients', { trust: authority.certificate }),
      securedListener('one', { port, hostname: '*', tls: terminating(['one'], clients) }),
    ])
    const ca = authority.certificate
    await assert.rejects(get(port, 'one.example', { ca }))
    const stranger = createTestAuthority('stranger')
    const bad = stranger.issue(['client.example'])
    stranger.close()
    await assert.rejects(get(port, 'one.example', { ca, cert: bad.chain, key: bad.privateKey }))
    const { chain, privateKey } = pairs.client
    assert.equal((await get(port, 'one.example', { ca, cert: chain, key: privateKey })).status, 200)
    const forwarded = /x-forwarded-client-cert: (.*)\r\n/.exec(seen)?.[1] ?? ''
    assert.match(
      forwarded,
      /^Hash=[0-9a-f]{64};Cert="-----BEGIN%20CERTIFICATE[^"]*";Subject="CN=[^"]*";URI=spiffe:\/\/cluster\.local\/ns\/a\/sa\/b;DNS=client\.example$/,
    )
    const asked = [
      'TLS_VERSION',
      'TLS_CIPHER',
      'PEER_URI_SAN',
      'PEER_DNS_SAN',
      'PEER_SUBJECT',
      'LOCAL_DNS_SAN',
    ]
    const format = asked.map((name) => `%DOWNSTREAM_${name}%`).join(' ')
    proxy.accept(changesOf([meshObject(`${format} %DOWNSTREAM_PEER_CERT_V_END(%Y)%\n`)]))
    await get(port, 'one.example', { ca, cert: chain, key: privateKey })
    await until(() => proxy.logLines.at(-1)?.startsWith('TLSv1.3') === true, 'the connection is logged')
    assert.match(
      proxy.logLines.at(-1) ?? '',
      /^TLSv1\.3 TLS_\w+ spiffe:\/\/cluster\.local\/ns\/a\/sa\/b client\.example CN=\S.* one\.example 20\d\d\n$/,
    )
  })

  test('of clients with a good certificate only those named are let in, by name, hash or key', async () => {
    const ca = authority.certificate
    const certificate = new X509Certificate(pairs.client.chain)
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
    const ask = async (kind: 'required' | 'optional', accepted: AcceptedClients, pair?: KeyPair) => {
      const clients = { kind, trust: [{ source: 'Secret', name: 'clients' }], accepted } as const
      await serve(proxy, [
        credentialObject('clients', { trust: ca }),
        securedListener('one', { port, hostname: '*', tls: terminating(['one'], clients) }),
      ])
      const shown = pair && { cert: pair.chain, key: pair.privateKey }
      return get(port, 'one.example', { ca, ...shown }).then(
        ({ status }) => status,
        () => 'refused',
      )
    }
    const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
    for (const accepted of [
      { names: ['other', 'spiffe://cluster.local/ns/a/sa/b'] },
      { certificateHashes: [hash] },
      { keyHashes: [createHash('sha256').update(key).digest('base64')], certificateHashes: ['0'.repeat(64)] },
      { names: ['client.example'], certificateHashes: [hash] },
    ]) {
      assert.equal(await ask('required', accepted, pairs.client), 200, JSON.stringify(accepted))
      assert.equal(await ask('optional', accepted, pairs.client), 200)
      assert.equal(await ask('required', accepted, pairs.two), 'refused')
      assert.equal(await ask('optional', accepted, pairs.two), 'refused')
      assert.equal(await ask('optional', accepted), 200)
    }
    const both = { names: ['other.example'], certificateHashes: [hash] }
    assert.equal(await ask('required', both, pairs.client), 'refused')
  })

  test('a client whose certificate is revoked is refused', async () => {
    const ca = authority.certificate
    const clients = { kind: 'required', trust: [{ source: 'Secret', name: 'clients' }] } as const
    await serve(proxy, [
      credentialObject('clients', { trust: ca, revocations: authority.revoke([pairs.two]) }),
      securedListener('one', { port, hostname: '*', tls: terminating(['one'], clients) }),
    ])
    const { client, two: revoked } = pairs
    const good = await get(port, 'one.example', { ca, cert: client.chain, key: client.privateKey })
    assert.equal(good.status, 200)
    await assert.rejects(get(port, 'one.example', { ca, cert: revoked.chain, key: revoked.privateKey }))
    await serve(proxy, [credentialObject('clients', { trust: ca })])
    const again = await get(port, 'one.example', { ca, cert: revoked.chain, key: revoked.privateKey })
    assert.equal(again.status, 200)
  })

  test('sessions are sealed with another key each hour, and connections go on', async () => {
    const clock = createManualClock(10 * 3_600_000)
    const thread = createProxyThread({ clock, random: systemRandom })
    const worker = createTestProxy({ thread, ticketKey: Buffer.alloc(48, 7) })
    closers.push(worker.close)
    const own = await freePort()
    await serve(worker, [
      credentialObject('one', { certificate: pairs.one }),
      securedListener('one', { port: own, hostname: '*', tls: terminating(['one']) }),
    ])
    const options = { port: own, ca: authority.certificate, servername: 'one.example' }
    const first = await handshake(options)
    const [session] = (await once(first, 'session')) as [Buffer]
    const second = await handshake({ ...options, session })
    assert.ok(second.isSessionReused())
    clock.advance(3_600_000)
    const third = await handshake({ ...options, session })
    assert.equal(third.isSessionReused(), false)
    for (const socket of [first, second, third]) socket.destroy()
  })

  test('the suites of TLS are those with forward secrecy, AES of 128 bits first', async () => {
    const options = { port, ca: authority.certificate, servername: 'one.example' }
    await serve(proxy, [
      credentialObject('one', { certificate: pairs.one }),
      securedListener('one', { port, hostname: '*', tls: terminating(['one']) }),
    ])
    const socket = await handshake(options)
    assert.equal(socket.getCipher().standardName, 'TLS_AES_128_GCM_SHA256')
    socket.destroy()
    const older = await handshake({ ...options, maxVersion: 'TLSv1.2' })
    assert.equal(older.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
    older.destroy()
    await assert.rejects(handshake({ ...options, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }))
    // The mesh may say otherwise, for listeners that say nothing.
    const tlsDefaults = { ciphers: ['ECDHE-ECDSA-CHACHA20-POLY1305'], curves: ['P-384'] }
    assert.deepEqual(proxy.accept(changesOf([{ ...meshObject(), tlsDefaults } as ModelObject])), [])
    const other = await handshake({ ...options, maxVersion: 'TLSv1.2' })
    assert.equal(other.getCipher().name, 'ECDHE-ECDSA-CHACHA20-POLY1305')
    assert.deepEqual(other.getEphemeralKeyInfo(), { type: 'ECDH', name: 'secp384r1', size: 384 })
    other.destroy()
  })

  test('a server name that is a cluster’s leads to the service, port and subset that it names', async () => {
    const other = createTestProxy()
    closers.push(other.close)
    const echo = createServer({ cert: pairs.two.chain, key: pairs.two.privateKey }, (socket) => {
      socket.on('error', () => {})
      socket.write(`secure ${String(socket.servername)}`)
    }).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    closers.push(() => echo.close())
    const secured = backend('secured', (echo.address() as { port: number }).port)
    const own = await freePort()
    const tls = { kind: 'auto-passthrough' } as const
    await serve(other, [
      ...secured.objects,
      securedListener('auto', { port: own, hostname: '*.local', tls, protocol: 'tls', isolated: false }),
    ])
    const open = { port: own, rejectUnauthorized: false }
    const servername = 'outbound_.80_._.secured.demo.svc.cluster.local'
    const socket = await handshake({ ...open, servername })
    assert.equal(String((await once(socket, 'data'))[0]), `secure ${servername}`)
    socket.destroy()
    for (const name of [
      'outbound_.80_._.absent.demo.svc.cluster.local',
      'outbound_.80_.v9_.secured.demo.svc.cluster.local',
      'outbound_.81_._.secured.demo.svc.cluster.local',
      'secured.demo.svc.cluster.local',
      'outbound_.80_._.secured.example',
    ]) {
      await assert.rejects(handshake({ ...open, servername: name }), name)
    }
  })

  test('a certificate is replaced without a connection being lost', async () => {
    await serve(proxy, [securedListener('one', { port, hostname: '*', tls: terminating(['one']) })])
    const ca = authority.certificate
    const kept = await handshake({ port, ca, servername: 'one.example' })
    const before = kept.getPeerX509Certificate()?.serialNumber
    const renewed = authority.issue(['one.example'])
    await serve(proxy, [credentialObject('one', { certificate: renewed })])
    const fresh = await handshake({ port, ca, servername: 'one.example' })
    assert.notEqual(fresh.getPeerX509Certificate()?.serialNumber, before)
    fresh.destroy()
    kept.write('GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n')
    const [answer] = (await once(kept, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200/)
    kept.destroy()

    // One that is bad changes nothing.
    await serve(proxy, [
      credentialObject('one', { certificate: { chain: renewed.chain, privateKey: 'no key' } }),
    ])
    assert.equal((await get(port, 'one.example', { ca })).status, 200)
  })

  test('no request fails while the certificate changes again and again', async () => {
    const renewed = [authority.issue(['one.example']), authority.issue(['one.example'], { isRsa: true })]
    let isDone = false
    const rotate = async () => {
      for (let i = 0; !isDone; i++) {
        const certificate = renewed[i % 2] as KeyPair
        assert.deepEqual(proxy.accept(changesOf([credentialObject('one', { certificate })])), [])
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const rotation = rotate()
    const ca = authority.certificate
    const asked = Array.from({ length: 60 }, () => get(port, 'one.example', { ca }))
    const answers = await Promise.all(asked).finally(() => (isDone = true))
    await rotation
    assert.ok(answers.every(({ status }) => status === 200))
  })

  for (const version of ['http/1.1', 'h2'] as const) {
    test(`large bodies arrive whole in both directions (${version})`, async () => {
      const echo = createHttpServer((incoming, response) => incoming.pipe(response)).listen(0, '127.0.0.1')
      await once(echo, 'listening')
      const target = backend(`echo-${version.at(-1)}`, (echo.address() as { port: number }).port)
      await serve(proxy, [
        ...target.objects,
        securedListener('one', { port, hostname: '*', tls: terminating(['one']) }),
        hostRoute('one', 'large.example', target.service),
      ])
      const sent = Buffer.alloc(3_000_000, 'a line that is not as long as a record\n')
      for (let at = 0; at < sent.length; at += 4096) sent.writeUInt32BE(at, at)
      const body = version === 'h2' ? await postHttp2(sent) : await postHttp1(sent)
      assert.equal(hash('sha256', body), hash('sha256', sent))
      echo.close()
      echo.closeAllConnections()
    })
  }

  async function postHttp2(sent: Buffer): Promise<Buffer> {
    const ca = authority.certificate
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'one.example' })
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': 'large.example' })
    stream.end(sent)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    session.close()
    return Buffer.concat(chunks)
  }

  async function postHttp1(sent: Buffer): Promise<Buffer> {
    const ca = authority.certificate
    const headers = { host: 'large.example' }
    const to = { hostname: '127.0.0.1', port, servername: 'one.example', ca, agent: false, headers }
    const outgoing = request({ ...to, method: 'POST' })
    outgoing.end(sent)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  test('keys are not in the configuration dump', () => {
    const shown = JSON.stringify([
      ...proxy.runtime.store.listeners(),
      ...proxy.runtime.store.services(),
      ...proxy.logLines,
    ])
    assert.doesNotMatch(shown, /PRIVATE KEY|BEGIN/)
  })

  test('TLS that is passed through goes by its server name, terminated TLS and TCP by their listener', async () => {
    const tcpPort = await freePort()
    const other = createTestProxy()
    closers.push(other.close)
    const echo = createServer({ cert: pairs.two.chain, key: pairs.two.privateKey }, (socket) => {
      socket.on('error', () => {})
      socket.write(`secure ${String(socket.servername)}`)
    }).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const plain = await rawServer((socket) => socket.write('plain'))
    closers.push(() => echo.close(), plain.close)
    const secured = backend('secured', (echo.address() as { port: number }).port)
    const bytes = backend('bytes', plain.port)
    const own = await freePort()
    await serve(other, [
      ...secured.objects,
      ...bytes.objects,
      credentialObject('one', { certificate: pairs.one }),
      securedListener('through', {
        port: own,
        hostname: '*.example',
        tls: { kind: 'passthrough' },
        protocol: 'tls',
      }),
      securedListener('ended', {
        port: own,
        hostname: 'one.example',
        tls: terminating(['one']),
        protocol: 'tls',
      }),
      { ...listenerObject(tcpPort), key: listenerName(GATEWAY, 'tcp'), protocol: 'tcp' },
      connectionRoute('named', 'through', {
        serverNames: ['two.example'],
        services: [
          [0, bytes.service],
          [1, secured.service],
        ],
      }),
      connectionRoute('ended', 'ended', { services: [[1, bytes.service]] }),
      connectionRoute('tcp', 'tcp', { services: [[1, bytes.service]], idleTimeoutMs: 50 }),
    ])
    const ca = authority.certificate
    const through = await handshake({ port: own, ca, servername: 'two.example' })
    assert.equal(String((await once(through, 'data'))[0]), 'secure two.example')
    through.destroy()
    const ended = await handshake({ port: own, ca, servername: 'one.example' })
    assert.equal(String((await once(ended, 'data'))[0]), 'plain')
    ended.destroy()
    const socket = connectTcp(tcpPort, '127.0.0.1')
    assert.equal(String((await once(socket, 'data'))[0]), 'plain')
    // Nothing moves any more, so that the proxy ends it.
    await once(socket, 'close')
    await assert.rejects(handshake({ port: own, ca, servername: 'three.example' }))
    await assert.rejects(handshake({ port: own, ca, servername: 'elsewhere.test' }))
  })
})
