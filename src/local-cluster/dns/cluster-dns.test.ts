import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { promises as dnsPromises } from 'node:dns'
import { connect, createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet'
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import type { EndpointSlice, KubeObject, Service } from '../../kube/index.ts'
import { type KubeClient, KINDS } from '../../kube/client/index.ts'
import { startTestServer, type TestServer } from '../apiserver/testing.ts'
import { type ClusterDns, createClusterDns, parseResolvConf } from './index.ts'
import { framed } from './upstream.ts'

const LOOPBACK = '127.0.0.1'
const S = 'default.svc.cluster.local'

let api: TestServer
let dns: ClusterDns
let port: number
let upstream: Upstream
let upstreams: readonly string[] = []

before(async () => {
  api = await startTestServer()
  await furnish(api.client)
  upstream = await startUpstream()
  port = await freePort()
  dns = startDns(api.client, port)
  await Promise.all([dns.ready, dns.synced])
})
after(async () => {
  await dns.stop()
  upstream.stop()
  await api.stop()
})

describe('a resolver of a pod', () => {
  test('finds Services, endpoints, ports and names of addresses', async () => {
    const resolver = resolverAt(port)
    assert.deepEqual(await resolver.resolve4(`web.${S}`), ['10.43.7.7'])
    assert.deepEqual((await resolver.resolve4(`db.${S}`)).sort(), ['10.42.0.6', '10.42.0.7'])
    assert.deepEqual(await resolver.resolve4(`db-0.db.${S}`), ['10.42.0.6'])
    assert.deepEqual(await resolver.reverse('10.43.7.7'), [`web.${S}`])
    const [srv] = await resolver.resolveSrv(`_http._tcp.web.${S}`)
    assert.deepEqual([srv?.name, srv?.port, srv?.priority, srv?.weight], [`web.${S}`, 80, 0, 100])
    await assert.rejects(resolver.resolve6(`web.${S}`), { code: 'ENODATA' })
    await assert.rejects(resolver.resolve4(`nobody.${S}`), { code: 'ENOTFOUND' })
  })

  test('sees a Service as soon as it is there, and no longer when it has gone', async () => {
    const resolver = resolverAt(port)
    await api.client.create(KINDS.service, serviceOf('young', { clusterIP: '10.43.7.8' }))
    await eventually(async () => assert.deepEqual(await resolver.resolve4(`young.${S}`), ['10.43.7.8']))
    await api.client.delete(KINDS.service, 'young', 'default')
    await eventually(() => assert.rejects(resolver.resolve4(`young.${S}`), { code: 'ENOTFOUND' }))
  })

  test('is sent to the host’s name servers with every other name', async () => {
    upstreams = [upstream.address]
    assert.deepEqual(await resolverAt(port).resolve4('example.com'), ['192.0.2.1'])
  })

  test('follows an ExternalName to its address outside', async () => {
    upstreams = [upstream.address]
    assert.deepEqual(await resolverAt(port).resolve4(`mail.${S}`), ['192.0.2.1'])
    const { answers } = await ask(port, { name: `mail.${S}`, type: 'A' })
    assert.deepEqual(
      answers?.map((record) => record.type),
      ['CNAME', 'A'],
    )
  })

  test('follows an ExternalName that leads to another Service, and is not led in circles', async () => {
    assert.deepEqual(await resolverAt(port).resolve4(`inner.${S}`), ['10.43.7.7'])
    assert.equal(rcodeOf(await ask(port, { name: `ring.${S}`, type: 'A' })), 2)
  })
})

describe('messages', () => {
  test('an absent name carries a start of authority that is kept for 5 seconds', async () => {
    const answer = await ask(port, { name: `nobody.${S}`, type: 'A' })
    assert.equal(rcodeOf(answer), 3)
    const soa = answer.authorities?.[0]
    assert.equal(soa?.type === 'SOA' ? soa.data.minimum : undefined, 5)
    assert.equal(soa?.type === 'SOA' ? soa.ttl : undefined, 5)
  })

  test('an answer too big for UDP says so (TC) and comes whole over TCP', async () => {
    const question = { name: `big.${S}`, type: 'A' } as const
    const small = await ask(port, question)
    assert.ok(isTruncated(small))
    assert.ok((small.answers?.length ?? 0) > 0)
    const whole = await askTcp(port, question)
    assert.ok(!isTruncated(whole))
    assert.equal(whole.answers?.length, 80)
  })

  test('an answer is as big as the client says it takes (EDNS), 1232 bytes at most', async () => {
    const count = async (udpPayloadSize: number) =>
      (await ask(port, { name: `medium.${S}`, type: 'A' }, udpPayloadSize)).answers?.length
    assert.equal(await count(1232), 15)
    assert.ok(((await count(512)) ?? 0) < 15)
  })

  test('what is no question is refused or dropped, and the server goes on', async () => {
    const malformed = Buffer.from('000100000005000000000000', 'hex')
    assert.equal(rcodeOf(await exchange(port, malformed)), 1)
    const update = Buffer.from('000128000001000000000000', 'hex')
    assert.equal(rcodeOf(await exchange(port, update)), 4)
    assert.equal((await ask(port, { name: `web.${S}`, type: 'A' })).answers?.length, 1)
  })

  test('a question that is sent back to its own server is answered, not passed on for ever', async () => {
    upstreams = [`${LOOPBACK}:${port}`]
    assert.equal(rcodeOf(await ask(port, { name: 'example.com', type: 'A' })), 3)
  })
})

describe('without upstreams', () => {
  test('a host without name servers has no names outside the cluster', async () => {
    upstreams = []
    assert.equal(rcodeOf(await ask(port, { name: 'example.com', type: 'A' })), 3)
  })

  test('an unreachable one is a failure, and the next one is asked', async () => {
    const nobody = `${LOOPBACK}:${await freePort()}`
    upstreams = [nobody]
    assert.equal(rcodeOf(await ask(port, { name: 'example.com', type: 'A' })), 2)
    upstreams = [nobody, upstream.address]
    assert.equal((await ask(port, { name: 'example.com', type: 'A' })).answers?.length, 1)
  })

  test('a silent one is given up within the time a client waits', async () => {
    upstreams = [upstream.address]
    assert.equal(rcodeOf(await ask(port, { name: 'silent.example.com', type: 'A' })), 2)
  })
})

test('names are answered from memory while the API server is away, and after it has gone for good', async () => {
  const own = await startTestServer()
  await furnish(own.client)
  const ownPort = await freePort()
  const server = startDns(own.client, ownPort)
  await Promise.all([server.ready, server.synced])
  await own.stop()
  assert.deepEqual(await resolverAt(ownPort).resolve4(`web.${S}`), ['10.43.7.7'])
  await server.stop()
})

test('a taken address is named in the error', async () => {
  await assert.rejects(
    async () => {
      const second = startDns(api.client, port)
      try {
        await second.ready
      } finally {
        await second.stop()
      }
    },
    { message: new RegExp(`cannot listen on ${LOOPBACK}:${port}`) },
  )
})

test('resolv.conf gives its first three name servers', () => {
  const text =
    '# made by hand\nsearch lan\nnameserver 192.0.2.53\n nameserver ::1 # local\nnameserver bad\nnameserver 1.1.1.1\nnameserver 9.9.9.9\n'
  assert.deepEqual(parseResolvConf(text), ['192.0.2.53', '::1', '1.1.1.1'])
})

function startDns(client: KubeClient, at: number): ClusterDns {
  return createClusterDns({
    client,
    listen: { address: LOOPBACK, port: at },
    clusterDomain: 'cluster.local',
    upstreams: () => upstreams,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
}

function serviceOf(name: string, spec: Service['spec']): Service {
  const ports = [{ name: 'http', port: 80 }]
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports, ...spec },
  }
}

function sliceOf(service: string, endpoints: EndpointSlice['endpoints']): KubeObject & EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-1`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    endpoints: endpoints ?? [],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  }
}

async function furnish(client: KubeClient): Promise<void> {
  const external = (externalName: string) => ({ type: 'ExternalName', externalName, ports: [] }) as const
  const services = [
    serviceOf('web', { clusterIP: '10.43.7.7' }),
    serviceOf('db', { clusterIP: 'None' }),
    serviceOf('big', { clusterIP: 'None' }),
    serviceOf('medium', { clusterIP: 'None' }),
    serviceOf('mail', external('example.com')),
    serviceOf('inner', external(`web.${S}`)),
    serviceOf('ring', external(`ring.${S}`)),
  ]
  for (const service of services) await client.create(KINDS.service, service)
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ addresses: [`10.42.1.${index}`] }))
  const db = [{ addresses: ['10.42.0.6'], hostname: 'db-0' }, { addresses: ['10.42.0.7'] }]
  for (const slice of [sliceOf('db', db), sliceOf('big', many(80)), sliceOf('medium', many(15))]) {
    await client.create(KINDS.endpointSlice, slice)
  }
}

interface Upstream {
  readonly address: string
  readonly stop: () => void
}

/** Knows every name but those that begin with `silent`. */
async function startUpstream(): Promise<Upstream> {
  const socket = createSocket('udp4')
  socket.bind(0, LOOPBACK)
  await once(socket, 'listening')
  socket.on('message', (message, from) => {
    const { id, questions } = decode(message)
    const name = questions?.[0]?.name ?? ''
    if (name.startsWith('silent')) return
    const answers: Answer[] = [{ type: 'A', name, ttl: 60, data: '192.0.2.1' }]
    socket.send(encode({ type: 'response', id, questions, answers }), from.port, from.address)
  })
  return { address: `${LOOPBACK}:${socket.address().port}`, stop: () => socket.close() }
}

function resolverAt(at: number): dnsPromises.Resolver {
  const resolver = new dnsPromises.Resolver({ timeout: 5_000, tries: 1 })
  resolver.setServers([`${LOOPBACK}:${at}`])
  return resolver
}

interface Question {
  readonly name: string
  readonly type: 'A'
}

function queryFor(question: Question, udpPayloadSize?: number): Buffer {
  const edns = {
    type: 'OPT',
    name: '.',
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as const
  const additionals = udpPayloadSize === undefined ? [] : [{ ...edns, options: [], udpPayloadSize }]
  return encode({ type: 'query', id: 7, flags: RECURSION_DESIRED, questions: [question], additionals })
}

function ask(at: number, question: Question, udpPayloadSize?: number): Promise<Packet> {
  return exchange(at, queryFor(question, udpPayloadSize))
}

async function exchange(at: number, query: Buffer): Promise<Packet> {
  const socket = createSocket('udp4')
  try {
    socket.send(query, at, LOOPBACK)
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })) as [Buffer]
    return decode(answer)
  } finally {
    socket.close()
  }
}

async function askTcp(at: number, question: Question): Promise<Packet> {
  const socket = connect(at, LOOPBACK)
  socket.write(framed(queryFor(question)))
  let received = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk])
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break
  }
  return decode(received.subarray(2))
}

function rcodeOf(packet: Packet): number {
  return (packet.flags ?? 0) & 0xf
}

function isTruncated(packet: Packet): boolean {
  return ((packet.flags ?? 0) & 0x200) !== 0
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await systemClock.sleep(10)
    }
  }
}
