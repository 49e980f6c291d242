import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { renewRoot } from './issuer.ts'
import { DAY_MS, NOW, testRoot } from './testing.ts'
import { nextTrust, readTrust, trustBundleOf, type TrustRecord, trustSecret } from './trust-record.ts'

const OPTIONS = { now: NOW, keepMs: DAY_MS }

async function roots(...names: readonly string[]): Promise<readonly string[]> {
  const made = await Promise.all(names.map((name) => testRoot(name)))
  return made.map(({ certificate }) => certificate)
}

function bundle(record: TrustRecord): readonly string[] {
  return trustBundleOf(record).toSorted()
}

describe('whom the mesh believes', () => {
  test('the first roots are believed at once', async () => {
    const [a = ''] = await roots('a')
    assert.deepEqual(nextTrust(undefined, [a], OPTIONS), { roots: [a], since: 0, retired: [] })
  })

  test('the same roots change nothing, in whatever order', async () => {
    const [a = '', b = ''] = await roots('a', 'b')
    const record = nextTrust(undefined, [a, b], OPTIONS)
    assert.equal(nextTrust(record, [b, a], { ...OPTIONS, now: NOW + 5 * DAY_MS }), record)
  })

  test('a root in place of another: both are believed until what the old one signed has run out', async () => {
    const [a = '', b = ''] = await roots('a', 'b')
    const first = nextTrust(undefined, [a], OPTIONS)
    const rotating = nextTrust(first, [b], OPTIONS)
    assert.deepEqual(bundle(rotating), [a, b].toSorted())
    assert.equal(rotating.since, NOW)
    assert.equal(nextTrust(rotating, [b], { ...OPTIONS, now: NOW + DAY_MS - 1 }), rotating)
    const after = nextTrust(rotating, [b], { ...OPTIONS, now: NOW + DAY_MS })
    assert.deepEqual(bundle(after), [b])
    assert.equal(after.since, NOW)
  })

  test('an operator’s rotation by superset ends when the operator ends it', async () => {
    const [a = '', b = ''] = await roots('a', 'b')
    const superset = nextTrust(nextTrust(undefined, [a], OPTIONS), [a, b], OPTIONS)
    assert.deepEqual(bundle(superset), [a, b].toSorted())
    assert.equal(superset.since, NOW)
    const ended = nextTrust(superset, [b], { ...OPTIONS, now: NOW + 1 })
    assert.deepEqual(bundle(ended), [b])
    assert.equal(ended.since, NOW, 'no root was added')
  })

  test('one who goes back before the time is over believes both, each once', async () => {
    const [a = '', b = ''] = await roots('a', 'b')
    const rotating = nextTrust(nextTrust(undefined, [a], OPTIONS), [b], OPTIONS)
    const back = nextTrust(rotating, [a], { ...OPTIONS, now: NOW + 1 })
    assert.deepEqual(bundle(back), [a, b].toSorted())
    assert.deepEqual(
      back.retired.map(({ certificate }) => certificate),
      [b],
    )
  })

  test('a root renewed with its own key takes nobody’s place', async () => {
    const root = await testRoot('a', DAY_MS)
    const renewed = await renewRoot(root, { now: NOW, ttlMs: 9 * DAY_MS })
    const record = nextTrust(
      nextTrust(undefined, [root.certificate], OPTIONS),
      [renewed.certificate],
      OPTIONS,
    )
    assert.deepEqual(record.retired, [])
    assert.deepEqual(bundle(record), [renewed.certificate])
  })

  test('the record comes back from its Secret as it was', async () => {
    const [a = '', b = ''] = await roots('a', 'b')
    const record = nextTrust(nextTrust(undefined, [a], OPTIONS), [b], OPTIONS)
    assert.deepEqual(readTrust(trustSecret(record, 'istio-system')), record)
  })

  test('a record of garbage is none, and what is no CA is not believed', async () => {
    const [a = ''] = await roots('a')
    const secret = trustSecret({ roots: [a], since: 0, retired: [] }, 'istio-system')
    assert.equal(readTrust({ ...secret, data: { 'root-cert.pem': 'bm9uc2Vuc2U=' } }), undefined)
    const torn = { ...secret.data, 'retired-root-certs.pem': Buffer.from(a).toString('base64') }
    assert.deepEqual(readTrust({ ...secret, data: torn })?.retired, [], 'nobody is believed without an end')
  })
})
