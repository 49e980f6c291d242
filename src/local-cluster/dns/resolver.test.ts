import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'
import { createSeededRandom, silentLogger, systemClock } from '../../base/index.ts'
import { createForwarder } from './forwarder.ts'
import { createResolver, type NamesOf } from './resolver.ts'
import { createDnsView } from './view.ts'

const view = createDnsView()
view.setService('shop/web', {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { clusterIP: '10.43.0.7', ports: [{ name: 'http', port: 80 }] },
})
const random = createSeededRandom(1)

function resolverWith(isSynced: boolean, namesOf?: NamesOf) {
  const forwarder = createForwarder({
    upstreams: () => [],
    self: { address: '127.0.0.1', port: 53 },
    clock: systemClock,
    random,
    logger: silentLogger,
  })
  const zones = { domain: 'cluster.local', serverAddress: '10.43.0.10', ranges: [] }
  return createResolver({ view, zones, forwarder, random, isSynced: () => isSynced, namesOf })
}

const query = (name: string) => encode({ type: 'query', id: 9, questions: [{ type: 'A', name }] })

test('whatever bytes come, the answer is none or a readable one to the same question', async () => {
  const resolver = resolverWith(true)
  const damaged = fc
    .tuple(fc.nat(60), fc.nat(255), fc.constantFrom('web.shop.svc.cluster.local', 'example.com'))
    .map(([at, byte, name]) => {
      const bytes = query(name)
      if (at < bytes.length) bytes[at] = byte
      return bytes
    })
  // A dot where a label is: what decoders make of it cannot be told from a boundary.
  const dotted = fc.integer({ min: 13, max: 38 }).map((at) => {
    const bytes = query('web.shop.svc.cluster.local')
    bytes.write('.', at)
    return bytes
  })
  const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, dotted, noise), async (bytes) => {
      const answer = await resolver.handle(bytes, 'udp')
      if (!answer) return
      assert.equal(answer.readUInt16BE(0), bytes.readUInt16BE(0))
      assert.equal(decode(answer).flag_qr, true)
    }),
    { numRuns: 2_000 },
  )
})

test('a name of bytes that are no text is none of the cluster', async () => {
  const bytes = query(`${'x'.repeat(63)}.cluster.local`)
  bytes.fill(0xff, 13, 13 + 63)
  const answer = await resolverWith(true).handle(bytes, 'udp')
  assert.equal((answer?.readUInt8(3) ?? 0) & 0xf, 3)
  assert.equal(decode(answer ?? Buffer.alloc(0)).questions?.length, 0)
})

test('a label with a dot in it makes no name of the cluster, and no answer that repeats another question', async () => {
  for (const [name, rcode] of [
    ['web.shop.svc.cluster.local', 3],
    ['we-.shop.svc.cluster.local', 3],
    ['we-.example.com', 3],
  ] as const) {
    const bytes = query(name)
    bytes.write('.', 12 + 1 + (name.startsWith('we-') ? 2 : 0))
    const answer = await resolverWith(true).handle(bytes, 'udp')
    assert.equal((answer?.readUInt8(3) ?? 0) & 0xf, rcode, name)
    assert.equal(decode(answer ?? Buffer.alloc(0)).questions?.length, 0, name)
  }
})

test('before the cluster was seen once its names are a failure, not an absence', async () => {
  const answer = await resolverWith(false).handle(query('web.shop.svc.cluster.local'), 'udp')
  assert.equal((answer?.readUInt8(3) ?? 0) & 0xf, 2)
})

test('a name of the mesh is answered to the pod that it is for, behind those of Kubernetes, and to nobody else', async () => {
  const resolver = resolverWith(true, (client, name) =>
    client === '10.42.0.9' && (name === 'api.test' || name.endsWith('svc.cluster.local'))
      ? ['240.240.0.1']
      : undefined,
  )
  const ask = async (name: string, client: string) => {
    const bytes = (await resolver.handle(query(name), 'udp', client)) ?? Buffer.alloc(0)
    const data =
      decode(bytes).answers?.map((answer) =>
        'data' in answer && typeof answer.data === 'string' ? answer.data : '',
      ) ?? []
    return `${bytes.readUInt8(3) & 0xf} ${data.join(',')}`
  }
  assert.equal(await ask('api.test', '10.42.0.9'), '0 240.240.0.1')
  assert.equal(await ask('API.test', '10.42.0.9'), '0 240.240.0.1')
  assert.equal(await ask('api.test', '10.42.0.8'), '3 ')
  assert.equal(await ask('db.shop.svc.cluster.local', '10.42.0.9'), '0 240.240.0.1')
  assert.equal(await ask('web.shop.svc.cluster.local', '10.42.0.9'), '0 10.43.0.7')
  const v6 = encode({ type: 'query', id: 9, questions: [{ type: 'AAAA', name: 'api.test' }] })
  const answer = decode((await resolver.handle(v6, 'udp', '10.42.0.9')) ?? Buffer.alloc(0))
  assert.equal(answer.answers?.length, 0)
})
