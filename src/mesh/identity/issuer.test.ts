import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import { createIssuer, renewRoot } from './issuer.ts'
import { servingNames } from './names.ts'
import { readAuthority } from './signing-authority.ts'
import { cacerts, DAY_MS, NOW, testAuthority, testIntermediate, testRequest, testRoot } from './testing.ts'

async function testIssuer(rootTtlMs = 3650 * DAY_MS) {
  const root = await testRoot('cluster.local', rootTtlMs)
  const issuer = await createIssuer(testAuthority(root), () => NOW)
  return { root, issuer, rootCertificate: new X509Certificate(root.certificate) }
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

  test('below an intermediate the chain leads to the root, and no certificate outlives any of them', async () => {
    const root = await testRoot('root')
    const middle = await testIntermediate('middle', root, 5 * DAY_MS)
    const lower = await testIntermediate('lower', middle, 50 * DAY_MS)
    const read = readAuthority(cacerts(lower, [root], [lower, middle, root]), NOW)
    assert.ok(read.ok)
    const issuer = await createIssuer(read.value, () => NOW)
    const names = [{ kind: 'dns', name: 'a' }] as const
    const chain = await issuer.sign({ csr: await testRequest(), names, ttlMs: 9 * DAY_MS })
    assert.deepEqual(chain.slice(1), [lower.certificate, middle.certificate])
    const [leaf, first] = chain.map((pem) => new X509Certificate(pem))
    assert.ok(leaf && first && leaf.checkIssued(first) && leaf.verify(first.publicKey))
    assert.equal(Date.parse(leaf.validTo), NOW + 5 * DAY_MS)
  })

  test('a root renewed with its own key vouches for what the old one has signed', async () => {
    const { root, issuer } = await testIssuer(DAY_MS)
    const { certificate } = await issuer.issue({ names: [{ kind: 'dns', name: 'a' }], ttlMs: DAY_MS })
    const renewed = await renewRoot(root, { now: NOW + DAY_MS / 2, ttlMs: 9 * DAY_MS })
    assert.equal(renewed.key, root.key)
    const parsed = new X509Certificate(renewed.certificate)
    assert.equal(Date.parse(parsed.validTo), NOW + 9.5 * DAY_MS)
    const leaf = new X509Certificate(certificate)
    assert.ok(leaf.checkIssued(parsed) && leaf.verify(parsed.publicKey))
    assert.notEqual(parsed.serialNumber, new X509Certificate(root.certificate).serialNumber)
  })

  test('an authority that has expired signs nothing', async () => {
    const root = await testRoot('short', DAY_MS)
    const issuer = await createIssuer(testAuthority(root), () => NOW + DAY_MS)
    await assert.rejects(issuer.issue({ names: [{ kind: 'dns', name: 'a' }], ttlMs: 1000 }), /has expired/)
  })
})
