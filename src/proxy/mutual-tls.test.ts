import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import {
  type Credential,
  credentialName,
  type ModelObject,
  type PeerAuthentication,
  peerAuthenticationName,
  type PeerTlsMode,
  type Workload,
} from '../model/index.ts'
import { createPlainNetwork } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  meshObject,
  ok,
  rawServer,
  respondWith,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'
import { createTestAuthority, type KeyPair, type TestAuthority } from './tls/testing/authority.ts'

const CLIENT = 'spiffe://cluster.local/ns/demo/sa/client'
const SERVER = 'spiffe://cluster.local/ns/demo/sa/server'
const GET = 'GET / HTTP/1.1\r\nhost: app.demo\r\n\r\n'

describe('mutual TLS between sidecars', () => {
  const closers: (() => void)[] = []
  let authority: TestAuthority
  let stranger: TestAuthority
  let server: TestProxy
  let client: TestProxy
  /** The application, which answers with the head that came; and what it gets when that is no HTTP. */
  let app: { readonly port: number }
  let secureApp: { readonly port: number }
  let inboundTo = { address: '127.0.0.1', port: 0 }
  const received: string[] = []

  before(async () => {
    authority = createTestAuthority()
    stranger = createTestAuthority('another authority')
    closers.push(authority.close, stranger.close)
    const plain = await rawServer((socket) => {
      socket.once('data', (first) => {
        if (first[0] !== 22) return
        received.push('a TLS handshake')
        socket.destroy()
      })
      respondWith((head) => ok(head))(socket)
    })
    app = plain
    closers.push(plain.close)
    const own = authority.issue(['app.example'])
    const tls = createServer({ cert: own.chain, key: own.privateKey }, (socket) => {
      socket.on('error', () => {})
      socket.end('the application itself')
    }).listen(0, '127.0.0.1')
    await once(tls, 'listening')
    secureApp = { port: (tls.address() as { port: number }).port }
    closers.push(() => tls.close())
    server = await sidecar('10.42.0.1', () => inboundTo)
    inboundTo = { address: '127.0.0.1', port: app.port }
    // The client's calls to the workload are taken by the server's inbound port, as if they had been captured there.
    client = await sidecar('10.42.0.2', () => ({ address: '10.43.0.9', port: 80 }), {
      connect: (target) => ({ ...target, port: server.sidecar?.ports().inbound ?? 0 }),
    })
    tell(server, [mesh(), identity('server', SERVER), { ...workload('istio'), addresses: ['10.42.0.1'] }])
    tell(client, [mesh(), identity('client', CLIENT), service(), workload('istio')])
  })
  after(() => {
    for (const close of closers) close()
  })

  async function sidecar(
    ip: string,
    original: () => { address: string; port: number },
    more: { connect?: (target: { port: number }) => { port: number } } = {},
  ): Promise<TestProxy> {
    const plain = createPlainNetwork({ originalDestination: original })
    const proxy = createTestProxy({
      role: 'sidecar',
      isInMesh: true,
      network: {
        ...plain,
        connect: (target) =>
          plain.connect(more.connect === undefined ? target : { ...target, ...more.connect(target) }),
      },
      ports: { outbound: 0, inbound: 0 },
      node: { ...createTestProxy().node, role: 'sidecar', ips: [ip], labels: { app: 'server' } },
    })
    closers.push(() => proxy.close())
    await proxy.start()
    return proxy
  }

  const mesh = () =>
    ({
      ...meshObject('%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_PEER_URI_SAN%\n'),
    }) as ModelObject

  function service() {
    return serviceObject('app', {
      ports: [{ port: 80, name: 'http', protocol: 'http' }],
      addresses: ['10.43.0.9'],
    })
  }

  function workload(tlsMode: Workload['tlsMode']): Workload {
    return {
      ...workloadObject('app', {
        address: '127.0.0.1',
        services: { [service().key]: { ports: { '80': app.port }, ready: true } },
        labels: { app: 'server' },
      }),
      identity: SERVER as Workload['identity'],
      tlsMode,
    }
  }

  function credentialOf(pair: KeyPair, trust: string, name: string): Credential {
    return {
      type: 'credential',
      key: credentialName('Workload', 'demo', 'default'),
      holders: [{ namespace: 'demo', serviceAccounts: [name] }],
      certificate: pair,
      trust,
      origin: { kind: 'ServiceAccount', namespace: 'demo', name },
    }
  }

  function identity(name: string, uri: string): Credential {
    return credentialOf(authority.issue([uri]), authority.certificate, name)
  }

  function policy(mode: PeerTlsMode): PeerAuthentication {
    return {
      type: 'peer-authentication',
      key: peerAuthenticationName('demo', 'default'),
      scope: { namespace: 'demo', labels: {} },
      createdAt: '',
      mode,
      ports: {},
      origin: { kind: 'PeerAuthentication', namespace: 'demo', name: 'default' },
    }
  }

  function tell(proxy: TestProxy, objects: readonly ModelObject[]): void {
    assert.deepEqual(proxy.accept(changesOf(objects)), [])
  }

  const inbound = () => server.sidecar?.ports().inbound ?? 0
  const hasAnswer = (text: string) => text.includes('\r\n\r\nGET ')
  const throughClient = () => exchangeBytes(client.sidecar?.ports().outbound ?? 0, GET, hasAnswer)

  /** @returns what came until the end, or why nothing did */
  async function ask(pair: KeyPair | undefined, protocols: readonly string[], send = GET): Promise<string> {
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port: inbound(),
      ca: authority.certificate,
      ...(pair && { cert: pair.chain, key: pair.privateKey }),
      checkServerIdentity: () => undefined,
      ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
    })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    const over = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', (error) => (text += `error: ${error.message}`))
    socket.on('secureConnect', () => socket.write(send))
    await Promise.race([over, until(() => hasAnswer(text), 'an answer').catch(() => {})])
    socket.destroy()
    return text
  }

  test('a call of one sidecar to another is in TLS, and the application is told by whom it was made', async () => {
    tell(server, [policy('strict')])
    const answer = await throughClient()
    assert.match(answer, /^HTTP\/1\.1 200/)
    const hash = /x-forwarded-client-cert: By=(\S+);Hash=([0-9a-f]{64});Subject="[^"]*";URI=(\S+)/i.exec(
      answer,
    )
    assert.deepEqual([hash?.[1], hash?.[3]], [SERVER, CLIENT])
    const text = server.registry.text()
    const counted = text
      .split('\n')
      .find((line) => line.startsWith('istio_requests_total') && line.includes('mutual_tls'))
    assert.ok(counted?.includes(`source_principal="${CLIENT}"`), counted)
    assert.ok(counted?.includes(`destination_principal="${SERVER}"`), counted)
  })

  test('plain connections are taken where both are, without what they claim of certificates', async () => {
    tell(server, [policy('permissive')])
    const answer = await exchangeBytes(
      inbound(),
      'GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: URI=spiffe://cluster.local/ns/demo/sa/admin\r\n\r\n',
      hasAnswer,
    )
    assert.match(answer, /^HTTP\/1\.1 200/)
    assert.doesNotMatch(answer, /x-forwarded-client-cert/i)
  })

  test('STRICT refuses plain connections, and the log and the metrics say why', async () => {
    tell(server, [policy('strict')])
    assert.equal(await exchangeBytes(inbound(), GET), '')
    assert.equal(server.logLines.at(-1)?.trim(), 'NR plain_text_refused_by_demo/default -')
    assert.match(
      server.registry.text(),
      /istio_tcp_connections_closed_total\{[^}]*response_flags="NR"[^}]*\} 1/,
    )
  })

  test('STRICT takes any client with a certificate of the mesh, and no other', async () => {
    tell(server, [policy('strict')])
    const good = authority.issue([CLIENT])
    assert.match(await ask(good, []), /^HTTP\/1\.1 200/)
    assert.match(await ask(good, ['h2', 'http/1.1'].toReversed()), /HTTP\/1\.1 200|^\0/)
    for (const pair of [undefined, stranger.issue([CLIENT])])
      assert.doesNotMatch(await ask(pair, []), /HTTP\/1\.1 200/)
    for (const name of ['spiffe://elsewhere/ns/demo/sa/client', 'client.example'])
      assert.doesNotMatch(await ask(authority.issue([name]), []), /HTTP\/1\.1 200/, name)
  })

  test('PERMISSIVE knows TLS of the mesh by its protocols; the application gets all other TLS', async () => {
    tell(server, [policy('permissive')])
    const good = authority.issue([CLIENT])
    assert.match(await ask(good, ['istio']), /^HTTP\/1\.1 200/)
    assert.match(await ask(good, ['istio-http/1.1', 'istio', 'http/1.1']), /x-forwarded-client-cert/i)
    inboundTo = { address: '127.0.0.1', port: secureApp.port }
    try {
      assert.match(await ask(undefined, []), /^the application itself/)
    } finally {
      inboundTo = { address: '127.0.0.1', port: app.port }
    }
  })

  test('DISABLE passes TLS of the mesh on as it is, and clients know that it is not wanted', async () => {
    tell(server, [policy('disable')])
    received.length = 0
    await ask(authority.issue([CLIENT]), ['istio'])
    await until(() => received.length > 0, 'the application gets the handshake')
    tell(client, [policy('disable')])
    assert.doesNotMatch(await throughClient(), /x-forwarded-client-cert/i)
    tell(client, [policy('permissive')])
    tell(server, [policy('permissive')])
    assert.match(await throughClient(), /x-forwarded-client-cert/i)
  })

  test('a workload without a sidecar is spoken to as it is', async () => {
    tell(client, [workload('disabled')])
    assert.doesNotMatch(await throughClient(), /x-forwarded-client-cert/i)
    tell(client, [workload('istio')])
  })

  test('endpoints of a service outside of the mesh are spoken to as they are, unless a policy says TLS of the mesh', async () => {
    const external = { ...service(), isExternal: true as const }
    tell(client, [external])
    const answer = await throughClient()
    assert.match(answer, /^HTTP\/1\.1 200/)
    assert.doesNotMatch(answer, /x-forwarded-client-cert/i)
    const origin = { kind: 'DestinationRule', namespace: 'demo', name: 'mutual' }
    const traffic = { tls: { kind: 'mesh' as const, subjectAltNames: [] } }
    tell(client, [{ ...external, policies: [{ traffic, ports: {}, subsets: [], origin }] }])
    assert.match(await throughClient(), /x-forwarded-client-cert/i)
    tell(client, [service()])
    assert.match(await throughClient(), /x-forwarded-client-cert/i)
  })

  test('an endpoint that has another identity than its workload is not spoken to', async () => {
    tell(server, [identity('server', 'spiffe://cluster.local/ns/demo/sa/impostor')])
    // Another cluster object has no session that could be resumed with the one that was.
    tell(client, [{ ...workload('istio'), identity: `${SERVER}2` as Workload['identity'] }])
    assert.match(await throughClientFailing(), /^HTTP\/1\.1 503/)
    tell(server, [identity('server', SERVER)])
    tell(client, [workload('istio')])
    assert.match(await throughClient(), /^HTTP\/1\.1 200/)
  })
  const throughClientFailing = () =>
    exchangeBytes(client.sidecar?.ports().outbound ?? 0, GET, (text) => text.includes('\r\n\r\n'))

  test('a new certificate is shown to new connections, and those that are open go on', async () => {
    const socket = connectTcp(client.sidecar?.ports().outbound ?? 0, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.write(GET)
    await until(() => hasAnswer(text), 'the first answer')
    const hashOf = (answer: string) => /Hash=([0-9a-f]+)/.exec(answer)?.[1]
    const before = hashOf(text)
    tell(client, [identity('client', CLIENT)])
    text = ''
    socket.write(GET)
    await until(() => hasAnswer(text), 'the second answer')
    assert.equal(hashOf(text), before)
    socket.destroy()
    // Kept connections of the cluster are the old ones; another host has none.
    tell(client, [{ ...workload('istio'), labels: { app: 'server', version: 'v2' } }])
    assert.match(await throughClient(), /^HTTP\/1\.1 200/)
  })
})
