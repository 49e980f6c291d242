import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { after, before, test } from 'node:test'
import { createManualClock, systemClock } from '../../../base/index.ts'
import {
  ApiError,
  createKubeClient,
  httpsTransport,
  type HttpsTransportConfig,
  KINDS,
  parseKubeconfig,
  pathOf,
} from '../../../kube/client/index.ts'
import { at, stringAt } from '../json.ts'
import { configMap, startTestServer, type TestServer } from '../testing.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { createPki } from './pki.ts'
import { createTokenIssuer, TOKEN_ISSUER } from './service-account-token.ts'

let its: TestServer
let server: string
let port: number
before(async () => {
  its = await startTestServer()
  port = await its.server.listen({ host: '127.0.0.1', port: 0 })
  server = `https://127.0.0.1:${port}`
})
after(() => its.stop())

async function ask(
  config: Partial<HttpsTransportConfig>,
  path: string,
  method: 'GET' | 'POST' = 'GET',
  body?: unknown,
) {
  const transport = httpsTransport({ server, ca: its.pki.caCertificate, ...config })
  try {
    return await transport.request({ method, path, ...(body === undefined ? {} : { body }) })
  } finally {
    transport.close()
  }
}

test('nobody may ask anonymously, save for health and version', async () => {
  const { status, body } = await ask({}, '/api/v1/namespaces')
  assert.deepEqual([status, at(body, 'reason'), at(body, 'message')], [401, 'Unauthorized', 'Unauthorized'])
  assert.deepEqual(await ask({}, '/readyz'), { status: 200, body: 'ok' })
  assert.equal(at((await ask({}, '/version')).body, 'minor'), '35')
})

test('a client certificate of the cluster says who asks, one of another authority says nothing', async () => {
  const client = await its.pki.issueClient({ user: 'jane', groups: ['dev', 'ops'] })
  const review = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const { body } = await ask({ cert: client.certificate, key: client.key }, path, 'POST', review)
  const { fingerprint256 } = new X509Certificate(client.certificate)
  const digest = fingerprint256.replaceAll(':', '').toLowerCase()
  assert.deepEqual(at(body, 'status', 'userInfo'), {
    username: 'jane',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${digest}`] },
  })
  const directory = mkdtempSync(join(tmpdir(), 'lateen-pki-'))
  const other = await createPki({ directory, clock: systemClock })
  rmSync(directory, { recursive: true })
  const refused = await ask({ cert: other.admin.certificate, key: other.admin.key }, '/api/v1/namespaces')
  assert.equal(refused.status, 401)
})

test('a token of a ServiceAccount works until the account or the pod that it is bound to is gone', async () => {
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'robot', namespace: 'default' },
  }
  await its.client.create(KINDS.serviceAccount, account)
  const path = pathOf(KINDS.serviceAccount, { namespace: 'default', name: 'robot', subresource: 'token' })
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' } }
  await its.client.create(KINDS.pod, {
    ...pod,
    spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'x' }] },
  })
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'p' }
  const issued = await its.client.request({ method: 'POST', path, body: { spec: { boundObjectRef } } })
  const token = stringAt(issued.body, 'status', 'token') ?? ''
  assert.equal((await ask({ token: () => token }, '/api/v1')).status, 200)
  assert.equal((await ask({ token: () => `${token}x` }, '/api/v1')).status, 401)
  const review = async (audiences?: readonly string[]) => {
    const body = { spec: { token, ...(audiences ? { audiences } : {}) } }
    const answer = await its.client.request({ method: 'POST', path: pathOf(KINDS.tokenReview, {}), body })
    return at(answer.body, 'status')
  }
  assert.equal(at(await review(), 'user', 'username'), 'system:serviceaccount:default:robot')
  assert.equal(at(await review(['istio-ca']), 'authenticated'), undefined)
  await its.client.delete(KINDS.pod, 'p', 'default')
  assert.equal((await ask({ token: () => token }, '/api/v1')).status, 401)
})

test('a token is void after its time, and its signature covers its claims', () => {
  const issuer = createTokenIssuer(its.pki.serviceAccountKey)
  const claims = { namespace: 'a', serviceAccount: { name: 'b', uid: 'u' }, audiences: [TOKEN_ISSUER] }
  const token = issuer.issue({ ...claims, issuedAt: 1000, expiresAt: 2000 })
  assert.equal(issuer.verify(token, 1999)?.serviceAccount.name, 'b')
  assert.equal(issuer.verify(token, 2000), undefined)
  const [head, payload, signature] = token.split('.')
  const forged = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object
  const other = Buffer.from(JSON.stringify({ ...forged, exp: 9999 })).toString('base64url')
  assert.equal(issuer.verify(`${head}.${other}.${signature}`, 1500), undefined)
  assert.equal(issuer.verify('not.a.token', 1500), undefined)
})

test('the kubeconfig that is written works, and only its owner can read it', async () => {
  const path = join(its.directory, 'kubeconfig')
  writeKubeconfig({ path, pki: its.pki, server })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const config = parseKubeconfig(readFileSync(path, 'utf8'))
  assert.ok(config.ok)
  const transport = httpsTransport(config.value)
  const client = createKubeClient(transport)
  await client.create(KINDS.configMap, configMap('from-outside', { a: 'ü' }))
  assert.deepEqual(at(await client.get(KINDS.configMap, 'from-outside', 'default'), 'data'), { a: 'ü' })
  await assert.rejects(client.create(KINDS.configMap, configMap('from-outside')), ApiError)
  const signal = AbortSignal.timeout(10_000)
  for await (const event of client.watch(KINDS.configMap, { namespace: 'default', signal })) {
    assert.equal(event.type === 'ADDED' && event.object.metadata.name, 'from-outside')
    break
  }
  transport.close()
})

test('keys and certificates stay while they are good and are made anew before they expire', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-pki-'))
  const clock = createManualClock(Date.now())
  const first = await createPki({ directory, clock })
  assert.equal(statSync(join(directory, 'ca.key')).mode & 0o777, 0o600)
  assert.deepEqual((await createPki({ directory, clock })).server, first.server)
  clock.advance(340 * 86_400_000)
  const later = await createPki({ directory, clock })
  assert.notEqual(later.server.certificate, first.server.certificate)
  assert.equal(later.caCertificate, first.caCertificate)
  rmSync(directory, { recursive: true })
})

test('the server shows a certificate for its names', async () => {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: its.pki.caCertificate,
    servername: 'kubernetes.default.svc',
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  assert.equal(socket.authorized, true)
  socket.destroy()
})

test('a body that is too large is refused before it is read whole', async () => {
  const huge = configMap('huge', { a: 'x'.repeat(4 * 1024 * 1024) })
  const { admin } = its.pki
  const path = pathOf(KINDS.configMap, { namespace: 'default' })
  const answered = await ask({ cert: admin.certificate, key: admin.key }, path, 'POST', huge)
  assert.equal(answered.status, 413)
})
