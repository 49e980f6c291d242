import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import { silentLogger } from '../../base/index.ts'
import { DEFAULT_LIFETIMES } from './authority.ts'
import { type CertificateEvent, createCertificateService } from './certificate-service.ts'
import { createIssuer } from './issuer.ts'
import { DAY_MS, NOW, testAuthority, testRequest, testRoot, testRsaRequest } from './testing.ts'

const GOOD = { caller: { token: 'good' } }

async function testService(bundle: readonly string[] = []) {
  const root = await testRoot('cluster.local')
  const issuer = await createIssuer(testAuthority(root), () => NOW)
  const events: CertificateEvent[] = []
  const serve = createCertificateService({
    authority: { issuer: () => issuer, trustBundle: () => [...bundle, root.certificate] },
    authenticate: async ({ token }) =>
      token === 'good'
        ? { kind: 'ok', identity: { namespace: 'demo', serviceAccount: 'backend' } }
        : { kind: 'refused', reason: 'no' },
    trustDomain: () => 'cluster.local',
    lifetimes: DEFAULT_LIFETIMES,
    observe: (event) => events.push(event),
    logger: silentLogger,
  })
  return { serve, events, root }
}

// istio/istio security/pkg/server/ca/server.go, CreateCertificate; security/pkg/pki/error/error.go for the kinds of failure
describe('certificate service', () => {
  test('a caller gets its own identity, whatever names its request carries', async () => {
    const { serve, root, events } = await testService()
    const answer = await serve({ ...GOOD, csr: await testRequest(['somebody-else']), validitySeconds: 3600 })
    assert.equal(answer.kind, 'issued')
    assert.ok(answer.kind === 'issued' && answer.chain.length === 2)
    const leaf = new X509Certificate(answer.chain[0] ?? '')
    assert.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/demo/sa/backend')
    assert.ok(!leaf.subject && !leaf.ca && leaf.verify(new X509Certificate(root.certificate).publicKey))
    assert.equal(Date.parse(leaf.validTo), NOW + 3600_000)
    assert.equal(answer.chain[1], root.certificate)
    assert.deepEqual(events, [{ kind: 'asked' }, { kind: 'issued' }])
  })

  test('while roots change, all of them are named, the one that this chain ends in last', async () => {
    const old = await testRoot('old')
    const { serve, root } = await testService([old.certificate])
    const answer = await serve({ ...GOOD, csr: await testRequest(), validitySeconds: 60 })
    assert.deepEqual(answer.kind === 'issued' && answer.chain.slice(1), [old.certificate, root.certificate])
  })

  test('no validity, or one below zero, is a day; ninety days are given and a second more is refused', async () => {
    const { serve, events } = await testService()
    const csr = await testRequest()
    const lives = async (validitySeconds: number): Promise<number | string> => {
      const answer = await serve({ ...GOOD, csr, validitySeconds })
      if (answer.kind !== 'issued') return answer.kind
      return Date.parse(new X509Certificate(answer.chain[0] ?? '').validTo) - NOW
    }
    assert.equal(await lives(0), DAY_MS)
    assert.equal(await lives(-5), DAY_MS)
    assert.equal(await lives((90 * DAY_MS) / 1000), 90 * DAY_MS)
    assert.equal(await lives((90 * DAY_MS) / 1000 + 1), 'invalid')
    assert.deepEqual(events.at(-1), { kind: 'not-signed', error: 'TTL_ERROR' })
  })

  test('a stranger is refused before its request is looked at', async () => {
    const { serve, events } = await testService()
    const answer = await serve({ caller: { token: 'bad' }, csr: 'garbage', validitySeconds: 60 })
    assert.equal(answer.kind, 'refused')
    assert.deepEqual(events, [{ kind: 'asked' }, { kind: 'not-authenticated' }])
  })

  test('a certificate for somebody else is given to nobody', async () => {
    const { serve } = await testService()
    const impersonated = 'spiffe://cluster.local/ns/demo/sa/frontend'
    const answer = await serve({ ...GOOD, csr: await testRequest(), validitySeconds: 60, impersonated })
    assert.equal(answer.kind, 'refused')
  })

  test('what is no request, is signed by another key, too weak or too large is refused and says why', async () => {
    const { serve, events } = await testService()
    const csr = await testRequest()
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const cases: readonly (readonly [string, RegExp])[] = [
      ['garbage', /not one certificate request/],
      ['', /not one certificate request/],
      [`${csr}\n${csr}`, /not one certificate request/],
      [csr.replace(/\n[^\n]{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), /PKCS#10|own key/],
      [csr.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), /not one certificate request/],
      [String(key.export({ type: 'pkcs8', format: 'pem' })), /not one certificate request/],
      [await testRsaRequest(1024), /2048/],
      [csr + '\n'.repeat(20_000), /larger/],
      [forged(csr), /own key/],
    ]
    for (const [text, reason] of cases) {
      const answer = await serve({ ...GOOD, csr: text, validitySeconds: 60 })
      assert.equal(answer.kind, 'invalid', text.slice(0, 100))
      assert.match(answer.kind === 'invalid' ? answer.reason : '', reason)
      assert.deepEqual(events.at(-1), { kind: 'not-signed', error: 'CSR_ERROR' })
    }
  })

  test('RSA of 2048 bits is certified, as Istio’s agents ask for', async () => {
    const { serve } = await testService()
    const answer = await serve({ ...GOOD, csr: await testRsaRequest(2048), validitySeconds: 60 })
    assert.equal(answer.kind, 'issued')
  })
})

/** The same request with a bit of its signature changed. */
function forged(csr: string): string {
  const der = Buffer.from(csr.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const last = der.length - 1
  der[last] = (der[last] ?? 0) ^ 1
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
}
