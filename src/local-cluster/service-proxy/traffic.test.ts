/** The rules at work in network namespaces: a machine with endpoints on it, and clients that come from outside. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import type { EndpointSlice, Service } from '../../kube/index.ts'
import { applyNft, netnsPath, openTcpListener, openTcpSocket, openUdpSocket } from '../../linux/index.ts'
import { keptClientsScript, readKeptClients } from './kept-clients.ts'
import { fullScript } from './script.ts'
import { forgetStaleFlows, udpDestinations } from './udp-flows.ts'
import { balanced, NETWORK, NODE, rulesOf, service, slice, sliceOf } from './testing.ts'

const isRoot = process.getuid?.() === 0
const skip = isRoot ? false : 'network namespaces need root'
const MACHINE = `lateen-machine-${process.pid}`
const OUTSIDE = `lateen-outside-${process.pid}`
const CLIENTS = Array.from({ length: 12 }, (_, index) => `192.0.2.${100 + index}`)
const ENDPOINTS = ['10.42.0.2', '10.42.0.3', '10.42.0.4']
const [FIRST = '', SECOND = '', THIRD = ''] = ENDPOINTS
const servers: (net.Server | dgram.Socket)[] = []

before(() => {
  if (!isRoot) return
  for (const name of [MACHINE, OUTSIDE]) execFileSync('ip', ['netns', 'add', name])
  ip(MACHINE, [
    'link set lo up',
    `link add outside type veth peer name machine netns ${OUTSIDE}`,
    'addr add 192.0.2.1/24 dev outside',
    'link set outside up',
    ...ENDPOINTS.map((address) => `addr add ${address}/32 dev lo`),
    'route add default via 192.0.2.100',
    'route add 10.43.0.0/16 dev lo',
    'route add 10.44.0.0/24 dev lo',
  ])
  ip(OUTSIDE, [
    'link set lo up',
    'link set machine up',
    ...CLIENTS.map((address) => `addr add ${address}/24 dev machine`),
    'route add default via 192.0.2.1',
  ])
  execFileSync('ip', ['netns', 'exec', MACHINE, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
})
after(() => {
  if (isRoot) for (const name of [MACHINE, OUTSIDE]) execFileSync('ip', ['netns', 'delete', name])
})
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(async (server) => {
      server.close()
      await once(server, 'close')
    }),
  )
})

test('with ClientIP affinity a client keeps to its endpoint, and clients are spread', { skip }, async () => {
  await serveTcp(ENDPOINTS)
  await apply([service('web', '10.43.0.5', affinity(600))], [slice('web', ENDPOINTS)])
  const answers = new Map<string, ReadonlySet<string>>()
  for (const client of CLIENTS) answers.set(client, await askOften('10.43.0.5', 80, { client, times: 8 }))
  for (const [client, names] of answers) assert.equal(names.size, 1, `${client}: ${[...names].join()}`)
  // 12 clients at one of 3 endpoints by chance: once in 177,000 runs.
  assert.ok(new Set([...answers.values()].flatMap((names) => [...names])).size > 1)
})

test('affinity outlives a restart of the service proxy', { skip }, async () => {
  await serveTcp(ENDPOINTS)
  const services = [service('web', '10.43.0.5', affinity(600))]
  const slices = [slice('web', ENDPOINTS)]
  await apply(services, slices)
  for (const client of CLIENTS) {
    const [endpoint] = await askOften('10.43.0.5', 80, { client, times: 1 })
    const kept = await readKeptClients('ip', netnsPath(MACHINE))
    await apply(services, slices)
    await applyNft(keptClientsScript(kept, rulesOf(services, slices)), netnsPath(MACHINE))
    assert.equal(await ask('10.43.0.5', 80, { client }), endpoint)
  }
})

test('affinity ends with its time, and with its endpoint', { skip }, async () => {
  await serveTcp(ENDPOINTS)
  await apply([service('web', '10.43.0.5', affinity(1))], [slice('web', [FIRST])])
  assert.equal(await ask('10.43.0.5', 80), FIRST)
  await apply([service('web', '10.43.0.5', affinity(1))], [slice('web', [SECOND])])
  assert.equal(await ask('10.43.0.5', 80), SECOND)
  const deadline = performance.now() + 10_000
  while (/ expires /.test(listTable())) assert.ok(performance.now() < deadline, 'the client is not forgotten')
})

test('a UDP Service, by its address and its node port', { skip }, async () => {
  serveUdp(FIRST, '0.0.0.0')
  const ports = [{ name: 'http', port: 53, protocol: 'UDP' as const, targetPort: 8080, nodePort: 30_053 }]
  await apply(
    [service('dns', '10.43.0.6', { type: 'NodePort', ports })],
    [sliceOf('dns', [{ addresses: [FIRST], nodeName: NODE }], { port: 8080, protocol: 'UDP' })],
  )
  assert.equal(await askUdp('10.43.0.6', 53), FIRST)
  assert.equal(await askUdp('192.0.2.1', 30_053), FIRST)
})

test(
  'a client that sends from one port all the time gets another endpoint when its own is gone',
  { skip },
  async () => {
    for (const address of [FIRST, SECOND]) serveUdp(address, address)
    const ports = [{ name: 'http', port: 53, protocol: 'UDP' as const, targetPort: 8080 }]
    const dns = service('dns', '10.43.0.7', { ports })
    const sliceFor = (address: string) =>
      sliceOf('dns', [{ addresses: [address], nodeName: NODE }], { port: 8080, protocol: 'UDP' })
    const client = dgram.createSocket('udp4')
    client.bind({ fd: openUdpSocket({ netns: netnsPath(OUTSIDE), family: 4 }) })
    servers.push(client)
    const askAgain = async () => {
      client.send('who', 53, '10.43.0.7')
      return String(((await once(client, 'message')) as [Buffer])[0])
    }
    await apply([dns], [sliceFor(FIRST)])
    assert.equal(await askAgain(), FIRST)
    await apply([dns], [sliceFor(SECOND)])
    assert.equal(await askAgain(), FIRST, 'the kernel remembers')
    const now = udpDestinations(rulesOf([dns], [sliceFor(SECOND)]))
    assert.equal(forgetStaleFlows(now, 'ip', netnsPath(MACHINE)), 1)
    assert.equal(await askAgain(), SECOND)
    assert.equal(forgetStaleFlows(now, 'ip', netnsPath(MACHINE)), 0, 'what is right is left alone')
  },
)

test('a node port answers at every address of the machine, 127.0.0.1 too', { skip }, async () => {
  await serveTcp([FIRST])
  const ports = [{ name: 'http', port: 80, nodePort: 30_080 }]
  await apply([service('web', '10.43.0.5', { type: 'NodePort', ports })], [slice('web', [FIRST])])
  assert.equal(await ask('192.0.2.1', 30_080), FIRST)
  assert.equal(await ask('127.0.0.1', 30_080, { from: MACHINE }), FIRST)
})

test(
  'externalTrafficPolicy Local: who comes from outside gets endpoints of this node only',
  { skip },
  async () => {
    await serveTcp(ENDPOINTS)
    const local = service('web', '10.43.0.5', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    await apply(
      [balanced(local, '10.44.0.1')],
      [
        sliceOf('web', [
          { addresses: [FIRST], nodeName: NODE },
          { addresses: [SECOND], nodeName: 'there' },
        ]),
      ],
    )
    assert.deepEqual(await askOften('10.44.0.1', 80, { times: 20 }), new Set([FIRST]))
    // The machine itself is no stranger. Of 40 draws all are alike once in 10^12 runs.
    const own = await askOften('10.44.0.1', 80, { from: MACHINE, times: 40 })
    assert.deepEqual(own, new Set([FIRST, SECOND]))
    assert.equal((await askOften('10.43.0.5', 80, { times: 40 })).size, 2)
  },
)

test(
  'without endpoints a connection is refused: by ClusterIP, load balancer and external address',
  { skip },
  async () => {
    const nobody = service('web', '10.43.0.5', { type: 'LoadBalancer', externalIPs: ['203.0.113.7'] })
    await apply([balanced(nobody, '10.44.0.1')], [])
    for (const address of ['10.43.0.5', '10.44.0.1', '203.0.113.7'])
      await assert.rejects(ask(address, 80), { code: 'ECONNREFUSED' })
  },
)

test('pods whose named port has different numbers are all reached', { skip }, async () => {
  await serveTcp([FIRST], 8080)
  await serveTcp([SECOND], 9090)
  await apply(
    [service('web', '10.43.0.5', { ports: [{ name: 'http', port: 80, targetPort: 'web' }] })],
    [
      sliceOf('web', [{ addresses: [FIRST], nodeName: NODE }], { port: 8080 }),
      sliceOf('web', [{ addresses: [SECOND], nodeName: NODE }], { port: 9090 }),
    ],
  )
  assert.deepEqual(await askOften('10.43.0.5', 80, { times: 40 }), new Set([FIRST, SECOND]))
})

test(
  'a load balancer with source ranges answers those in them, on a requested address',
  { skip },
  async () => {
    await serveTcp([THIRD])
    const [allowed = ''] = CLIENTS
    const guarded = service('web', '10.43.0.5', {
      type: 'LoadBalancer',
      loadBalancerIP: '10.44.0.77',
      loadBalancerSourceRanges: [`${allowed}/32`],
    })
    await apply([balanced(guarded, '10.44.0.77')], [slice('web', [THIRD])])
    assert.equal(await ask('10.44.0.77', 80, { client: allowed }), THIRD)
    assert.match(listTable(), new RegExp(`ip saddr ${allowed} goto svc-\\w+\\s+drop`))
  },
)

interface From {
  readonly from?: string
  readonly client?: string
}

function affinity(timeoutSeconds: number): Partial<Service['spec']> {
  return { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } }
}

function ip(netns: string, commands: readonly string[]): void {
  execFileSync('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n') })
}

async function apply(services: readonly Service[], slices: readonly EndpointSlice[]): Promise<void> {
  await applyNft(fullScript(rulesOf(services, slices), { ...NETWORK, bridge: 'none' }), netnsPath(MACHINE))
}

function listTable(): string {
  return execFileSync('ip', ['netns', 'exec', MACHINE, 'nft', 'list', 'ruleset'], { encoding: 'utf8' })
}

/** Servers that say at which address they are. */
async function serveTcp(addresses: readonly string[], port = 8080): Promise<void> {
  for (const address of addresses) {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.end(address)
    })
    server.listen({ fd: openTcpListener({ netns: netnsPath(MACHINE), address, port, backlog: 64 }) })
    await once(server, 'listening')
    servers.push(server)
  }
}

function serveUdp(name: string, bindAddress: string): void {
  const server = dgram.createSocket('udp4')
  server.on('message', (_, peer) => server.send(name, peer.port, peer.address))
  server.bind({ fd: openUdpSocket({ netns: netnsPath(MACHINE), family: 4, port: 8080, bindAddress }) })
  servers.push(server)
}

/** @returns who answers */
async function ask(address: string, port: number, { from = OUTSIDE, client }: From = {}): Promise<string> {
  const bind = client === undefined ? {} : { bindAddress: client }
  const socket = new net.Socket({ fd: openTcpSocket({ netns: netnsPath(from), family: 4, ...bind }) })
  socket.connect(port, address)
  const [name] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return name.toString()
}

async function askOften(
  address: string,
  port: number,
  { times, ...from }: From & { readonly times: number },
): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (let count = 0; count < times; count++) names.add(await ask(address, port, from))
  return names
}

async function askUdp(address: string, port: number): Promise<string> {
  const socket = dgram.createSocket('udp4')
  socket.bind({ fd: openUdpSocket({ netns: netnsPath(OUTSIDE), family: 4 }) })
  socket.send('who', port, address)
  const [name] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return name.toString()
}
