import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { createManualClock, createSeededRandom, type ManualClock, silentLogger } from '../../base/index.ts'
import type { Credential } from '../../model/index.ts'
import { type CertificateAnswer, type CertificateOrder, serveCertificates } from '../../xds/ca/index.ts'
import { createXdsChannels } from '../../xds/client/index.ts'
import { createTestAuthority, type TestAuthority } from '../tls/testing/authority.ts'
import { until } from '../testing.ts'
import { readBootstrap } from './bootstrap.ts'
import { createWorkloadCertificate, type WorkloadCertificate } from './workload-certificate.ts'

const HOUR_MS = 3600_000
const OWN = 'spiffe://cluster.local/ns/demo/sa/web'

describe('the certificate of a workload', () => {
  const closers: (() => void)[] = []
  let authority: TestAuthority
  let discoveryAddress = ''
  let answer: (order: CertificateOrder) => CertificateAnswer
  const orders: CertificateOrder[] = []
  let clock: ManualClock
  let given: Credential[] = []
  let certificate: WorkloadCertificate | undefined

  before(async () => {
    authority = createTestAuthority()
    closers.push(authority.close)
    const own = authority.issue(['istiod.istio-system.svc'])
    const pair = { cert_chain: Buffer.from(own.chain), private_key: Buffer.from(own.privateKey) }
    const server = new Server()
    serveCertificates(server, (order) => {
      orders.push(order)
      return Promise.resolve(answer(order))
    })
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    )
    closers.push(() => server.forceShutdown())
    discoveryAddress = `istiod.istio-system.svc:${port}`
  })
  afterEach(() => certificate?.stop())
  after(() => {
    for (const close of closers) close()
  })

  const issue = ({ csr }: CertificateOrder): CertificateAnswer => ({
    kind: 'issued',
    chain: [authority.sign(csr, [OWN]), authority.certificate],
  })

  function begin(more: { readonly roots?: string } = {}): WorkloadCertificate {
    clock = createManualClock(Date.now())
    given = []
    orders.length = 0
    const read = readBootstrap({
      args: ['proxy', 'sidecar'],
      env: { POD_NAME: 'web-1', POD_NAMESPACE: 'demo', INSTANCE_IP: '10.42.0.7', SERVICE_ACCOUNT: 'web' },
      podIps: [],
      version: '1',
      readFile: () => undefined,
    })
    assert.ok(read.ok)
    const channels = createXdsChannels()
    certificate = createWorkloadCertificate({
      bootstrap: { ...read.value, discoveryAddress },
      channels,
      resolve: () => Promise.resolve(['127.0.0.1']),
      readFile: () => 'the token\n',
      roots: () => more.roots ?? authority.certificate,
      accept: (change) => {
        if (change.kind === 'set') given.push(change.object as Credential)
      },
      clock,
      random: createSeededRandom(7),
      logger: silentLogger,
    })
    certificate.start()
    return certificate
  }

  test('is ordered with the token, for a day, and given to the proxy with a key that nobody else has', async () => {
    answer = issue
    const own = begin()
    assert.equal(own.isHere(), false)
    await until(() => given.length === 1, 'the certificate')
    assert.equal(own.isHere(), true)
    assert.equal(orders[0]?.validitySeconds, 24 * 3600)
    assert.equal(orders[0]?.caller.token, 'the token')
    const [credential] = given
    const { chain, privateKey } = credential?.certificate ?? { chain: '', privateKey: '' }
    assert.equal(new X509Certificate(chain).subjectAltName, `URI:${OWN}`)
    assert.ok(new X509Certificate(chain).publicKey.equals(createPublicKey(privateKey)))
    assert.deepEqual(credential?.holders, [{ namespace: 'demo', serviceAccounts: ['web'] }])
    assert.equal(credential?.trust?.match(/BEGIN CERTIFICATE/g)?.length, 1)
    assert.doesNotMatch(orders[0]?.csr ?? '', /PRIVATE/)
  })

  test('is renewed at half of its life, give or take a hundredth, with another key', async () => {
    answer = issue
    begin()
    await until(() => given.length === 1, 'the first')
    clock.advance(11.7 * HOUR_MS)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(orders.length, 1)
    clock.advance(0.6 * HOUR_MS)
    await until(() => given.length === 2, 'the second')
    const [first, second] = given
    assert.notEqual(first?.certificate?.privateKey, second?.certificate?.privateKey)
  })

  test('is asked for again after a refusal, soon at first and then less often, until there is one', async () => {
    const askedAt: number[] = []
    answer = (order) => {
      askedAt.push(clock.now())
      return askedAt.length === 7 ? issue(order) : { kind: 'unavailable', reason: 'not yet' }
    }
    const own = begin()
    await until(() => {
      clock.advance(50)
      return given.length === 1
    }, 'the certificate')
    assert.equal(own.isHere(), true)
    const waits = askedAt.slice(1).map((at, i) => at - (askedAt[i] ?? 0))
    assert.ok((waits[0] ?? 0) <= 1000, `${waits[0]} ms after the first refusal`)
    assert.ok(waits.every((wait) => wait <= 62_000))
    assert.ok(Math.max(...waits.slice(3)) > (waits[0] ?? 0), waits.join(' '))
  })

  test('is replaced within two seconds when its root is none of the mesh any more', async () => {
    answer = issue
    const own = begin()
    await until(() => given.length === 1, 'the first')
    own.followRoots(`${authority.certificate}\nanother`)
    clock.advance(10 * HOUR_MS)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(orders.length, 1, 'its root is still there')
    own.followRoots('another')
    clock.advance(2000)
    await until(() => given.length === 2, 'the second')
  })

  test('is not ordered any more once the proxy has gone', async () => {
    answer = issue
    const own = begin()
    await until(() => given.length === 1, 'the first')
    own.stop()
    clock.advance(48 * HOUR_MS)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(orders.length, 1)
  })

  test('is asked of nobody but who ends in the roots that are known', async () => {
    answer = issue
    const stranger = createTestAuthority('another')
    closers.push(stranger.close)
    begin({ roots: stranger.certificate })
    const deadline = Date.now() + 300
    while (Date.now() < deadline) {
      clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.deepEqual([orders.length, given.length], [0, 0])
  })
})
