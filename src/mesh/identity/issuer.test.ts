import assert from 'node:assert/strict'
import { webcrypto, X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import { createCertificateService } from './certificate-service.ts'
// The issuer brings the polyfill that @peculiar/x509 needs before itself.
import { createIssuer, createRoot } from './issuer.ts'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { servingNames } from './names.ts'

const DAY_MS = 24 * 3600_000
const NOW = Date.parse('2026-05-05T00:00:00Z')

async function testIssuer(rootTtlMs = 3650 * DAY_MS) {
  const root = await createRoot({ organization: 'cluster.local', now: NOW, ttlMs: rootTtlMs })
  const issuer = await createIssuer({
    ...root,
    rootCertificate: root.certificate,
    intermediates: '',
    now: () => NOW,
  })
  return { root, issuer, rootCertificate: new X509Certificate(root.certificate) }
}

async function request(names: readonly string[] = []): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
  const name = names.map((organization) => `O=${organization}`).join(', ')
  const csr = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm })
  return csr.toString('pem')
}

describe('issuer', () => {
  test('the root is a CA that signs itself; a leaf is signed by it and is none', async () => {
    const { issuer, rootCertificate } = await testIssuer()
    assert.ok(rootCertificate.ca && rootCertificate.verify(rootCertificate.publicKey))
    const leaf = new X509Certificate(
      (await issuer.issue({ names: [{ kind: 'dns', name: 'a.b' }], ttlMs: DAY_MS })).certificate,
    )
    assert.ok(!leaf.ca && leaf.verify(rootCertificate.publicKey) && leaf.checkIssued(rootCertificate))
    assert.equal(leaf.subjectAltName, 'DNS:a.b')
  })

  test('no certificate outlives its root', async () => {
    const { issuer, rootCertificate } = await testIssuer(DAY_MS)
    const { certificate } = await issuer.issue({ names: [{ kind: 'dns', name: 'a' }], ttlMs: 9 * DAY_MS })
    assert.equal(new X509Certificate(certificate).validTo, rootCertificate.validTo)
  })

  test('the control plane’s certificate has the names of its Services', () => {
    const names = servingNames({
      revision: 'default',
      namespace: 'istio-system',
      clusterDomain: 'cluster.local',
    })
    for (const name of [
      'istiod.istio-system.svc',
      'istiod.istio-system.svc.cluster.local',
      'istiod-revision-tag-default.istio-system.svc',
      'istio-pilot.istio-system.svc',
    ]) {
      assert.ok(names.includes(name), name)
    }
  })

  test('a key that does not belong to the CA certificate is refused', async () => {
    const { root } = await testIssuer()
    const other = await createRoot({ organization: 'x', now: NOW, ttlMs: DAY_MS })
    const mixed = { certificate: root.certificate, key: other.key }
    await assert.rejects(
      createIssuer({ ...mixed, rootCertificate: root.certificate, intermediates: '', now: () => NOW }),
      /does not belong/,
    )
  })
})

describe('certificate service', () => {
  const serviceOf = async () => {
    const { issuer, rootCertificate } = await testIssuer()
    const serve = createCertificateService({
      issuer,
      authenticate: async ({ token }) =>
        token === 'good'
          ? { kind: 'ok', identity: { namespace: 'demo', serviceAccount: 'backend' } }
          : { kind: 'refused', reason: 'no' },
      trustDomain: () => 'cluster.local',
      issued: () => {},
    })
    return { serve, rootCertificate }
  }

  test('a caller gets its own identity, whatever names its request carries', async () => {
    const { serve, rootCertificate } = await serviceOf()
    const answer = await serve({
      csr: await request(['somebody-else']),
      validitySeconds: 3600,
      token: 'good',
    })
    assert.equal(answer.kind, 'issued')
    const leaf = new X509Certificate(answer.kind === 'issued' ? (answer.chain[0] ?? '') : '')
    assert.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/demo/sa/backend')
    assert.ok(leaf.verify(rootCertificate.publicKey))
    assert.equal(Date.parse(leaf.validTo), NOW + 3600_000)
    assert.equal(answer.kind === 'issued' && answer.chain.at(-1)?.trim(), rootCertificate.toString().trim())
  })

  test('a stranger, a request of garbage and a life of a year are refused', async () => {
    const { serve } = await serviceOf()
    const csr = await request()
    assert.equal((await serve({ csr, validitySeconds: 60, token: 'bad' })).kind, 'refused')
    assert.equal((await serve({ csr: 'garbage', validitySeconds: 60, token: 'good' })).kind, 'invalid')
    assert.equal((await serve({ csr, validitySeconds: 366 * 86_400, token: 'good' })).kind, 'invalid')
  })
})
