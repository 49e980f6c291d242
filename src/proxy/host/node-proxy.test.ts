import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { silentLogger, systemClock, systemRandom } from '../../base/index.ts'
import {
  captureRules,
  createJsonLineDecoder,
  encodeJsonLine,
  type HostedInstance,
  type NodeProxyEvent,
  type NodeProxyRequest,
  openTcpListener,
  openTcpSocket,
} from '../../linux/index.ts'
import { createNamespacedNetwork } from '../net/namespaced-network.ts'
import {
  changesOf,
  createTestProxy,
  meshObject,
  ok,
  respondWith,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../testing.ts'
import { createNodeProxy, type NodeProxy } from './node-proxy.ts'

const ROOT = process.getuid?.() === 0
const skip = ROOT ? false : 'network namespaces need root'
const CLIENT = `lateen-proxy-a-${process.pid}`
const SERVER = `lateen-proxy-b-${process.pid}`
const CAPTURE = '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020'.split(' ')
const netns = (name: string) => `/run/netns/${name}`

before(() => {
  if (!ROOT) return
  execFileSync('ip', ['netns', 'add', CLIENT])
  execFileSync('ip', ['netns', 'add', SERVER])
  execFileSync('ip', [
    'link',
    'add',
    'veth0',
    'netns',
    CLIENT,
    'type',
    'veth',
    'peer',
    'name',
    'veth0',
    'netns',
    SERVER,
  ])
  for (const [name, address] of [
    [CLIENT, '10.99.1.1'],
    [SERVER, '10.99.1.2'],
  ] as const) {
    const commands = [
      'link set lo up',
      `addr add ${address}/24 dev veth0`,
      'link set veth0 up',
      'route add 10.96.0.0/16 dev veth0',
    ]
    execFileSync('ip', ['-n', name, '-batch', '-'], { input: commands.join('\n') })
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], { input: captureRules(CAPTURE).nft })
  }
})

after(() => {
  if (!ROOT) return
  execFileSync('ip', ['netns', 'del', CLIENT])
  execFileSync('ip', ['netns', 'del', SERVER])
})

describe('two pods with sidecars in their own network namespaces', { skip }, () => {
  let client: TestProxy
  let server: TestProxy
  let app: Server
  let peer = ''

  before(async () => {
    app = createServer((socket) => {
      peer = socket.remoteAddress ?? ''
      respondWith((head) => ok(head.includes('x-envoy-attempt-count: 1') ? 'through the sidecar' : 'plain'))(
        socket,
      )
    })
    app.listen({
      fd: openTcpListener({ netns: netns(SERVER), address: '0.0.0.0', port: 8080, backlog: 128 }),
    })
    await once(app, 'listening')
    const service = serviceObject('app', {
      ports: [{ port: 80, name: 'http', protocol: 'http' }],
      addresses: ['10.96.0.10'],
    })
    const objects = [
      meshObject(),
      service,
      workloadObject('client', { address: '10.99.1.1', services: {} }),
      workloadObject('app-1', {
        address: '10.99.1.2',
        services: { [service.key]: { ports: { '80': 8080 }, ready: true } },
      }),
    ]
    const sidecar = (name: string, ip: string) => {
      const proxy = createTestProxy({
        role: 'sidecar',
        network: createNamespacedNetwork({ netns: netns(name), mark: 1337 }),
        address: '0.0.0.0',
        inboundSource: '127.0.0.6',
        node: { ...createTestProxy().node, role: 'sidecar', ips: [ip] },
      })
      assert.deepEqual(proxy.accept(changesOf(objects)), [])
      return proxy
    }
    client = sidecar(CLIENT, '10.99.1.1')
    server = sidecar(SERVER, '10.99.1.2')
    await client.start()
    await server.start()
  })
  after(() => {
    client.close()
    server.close()
    app.close()
  })

  test('carry a request from the one through both sidecars to the application of the other', async () => {
    const fd = openTcpSocket({ netns: netns(CLIENT), family: 4 })
    const socket = new Socket({ fd }).connect(80, '10.96.0.10')
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.write('GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n')
    await once(socket, 'close')
    assert.match(received, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(received, /through the sidecar|plain$/)
    assert.equal(peer, '127.0.0.6')
    assert.match(
      client.registry.text(),
      /istio_requests_total\{reporter="source",source_workload="client".*destination_workload="app-1".*\} 1/,
    )
    assert.match(
      server.registry.text(),
      /istio_requests_total\{reporter="destination",source_workload="client".*destination_workload="app-1".*\} 1/,
    )
  })

  test('close a connection that dials the outbound port itself', async () => {
    const fd = openTcpSocket({ netns: netns(CLIENT), family: 4 })
    const socket = new Socket({ fd }).connect(15_001, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
  })
})

describe('a node proxy', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-node-proxy-'))
  const events: NodeProxyEvent[] = []
  let proxy: NodeProxy
  let agent: Socket

  const instance = (id: string, changes: Partial<HostedInstance> = {}): HostedInstance => ({
    id,
    podUid: id,
    namespace: 'demo',
    podName: `pod-${id}`,
    containerName: 'istio-proxy',
    netns: netns(CLIENT),
    podIps: ['10.99.1.1'],
    nodeName: 'lateen',
    args: ['proxy', 'sidecar', '--domain', 'demo.svc.cluster.local'],
    env: { POD_NAME: `pod-${id}`, POD_NAMESPACE: 'demo', PROXY_CONFIG: '{"discoveryAddress":"127.0.0.1:1"}' },
    mounts: [{ mountPath: '/etc/istio/pod', hostPath: directory }],
    nameservers: [],
    logFile: join(directory, `${id}.log`),
    ...changes,
  })
  const tell = (request: NodeProxyRequest) => agent.write(encodeJsonLine(request))
  const heard = (op: NodeProxyEvent['op'], id: string) =>
    events.find((event) => event.op === op && 'id' in event && event.id === id)

  /** From inside the pod; the body, then the status. */
  async function curl(url: string): Promise<string> {
    const { stdout } = await promisify(execFile)('ip', [
      'netns',
      'exec',
      CLIENT,
      'curl',
      '-s',
      '-m',
      '5',
      '-w',
      ' %{http_code}',
      url,
    ])
    return stdout
  }

  async function connectAgent(): Promise<void> {
    const decoder = createJsonLineDecoder(1024 * 1024)
    agent = connect(join(directory, 'proxy.sock'))
    agent.on('data', (chunk) => events.push(...(decoder.push(chunk) as NodeProxyEvent[])))
    await once(agent, 'connect')
    tell({ op: 'hello', version: 1 })
    await until(() => events.some((event) => event.op === 'hello'), 'the proxy says hello')
  }

  before(async () => {
    writeFileSync(join(directory, 'labels'), 'app="pod"\n')
    proxy = createNodeProxy({
      socketPath: join(directory, 'proxy.sock'),
      version: 'test',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      cpuMs: () => process.cpuUsage().user / 1000,
    })
    await proxy.start()
    await proxy.serve()
    await connectAgent()
  })
  after(async () => {
    agent.destroy()
    await proxy.close()
    rmSync(directory, { recursive: true })
  })

  test('starts an instance once, however often it is told', async () => {
    tell({ op: 'start', instance: instance('one') })
    await until(() => heard('started', 'one') !== undefined, 'the instance has started')
    tell({ op: 'start', instance: instance('one') })
    await until(() => events.filter((event) => event.op === 'started').length === 2, 'it is said again')
    assert.deepEqual(proxy.instances(), [{ id: 'one', ready: false }])
    assert.match(await curl('http://127.0.0.1:15021/healthz/ready'), / 503$/)
    assert.match(await curl('http://127.0.0.1:15000/server_info'), /"INITIALIZING".* 200$/s)
    assert.match(await curl('http://127.0.0.1:15090/stats/prometheus'), /envoy_server_live\{\} 0.* 200$/s)
  })

  test('says clearly why an instance cannot start, and the others go on', async () => {
    tell({ op: 'start', instance: instance('taken') })
    tell({ op: 'start', instance: instance('nowhere', { netns: netns('lateen-is-not-there') }) })
    tell({ op: 'start', instance: instance('odd', { args: ['proxy', 'waypoint'] }) })
    await until(
      () => ['taken', 'nowhere', 'odd'].every((id) => heard('exited', id) !== undefined),
      'all three have ended',
    )
    assert.match(JSON.stringify(heard('exited', 'taken')), /cannot listen on|EADDRINUSE|in use/i)
    assert.match(JSON.stringify(heard('exited', 'nowhere')), /lateen-is-not-there/)
    assert.match(JSON.stringify(heard('exited', 'odd')), /proxy sidecar/)
    assert.deepEqual(proxy.instances(), [{ id: 'one', ready: false }])
  })

  test('keeps its instances when the agent goes away, and tells the next one of them', async () => {
    agent.destroy()
    events.length = 0
    await connectAgent()
    const hello = events.find((event) => event.op === 'hello')
    assert.deepEqual(hello?.op === 'hello' && hello.instances.map(({ id, ready }) => ({ id, ready })), [
      { id: 'one', ready: false },
    ])
  })

  test('stops an instance, frees its ports and leaves its log', async () => {
    tell({ op: 'stop', id: 'one', graceMs: 1000 })
    await until(() => heard('exited', 'one') !== undefined, 'the instance has ended')
    assert.deepEqual(heard('exited', 'one'), { op: 'exited', id: 'one', exitCode: 0, message: '' })
    events.length = 0
    tell({ op: 'start', instance: instance('two') })
    await until(() => heard('started', 'two') !== undefined, 'another takes its place')
    assert.match(readFileSync(join(directory, 'one.log'), 'utf8'), /proxy started/)
    assert.equal(heard('exited', 'two'), undefined)
  })
})
