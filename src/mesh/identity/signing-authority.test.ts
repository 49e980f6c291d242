import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { Secret } from '../../kube/index.ts'
import { createIssuer } from './issuer.ts'
import { readAuthority } from './signing-authority.ts'
import { cacerts, DAY_MS, NOW, testAuthority, testIntermediate, testRoot } from './testing.ts'

function without(secret: Secret, name: string): Secret {
  return { ...secret, data: { ...secret.data, [name]: '' } }
}

function withText(secret: Secret, name: string, text: string): Secret {
  return { ...secret, data: { ...secret.data, [name]: Buffer.from(text).toString('base64') } }
}

// istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert names the members
test('a plugged-in CA is refused with what is wrong with it', async () => {
  const root = await testRoot('root')
  const other = await testRoot('other')
  const ca = await testIntermediate('ca', root)
  const orphan = await testIntermediate('orphan', ca)
  const leaf = await (
    await createIssuer(testAuthority(root), () => NOW)
  ).issue({
    names: [{ kind: 'dns', name: 'x' }],
    ttlMs: DAY_MS,
  })
  const good = cacerts(ca, [root], [ca])
  const weak = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const cases: readonly (readonly [Secret, RegExp])[] = [
    [without(good, 'ca-cert.pem'), /ca-cert\.pem holds no certificate/],
    [without(good, 'ca-key.pem'), /it has no ca-key\.pem/],
    [without(good, 'root-cert.pem'), /root-cert\.pem holds no certificate/],
    [withText(good, 'ca-key.pem', 'nonsense'), /holds no private key/],
    [withText(good, 'ca-key.pem', other.key), /does not belong/],
    [withText(good, 'ca-key.pem', String(weak)), /does not belong/],
    [withText(good, 'ca-cert.pem', good.data?.['ca-cert.pem'] ?? ''), /holds no certificate/],
    [cacerts(leaf, [root]), /no CA/],
    [cacerts(ca, [other], [ca]), /does not lead to/],
    [cacerts(orphan, [root], [orphan]), /does not lead to/],
    [cacerts(ca, [leaf, root], [ca]), /root-cert\.pem holds a certificate that is no CA/],
  ]
  for (const [secret, reason] of cases) {
    const read = readAuthority(secret, NOW)
    assert.ok(!read.ok, String(reason))
    assert.match(read.error, reason)
    assert.doesNotMatch(read.error, /BEGIN|MII/)
  }
  assert.ok(readAuthority(good, NOW).ok)
})

test('a chain is put in order and cut at the root, however it was written', async () => {
  const root = await testRoot('root')
  const middle = await testIntermediate('middle', root)
  const ca = await testIntermediate('ca', middle)
  const read = readAuthority(cacerts(ca, [root], [root, middle, ca]), NOW)
  assert.ok(read.ok)
  assert.deepEqual(read.value.intermediates, [ca.certificate, middle.certificate])
  assert.equal(read.value.root, root.certificate)
})

test('an intermediate without cert-chain.pem is a chain of one', async () => {
  const root = await testRoot('root')
  const ca = await testIntermediate('ca', root)
  const read = readAuthority(cacerts(ca, [root]), NOW)
  assert.ok(read.ok)
  assert.deepEqual(read.value.intermediates, [ca.certificate])
})

test('an authority before or after its time is refused, also when only what is above it has run out', async () => {
  const root = await testRoot('root', 10 * DAY_MS)
  const ca = await testIntermediate('ca', root, 30 * DAY_MS)
  const at = (now: number): string => {
    const read = readAuthority(cacerts(ca, [root]), now)
    return read.ok ? 'good' : read.error
  }
  assert.equal(at(NOW + DAY_MS), 'good')
  assert.match(at(NOW - DAY_MS), /not valid before/)
  assert.match(at(NOW + 20 * DAY_MS), /“O=root” has expired/)
})

test('a TLS Secret is read by its own names', async () => {
  const root = await testRoot('root')
  const ca = await testIntermediate('ca', root)
  const { data = {} } = cacerts(ca, [root])
  const secret = {
    ...cacerts(ca, [root]),
    data: {
      'tls.crt': data['ca-cert.pem'] ?? '',
      'tls.key': data['ca-key.pem'] ?? '',
      'ca.crt': data['root-cert.pem'] ?? '',
    },
  }
  assert.ok(readAuthority(secret, NOW).ok)
})
