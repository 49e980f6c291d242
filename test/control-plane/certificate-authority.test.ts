import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, beforeEach, describe, test } from 'node:test'
import { createLogger, createManualClock, systemRandom } from '../../src/base/index.ts'
import type { Secret } from '../../src/kube/index.ts'
import { type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import { startTestServer, type TestServer } from '../../src/local-cluster/apiserver/testing.ts'
import { type CertificateAuthority, createCertificateAuthority } from '../../src/mesh/identity/index.ts'
import { DEFAULT_LIFETIMES } from '../../src/mesh/identity/authority.ts'
import { cacerts, DAY_MS, NOW, testIntermediate, testRoot } from '../../src/mesh/identity/testing.ts'
import { waitFor } from '../support/wait.ts'

const NAMESPACE = 'istio-system'
const LEAF = { names: [{ kind: 'dns', name: 'x' }], ttlMs: 1000 } as const

/** Replicas of the control plane's authority on a real API server, in a time of their own. */
async function openWorld() {
  const server: TestServer = await startTestServer()
  const { client } = server
  await client.create(KINDS.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } })
  const clock = createManualClock(NOW)
  const lines: string[] = []
  const replicas: CertificateAuthority[] = []
  const startReplica = async (): Promise<CertificateAuthority> => {
    const replica = createCertificateAuthority({
      client,
      namespace: NAMESPACE,
      trustDomain: 'cluster.local',
      lifetimes: DEFAULT_LIFETIMES,
      clock,
      random: systemRandom,
      logger: createLogger({
        scope: 'ca',
        level: 'info',
        write: (line) => lines.push(line),
        now: clock.now,
      }),
    })
    replicas.push(replica)
    let ready = false
    void replica.ready.then(() => (ready = true))
    await eventually('a replica is ready', () => ready)
    return replica
  }
  /** Time passes slowly meanwhile, for retries. */
  const eventually = async (what: string, isTrue: () => boolean): Promise<void> => {
    const look = (): boolean => {
      clock.advance(200)
      return isTrue()
    }
    await waitFor(what, look, { everyMs: 2 })
  }
  return {
    client,
    clock,
    lines,
    startReplica,
    eventually,
    async close() {
      await Promise.all(replicas.map((replica) => replica.stop()))
      await server.stop()
    },
  }
}

async function plugIn(client: KubeClient, secret: Secret): Promise<void> {
  const present = await client.get<Secret>(KINDS.secret, 'cacerts', NAMESPACE)
  if (!present) await client.create<Secret>(KINDS.secret, secret)
  else await client.update<Secret>(KINDS.secret, { ...present, data: secret.data ?? {} })
}

const rootOf = (replica: CertificateAuthority): string => replica.issuer().root
const bundleOf = (replica: CertificateAuthority): string => replica.trustBundle().join('')

describe('replicas of the certificate authority', () => {
  let world: Awaited<ReturnType<typeof openWorld>>
  const worlds: (typeof world)[] = []
  beforeEach(async () => {
    world = await openWorld()
    worlds.push(world)
  })
  after(() => Promise.all(worlds.map((one) => one.close())))

  test('make one self-signed root between them', async () => {
    const [a, b] = await Promise.all([world.startReplica(), world.startReplica()])
    assert.equal(rootOf(a), rootOf(b))
    assert.deepEqual(a.trustBundle(), [rootOf(a)])
    assert.deepEqual(b.trustBundle(), [rootOf(a)])
    const secret = await world.client.get<Secret>(KINDS.secret, 'istio-ca-secret', NAMESPACE)
    assert.equal(Buffer.from(secret?.data?.['ca-cert.pem'] ?? '', 'base64').toString(), rootOf(a))
  })

  test('believe a plugged-in root before they sign under it, and the old one for a day after', async () => {
    const [a, b] = [await world.startReplica(), await world.startReplica()]
    const before = rootOf(a)
    const root = await testRoot('plugged in')
    const ca = await testIntermediate('intermediate', root)
    await plugIn(world.client, cacerts(ca, [root], [ca]))
    await world.eventually('both believe both roots', () =>
      [a, b].every((one) => one.trustBundle().length === 2),
    )
    assert.ok(
      [a, b].every((one) => rootOf(one) === before),
      'nothing is signed under it yet',
    )
    assert.equal(bundleOf(a), bundleOf(b))
    await world.eventually('both sign under it', () =>
      [a, b].every((one) => rootOf(one) === root.certificate),
    )
    const { certificate } = await a.issuer().issue(LEAF)
    assert.ok(new X509Certificate(certificate).verify(new X509Certificate(ca.certificate).publicKey))
    assert.ok(certificate.endsWith(ca.certificate), 'with its intermediate')
    const late = await world.startReplica()
    assert.equal(rootOf(late), root.certificate)
    assert.equal(bundleOf(late), bundleOf(a), 'a replica that starts meanwhile believes the same')
    world.clock.advance(DAY_MS)
    await world.eventually('the old root is forgotten', () =>
      [a, b, late].every((one) => bundleOf(one) === root.certificate),
    )
  })

  test('go on with the last good CA when the new one is wrong, and say once what is', async () => {
    const a = await world.startReplica()
    const before = rootOf(a)
    const [root, other] = [await testRoot('one'), await testRoot('two')]
    await plugIn(world.client, cacerts({ ...root, key: other.key }, [root]))
    const complaints = () =>
      world.lines.filter((line) => line.includes('is refused, the last good one goes on'))
    await world.eventually('the complaint', () => complaints().length > 0)
    assert.match(
      complaints()[0] ?? '',
      /istio-system\/cacerts.*ca-key\.pem does not belong to the certificate/,
    )
    assert.doesNotMatch(world.lines.join(''), /BEGIN/)
    assert.deepEqual([rootOf(a), a.trustBundle()], [before, [before]])
    world.clock.advance(3 * 3600_000)
    await plugIn(world.client, cacerts(root, [root]))
    await world.eventually('the mended one', () => rootOf(a) === root.certificate)
    assert.equal(complaints().length, 1)
  })

  test('never start with a CA that is wrong', async () => {
    const [root, other] = [await testRoot('one'), await testRoot('two')]
    await plugIn(world.client, cacerts({ ...root, key: other.key }, [root]))
    let started = false
    const starting = world.startReplica().then((replica) => {
      started = true
      return replica
    })
    await world.eventually('a word about it', () => world.lines.some((line) => line.includes('is refused')))
    assert.equal(started, false)
    assert.equal(await world.client.get(KINDS.secret, 'istio-ca-secret', NAMESPACE), undefined)
    await plugIn(world.client, cacerts(root, [root]))
    assert.equal(rootOf(await starting), root.certificate)
  })

  test('go back to the self-signed root when the plugged-in CA is taken away, as safely', async () => {
    const root = await testRoot('plugged in')
    await plugIn(world.client, cacerts(root, [root]))
    const [a, b] = [await world.startReplica(), await world.startReplica()]
    await world.client.delete(KINDS.secret, 'cacerts', NAMESPACE)
    await world.eventually('both believe both', () => [a, b].every((one) => one.trustBundle().length === 2))
    await world.eventually('both sign with it', () => [a, b].every((one) => rootOf(one) !== root.certificate))
    assert.equal(rootOf(a), rootOf(b))
    assert.equal(bundleOf(a), bundleOf(b))
  })

  test('give a self-signed root at the end of its life another under the same key', async () => {
    const [a, b] = [await world.startReplica(), await world.startReplica()]
    const before = rootOf(a)
    const leaf = new X509Certificate((await a.issuer().issue({ ...LEAF, ttlMs: DAY_MS })).certificate)
    world.clock.advance(3650 * 0.81 * DAY_MS)
    await world.eventually('a new life', () => {
      // What a timer sets off sees the moment at which it was due; the next look is an hour later at most.
      world.clock.advance(60_000)
      return [a, b].every((one) => rootOf(one) !== before)
    })
    assert.equal(rootOf(a), rootOf(b))
    assert.deepEqual([a.trustBundle(), b.trustBundle()], [[rootOf(a)], [rootOf(a)]])
    assert.ok(leaf.verify(new X509Certificate(rootOf(a)).publicKey))
    assert.ok(new X509Certificate(before).publicKey.equals(new X509Certificate(rootOf(a)).publicKey))
  })
})
