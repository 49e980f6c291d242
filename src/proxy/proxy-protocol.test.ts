import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import {
  credentialName,
  listenerName,
  type Listener,
  type ModelObject,
  routeName,
  type Service,
  type TrafficPolicy,
} from '../model/index.ts'
import { proxyHeader } from './proxy-protocol/write.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  GATEWAY,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'
import { createTestAuthority, type TestAuthority } from './tls/testing/authority.ts'

const run = promisify(execFile)
const HAPROXY = ['/usr/sbin/haproxy', '/usr/bin/haproxy'].find((path) => existsSync(path)) ?? ''
const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((path) => existsSync(path)) ?? ''
const CURL = existsSync('/usr/bin/curl')

const CLIENT = {
  source: { address: '203.0.113.9', port: 41_000 },
  destination: { address: '198.51.100.1', port: 443 },
}
const FORMAT = '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %PROTOCOL%\n'

const closers: (() => void)[] = []
let folder = ''
let authority: TestAuthority

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-proxy-protocol-'))
  authority = createTestAuthority()
})
after(() => {
  authority.close()
  rmSync(folder, { recursive: true })
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Runs a program of others until the test is over, once it listens. */
async function start(command: readonly string[], port: number): Promise<void> {
  const child: ChildProcess = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' })
  closers.push(() => child.kill('SIGKILL'))
  const deadline = Date.now() + 10_000
  for (;;) {
    const socket = connectTcp(port, '127.0.0.1')
    const isUp = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isUp) return
    if (Date.now() > deadline) throw new Error(`${command[0]} does not listen`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function backend(
  name: string,
  port: number,
  traffic: TrafficPolicy = {},
): { service: Service; objects: readonly ModelObject[] } {
  const plain = serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
  const origin = { kind: 'DestinationRule', namespace: 'demo', name }
  const service = { ...plain, policies: [{ traffic, ports: {}, subsets: [], origin }] }
  const workload = workloadObject(`${name}-1`, {
    address: '127.0.0.1',
    services: { [service.key]: { ports: { '80': port }, ready: true } },
  })
  return { service, objects: [service, workload] }
}

/** A gateway of one port that serves HTTP, plain and in TLS, and one of bytes. */
async function gateway(
  parts: { readonly service: Service; readonly objects: readonly ModelObject[] },
  proxyProtocol: boolean,
): Promise<{ proxy: TestProxy; http: number; https: number; tcp: number }> {
  const [http, https, tcp] = [await freePort(), await freePort(), await freePort()]
  const proxy = createTestProxy({ proxyProtocol })
  closers.push(() => proxy.close())
  const pair = authority.issue(['shop.example'])
  const secured: Listener = {
    ...listenerObject(https),
    protocol: 'https',
    tls: {
      kind: 'terminate',
      certificates: [{ source: 'Secret', name: 'shop' }],
      clients: { kind: 'none' },
    },
  }
  const origin = { kind: 'TCPRoute', namespace: 'demo', name: 'tcp', rule: 0 }
  proxy.accept(
    changesOf([
      meshObject(FORMAT),
      ...parts.objects,
      {
        type: 'credential',
        key: credentialName('Secret', 'demo', 'shop'),
        holders: [{ namespace: 'demo', serviceAccounts: ['gw'] }],
        certificate: pair,
        origin: { kind: 'Secret', namespace: 'demo', name: 'shop' },
      },
      listenerObject(http),
      secured,
      { ...listenerObject(tcp), protocol: 'tcp' },
      routeObject('plain', { port: http, action: forwardTo(parts.service) }),
      routeObject('secured', { port: https, action: forwardTo(parts.service) }),
      {
        type: 'connection-route',
        key: routeName(origin),
        scope: { kind: 'gateway', listeners: [listenerName(GATEWAY, `http-${tcp}`)] },
        matches: [{ order: ['tcp'] }],
        destinations: [{ weight: 1, target: { kind: 'service', service: parts.service.key, port: 80 } }],
        origin,
      },
    ]),
  )
  await until(() => proxy.isBound(), 'the ports are bound')
  return { proxy, http, https, tcp }
}

const GET = 'GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n'

describe('a gateway behind a balancer that sends PROXY headers', () => {
  async function echo(): Promise<{ service: Service; objects: readonly ModelObject[] }> {
    const server = await rawServer(
      respondWith((head) => ok(/^x-forwarded-for: (.*)$/im.exec(head)?.[1] ?? 'none')),
    )
    closers.push(server.close)
    return backend('echo', server.port)
  }

  for (const version of ['v1', 'v2'] as const) {
    test(`${version}: the client is who the header says, over HTTP, TLS and TCP, however the bytes come`, async () => {
      const { proxy, http, https, tcp } = await gateway(await echo(), true)
      const header = proxyHeader(version, CLIENT)
      assert.match(await exchangeBytes(http, [Buffer.concat([header, Buffer.from(GET)])]), /203\.0\.113\.9$/)
      const bytes = Array.from(Buffer.concat([header, Buffer.from(GET)]), (byte) => Buffer.from([byte]))
      assert.match(await exchangeBytes(http, bytes), /203\.0\.113\.9$/)
      await until(() => proxy.logLines.length === 2, 'they are logged')
      assert.equal(proxy.logLines[0], '203.0.113.9:41000 198.51.100.1:443 HTTP/1.1\n')
      assert.match(await overTls(https, header), /203\.0\.113\.9$/)
      await until(() => proxy.logLines.length === 3, 'it is logged')
      assert.equal(proxy.logLines[2], '203.0.113.9:41000 198.51.100.1:443 HTTP/1.1\n')
      assert.match(await exchangeBytes(tcp, [header, GET], (text) => text.endsWith('none')), /none$/)
      await until(() => proxy.logLines.length === 4, 'it is logged')
      assert.match(proxy.logLines[3] ?? '', /^203\.0\.113\.9:41000 /)
    })
  }

  async function overTls(port: number, header: Buffer): Promise<string> {
    const raw = connectTcp(port, '127.0.0.1')
    await once(raw, 'connect')
    raw.write(header)
    const socket = connectTls({ socket: raw, servername: 'shop.example', ca: authority.certificate })
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write(GET)
    await once(socket, 'close')
    return text
  }

  test('a connection without a header is closed without an answer', async () => {
    const { http } = await gateway(await echo(), true)
    assert.equal(await exchangeBytes(http, GET), '')
    assert.equal(await exchangeBytes(http, 'PROXY TCP4 1.2.3.4 nowhere 1 2\r\nGET / HTTP/1.1\r\n\r\n'), '')
  })

  test('where no header is expected one is no request', async () => {
    const { http } = await gateway(await echo(), false)
    const answer = await exchangeBytes(http, [Buffer.concat([proxyHeader('v1', CLIENT), Buffer.from(GET)])])
    assert.match(answer, /^HTTP\/1\.1 400 /)
  })

  test('a balancer that speaks for itself is the client', async () => {
    const { http } = await gateway(await echo(), true)
    const bytes = Buffer.concat([proxyHeader('v2'), Buffer.from(GET)])
    assert.match(await exchangeBytes(http, [bytes]), /127\.0\.0\.1$/)
  })

  test('an IPv4 client that is said as IPv6 is the IPv4 client', async () => {
    const { http } = await gateway(await echo(), true)
    const addresses = {
      source: { address: '::ffff:cb00:7109', port: 1 },
      destination: { address: '::1', port: 2 },
    }
    const bytes = Buffer.concat([proxyHeader('v2', addresses), Buffer.from(GET)])
    assert.match(await exchangeBytes(http, [bytes]), /\n203\.0\.113\.9$/)
  })

  test('curl is understood', { skip: !CURL }, async () => {
    const { proxy, http } = await gateway(await echo(), true)
    const { stdout } = await run('curl', ['-s', '--haproxy-protocol', `http://127.0.0.1:${http}/`])
    assert.equal(stdout, '127.0.0.1')
    await until(() => proxy.logLines.length === 1, 'it is logged')
    assert.match(proxy.logLines[0] ?? '', new RegExp(`^127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1:${http} `))
  })

  for (const option of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2-ssl']) {
    test(
      `HAProxy with ${option} is understood, its health checks too`,
      { skip: HAPROXY === '' },
      async () => {
        const { proxy, http } = await gateway(await echo(), true)
        const port = await freePort()
        const file = write(
          `${option}.cfg`,
          `defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nfrontend f\n bind 127.0.0.1:${port}\n default_backend b\nbackend b\n server s 127.0.0.1:${http} ${option} check inter 50ms\n`,
        )
        await start([HAPROXY, '-db', '-q', '-f', file], port)
        const socket = connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.77' })
        await once(socket, 'connect')
        const own = socket.localPort
        let text = ''
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
        socket.write(GET)
        await once(socket, 'close')
        assert.match(text, /127\.0\.0\.77$/)
        assert.ok(proxy.logLines.some((line) => line.startsWith(`127.0.0.77:${own} 127.0.0.1:${port} `)))
      },
    )
  }
})

describe('an endpoint that wants PROXY headers', () => {
  const TLS: TrafficPolicy = {
    tls: { kind: 'originate', serverName: 'in.example', subjectAltNames: [], trust: { kind: 'anyone' } },
  }

  /** Answers with whom it was told of. */
  async function nginx(): Promise<{ plain: number; secured: number }> {
    const [plain, secured] = [await freePort(), await freePort()]
    const pair = authority.issue(['in.example'])
    const [cert, key] = [write('in.crt', pair.chain), write('in.key', pair.privateKey)]
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const file = write(
      'nginx.conf',
      `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log error;
events {}
http {
  access_log off; ${folders.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  ssl_certificate ${cert}; ssl_certificate_key ${key};
  server {
    listen 127.0.0.1:${plain} proxy_protocol; listen 127.0.0.1:${secured} ssl proxy_protocol;
    location / { return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port $connection"; }
  }
}
`,
    )
    await start([NGINX, '-p', folder, '-c', file], plain)
    return { plain, secured }
  }

  async function ask(
    port: number,
  ): Promise<{ told: readonly string[]; own: number; again: readonly string[] }> {
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.78' })
    await once(socket, 'connect')
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const bodies = () =>
      [...text.matchAll(/\r\n\r\n(\S+ \d+ \d+ \d+)/g)].map(([, body = '']) => body.split(' '))
    const own = socket.localPort ?? 0
    socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n')
    await until(() => bodies().length === 1, `nginx answers: ${text}`)
    socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n')
    await until(() => bodies().length === 2, 'nginx answers again')
    socket.destroy()
    return { told: bodies()[0] ?? [], again: bodies()[1] ?? [], own }
  }

  for (const version of ['v1', 'v2'] as const) {
    test(
      `nginx is told by ${version} whom a request is for, before TLS too, and no two clients share a connection`,
      { skip: NGINX === '' },
      async () => {
        const { plain, secured } = await nginx()
        for (const [port, tls] of [
          [plain, {}],
          [secured, TLS],
        ] as const) {
          const { http } = await gateway(backend('nginx', port, { ...tls, proxyProtocol: version }), false)
          const first = await ask(http)
          assert.deepEqual(first.told.slice(0, 3), ['127.0.0.78', String(first.own), String(http)])
          assert.equal(first.again[3], first.told[3], 'the same client keeps its connection')
          const second = await ask(http)
          assert.deepEqual(second.told.slice(0, 2), ['127.0.0.78', String(second.own)])
          assert.notEqual(second.told[3], first.told[3])
        }
      },
    )

    test(
      `HAProxy is told by ${version} whom bytes are for, in TLS too`,
      { skip: HAPROXY === '' },
      async () => {
        const [port, secured] = [await freePort(), await freePort()]
        const pair = authority.issue(['in.example'])
        const pem = write('in.pem', `${pair.chain}${pair.privateKey}`)
        const file = write(
          `accept-${version}.cfg`,
          `defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\nfrontend f\n bind 127.0.0.1:${port} accept-proxy\n bind 127.0.0.1:${secured} accept-proxy ssl crt ${pem}\n http-request return status 200 content-type text/plain lf-string "%[src] %[src_port]"\n`,
        )
        await start([HAPROXY, '-db', '-q', '-f', file], port)
        for (const [target, tls] of [
          [port, {}],
          [secured, TLS],
        ] as const) {
          const { tcp } = await gateway(backend('haproxy', target, { ...tls, proxyProtocol: version }), false)
          const socket = connectTcp({ port: tcp, host: '127.0.0.1', localAddress: '127.0.0.79' })
          await once(socket, 'connect')
          let text = ''
          socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
          const own = socket.localPort
          socket.write(GET)
          await until(() => text.endsWith(`127.0.0.79 ${own}`), 'HAProxy answers')
          socket.destroy()
        }
      },
    )
  }

  test(
    'a policy that begins to ask for headers holds for new connections',
    { skip: NGINX === '' },
    async () => {
      const { plain } = await nginx()
      const { proxy, http } = await gateway(backend('nginx', plain), false)
      assert.match(await exchangeBytes(http, GET), /^HTTP\/1\.1 (400|502|503) /)
      proxy.accept(changesOf(backend('nginx', plain, { proxyProtocol: 'v2' }).objects))
      assert.match(await exchangeBytes(http, GET), /^HTTP\/1\.1 200 /)
    },
  )
})
