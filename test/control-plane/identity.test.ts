import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type Client, credentials, Client as GrpcClient } from '@grpc/grpc-js'
import { createLogger, silentLogger, systemClock, systemRandom } from '../../src/base/index.ts'
import type { ConfigMap, Secret } from '../../src/kube/index.ts'
import { KINDS } from '../../src/kube/client/index.ts'
import { startTestServer, type TestServer } from '../../src/local-cluster/apiserver/testing.ts'
import { DEFAULT_LIFETIMES } from '../../src/mesh/identity/index.ts'
import { createIssuer } from '../../src/mesh/identity/issuer.ts'
import {
  cacerts,
  testAuthority,
  testIntermediate,
  testRequestWithKey,
  testRoot,
} from '../../src/mesh/identity/testing.ts'
import { type IstiodPorts, runIstiod } from '../../src/mesh/istiod/index.ts'
import { DEFAULT_SETTINGS } from '../../src/mesh/translate/index.ts'
import { requestCertificate } from '../../src/xds/ca/index.ts'
import { createXdsClient, type XdsClient } from '../../src/xds/client/index.ts'
import { nodeId } from '../../src/xds/types/index.ts'
import { waitFor } from '../support/wait.ts'

const NAMESPACE = 'istio-system'
const SERVER_NAME = 'istiod.istio-system.svc'

interface Keyed {
  /** PEM: the leaf and what leads to the root. */
  readonly certificate: string
  readonly key: string
}

let its: TestServer
let ports: IstiodPorts
let stop: () => Promise<void>
const closing: (() => void)[] = []

before(async () => {
  its = await startTestServer()
  for (const name of [NAMESPACE, 'demo']) {
    await its.client.create(KINDS.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const account = { name: 'default', namespace: 'demo' }
  await its.client.create(KINDS.serviceAccount, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: account,
  })
  const ending = new AbortController()
  let running: Promise<void> = Promise.resolve()
  ports = await new Promise<IstiodPorts>((resolve, reject) => {
    running = runIstiod({
      client: its.client,
      ports: { xds: 0, secureXds: 0, monitoring: 0, webhooks: 0, http: 0 },
      address: '127.0.0.1',
      settings: DEFAULT_SETTINGS,
      lifetimes: { ...DEFAULT_LIFETIMES, leadMs: 300 },
      revision: 'default',
      podName: 'istiod-0',
      version: 'test',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      signal: ending.signal,
      started: resolve,
    })
    running.catch(reject)
  })
  stop = async () => {
    ending.abort(new Error('the test is over'))
    await running
    await its.stop()
  }
})

after(async () => {
  for (const close of closing.toReversed()) close()
  await stop()
})

describe('the certificate service of a running control plane', () => {
  test('a certificate is renewed with the certificate that is there, as Istio’s agents do', async () => {
    const first = await certified(await dial(), await tokenOf('default'))
    const again = await certified(await dial(first), undefined)
    assert.equal(nameOf(again), 'URI:spiffe://cluster.local/ns/demo/sa/default')
    assert.notEqual(serialOf(again), serialOf(first))
  })

  test('who comes with neither is told so by its code', async () => {
    await assert.rejects(certified(await dial(), undefined), /^Error: 16 UNAUTHENTICATED/)
  })

  test('a certificate of another authority is none, whatever name is in it; a token still counts', async () => {
    const foreign = await issuedElsewhere('spiffe://cluster.local/ns/istio-system/sa/istiod')
    await assert.rejects(certified(await dial(foreign), undefined), /16 UNAUTHENTICATED/)
    const own = await certified(await dial(foreign), await tokenOf('default'))
    assert.equal(nameOf(own), 'URI:spiffe://cluster.local/ns/demo/sa/default')
  })

  test('a token for another audience is none', async () => {
    const token = await tokenOf('default', ['https://kubernetes.default.svc'])
    await assert.rejects(certified(await dial(), token), /16 UNAUTHENTICATED/)
  })

  test('its metrics are Istio’s', async () => {
    const text = await (await fetch(`http://127.0.0.1:${ports.monitoring}/metrics`)).text()
    for (const name of [
      'csr_count',
      'authentication_failure_count',
      'success_cert_issuance_count',
      'root_cert_expiry_timestamp',
      'root_cert_expiry_seconds',
      'cert_chain_expiry_timestamp',
    ]) {
      assert.match(text, new RegExp(`^citadel_server_${name} [1-9]`, 'm'))
    }
  })
})

describe('a change of the authority of a running control plane', () => {
  test('reaches bundle, ConfigMaps and streams before the first certificate under it, and breaks no stream', async () => {
    const token = await tokenOf('default')
    const before = await rootConfigMap('demo')
    const old = await certified(await dial(), token)
    const stream = watchMesh(token, before)
    await waitFor('the mesh', () => stream.bundles.length > 0)
    assert.deepEqual(stream.bundles, [before])

    const root = await testRoot('plugged in', 24 * 3600_000, Date.now())
    const ca = await testIntermediate('intermediate', root, 12 * 3600_000, Date.now())
    await its.client.create<Secret>(KINDS.secret, cacerts(ca, [root], [ca]))
    const both = (text: string): boolean =>
      text.includes(before.trim()) && text.includes(root.certificate.trim())
    await waitFor('both roots on the stream', () => both(stream.bundles.at(-1) ?? ''))
    for (const namespace of ['demo', NAMESPACE]) {
      await waitFor(`both roots in ${namespace}`, async () => both(await rootConfigMap(namespace)))
    }
    const fresh = await waitFor('a certificate under the new root', async () => {
      const made = await certified(await dial(undefined, stream.bundles.at(-1)), token)
      return made.certificate.endsWith(ca.certificate) && made
    })
    assert.equal(nameOf(fresh), nameOf(old))
    assert.ok(new X509Certificate(fresh.certificate).verify(new X509Certificate(ca.certificate).publicKey))

    // What was signed before goes on being good, and so does the stream.
    assert.ok(await certified(await dial(old, stream.bundles.at(-1)), undefined))
    assert.deepEqual([stream.client.connected(), stream.disconnects()], [true, 0])
  })
})

async function tokenOf(serviceAccount: string, audiences = ['istio-ca']): Promise<string> {
  const answer = await its.client.request({
    method: 'POST',
    path: `/api/v1/namespaces/demo/serviceaccounts/${serviceAccount}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { audiences, expirationSeconds: 3600 },
    },
  })
  return (answer.body as { readonly status: { readonly token: string } }).status.token
}

async function rootConfigMap(namespace: string): Promise<string> {
  const read = () => its.client.get<ConfigMap>(KINDS.configMap, 'istio-ca-root-cert', namespace)
  return (await waitFor('istio-ca-root-cert', read)).data?.['root-cert.pem'] ?? ''
}

/** A connection to the secure port, with a certificate of its own if there is one. */
async function dial(own?: Keyed, roots?: string): Promise<Client> {
  const trusted = Buffer.from(roots ?? (await rootConfigMap('demo')))
  const pair = own && [Buffer.from(own.key), Buffer.from(own.certificate)]
  const client = new GrpcClient(
    `127.0.0.1:${ports.secureXds}`,
    credentials.createSsl(trusted, pair?.[0], pair?.[1]),
    { 'grpc.ssl_target_name_override': SERVER_NAME, 'grpc.use_local_subchannel_pool': 1 },
  )
  closing.push(() => client.close())
  return client
}

/** The leaf and what leads to the roots, which are not part of what is shown. */
async function certified(client: Client, token: string | undefined): Promise<Keyed> {
  const { csr, key } = await testRequestWithKey()
  const chain = await requestCertificate(client, { csr, validitySeconds: 3600, token, deadlineMs: 5000 })
  const shown = chain.filter((pem) => {
    const { subject, issuer } = new X509Certificate(pem)
    return subject !== issuer
  })
  return { certificate: shown.join(''), key }
}

async function issuedElsewhere(uri: string): Promise<Keyed> {
  const root = await testRoot('elsewhere', 24 * 3600_000, Date.now())
  const issuer = await createIssuer(testAuthority(root, Date.now()), Date.now)
  return issuer.issue({ names: [{ kind: 'uri', uri }], ttlMs: 3600_000 })
}

function nameOf({ certificate }: Keyed): string | undefined {
  return new X509Certificate(certificate).subjectAltName
}

function serialOf({ certificate }: Keyed): string {
  return new X509Certificate(certificate).serialNumber
}

/** A proxy that hears of the mesh’s roots. */
function watchMesh(token: string, root: string) {
  const bundles: string[] = []
  let lost = 0
  const identity = { podName: 'app-1', namespace: 'demo' }
  const client: XdsClient = createXdsClient({
    address: `${SERVER_NAME}:${ports.secureXds}`,
    resolve: async () => ['127.0.0.1'],
    rootCertificate: () => root,
    token: () => token,
    node: {
      ...identity,
      id: nodeId({ ...identity, role: 'sidecar', ip: '10.42.0.9', clusterDomain: 'cluster.local' }),
      role: 'sidecar',
      serviceAccount: 'default',
      labels: {},
      ips: ['10.42.0.9'],
      cluster: 'Kubernetes',
      version: 'test',
    },
    accept(changes) {
      for (const change of changes) {
        if (change.kind === 'set')
          bundles.push((change.object as { readonly trustBundle: string }).trustBundle)
      }
      return []
    },
    clock: systemClock,
    random: systemRandom,
    logger: createLogger({
      scope: 'xds',
      level: 'warn',
      write: () => (lost += 1),
      now: () => 0,
    }),
  })
  client.subscribe('mesh', ['*'])
  client.start()
  closing.push(client.stop)
  return { client, bundles, disconnects: () => lost }
}
