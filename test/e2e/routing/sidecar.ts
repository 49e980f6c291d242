import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { converse, sha256 } from '../../support/echo/call.ts'
import { httpRoute, markedRule } from '../../support/echo/http-route.ts'
import { askAt, type Caller, type EchoMesh, untilServed } from '../../support/echo/mesh.ts'
import { type Call, ECHO_PORTS, patternOf, type Reply } from '../../support/echo/protocol.ts'
import { markedRoute, virtualService } from '../../support/echo/virtual-service.ts'
import { runCommand } from '../../support/command.ts'

const MEGABYTES_5 = 5 * 1024 * 1024
/** The bridge's address: of this machine, and unknown to the mesh. */
const OUTSIDE = { address: '10.42.0.1', port: 18080, tcpPort: 18081 }

/** What passes through gateways and sidecars whatever the routes. */
export function sidecarTests(mesh: () => EchoMesh): void {
  describe('traffic', () => trafficTests(mesh))
}

function trafficTests(mesh: () => EchoMesh): void {
  const host = 'sidecars.test'
  const gateway = (path: string, more: Partial<Call> = {}) => askAt(mesh().edge, path, { host, ...more })
  const ways: Readonly<Record<string, (path: string, more?: Partial<Call>) => Promise<Reply>>> = {
    'a gateway and a sidecar': gateway,
    'two sidecars': (path, more) => mesh().client.call({ url: `http://echo-v1${path}`, ...more }),
    'a sidecar of the server alone': (path, more) =>
      mesh().guest.call({ url: `http://echo-v1.shop${path}`, ...more }),
  }

  before(async () => {
    const rules = [markedRule('[{ path: { value: / } }]', 'sidecars')]
    await mesh().apply(httpRoute({ name: 'sidecars', host, rules }))
    await untilServed('the route', () => gateway('/'))
  })

  for (const [title, ask] of Object.entries(ways)) {
    describe(`through ${title}`, () => {
      test('every method arrives with its path, query and body as they are', async () => {
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
          const body = method === 'GET' ? {} : { body: 'a body' }
          const { status, echo } = await ask('/a%20b/c?q=%2F&r', { method, ...body }).catch(
            (error: unknown) => assert.fail(`${method}: ${String(error)}`),
          )
          assert.equal(status, 200, method)
          assert.equal(echo?.method, method)
          assert.equal(echo.bodyBytes, method === 'GET' ? 0 : 6)
        }
        assert.equal((await ask('/a%20b/c?q=%2F&r')).echo?.path, '/a%20b/c?q=%2F&r')
      })

      test('the application sees the path that rules are matched with: normal, its slashes not merged', async () => {
        const { echo } = await ask('/a/../b/%2e/%63//d%2Fe?x=/../y')
        assert.equal(echo?.path, '/b/c//d%2Fe?x=/../y')
        assert.equal((await ask('/a/../../b')).status, 400)
      })

      test('bodies of 5 MB are complete, up and down', async () => {
        const expected = sha256(patternOf(MEGABYTES_5))
        const [up, down] = await Promise.all([
          ask('/', { method: 'POST', bodyBytes: MEGABYTES_5 }),
          ask('/', { order: { bytes: MEGABYTES_5 } }),
        ])
        assert.equal(up.echo?.bodyBytes, MEGABYTES_5)
        assert.equal(up.echo.bodySha256, expected)
        assert.equal(down.bodyBytes, MEGABYTES_5)
        assert.equal(down.bodySha256, expected)
      })

      test('connections to the application are used again', async () => {
        for (let i = 0; i < 8; i++) await ask('/')
        const numbers: number[] = []
        for (let i = 0; i < 4; i++) numbers.push((await ask('/')).echo?.requestOfConnection ?? 0)
        assert.ok(Math.max(...numbers) > 2, `requests of their connections: ${numbers.join(', ')}`)
      })

      test('an application that closes its connections is served as well', async () => {
        for (const framing of ['close', 'until-close', 'close', 'until-close', 'length'] as const) {
          const { status, echo, headers } = await ask('/', { order: { framing } })
          assert.equal(status, 200, framing)
          assert.equal(echo?.version, 'v1', framing)
          assert.notEqual(headers['connection'], 'close', framing)
        }
      })

      test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
        const head = await ask('/', { method: 'HEAD' })
        assert.equal(head.status, 200)
        assert.ok(Number(head.headers['content-length']) > 0)
        assert.equal(head.bodyBytes, 0)
        for (const status of [204, 304]) {
          const reply = await ask('/', { order: { status, headers: { etag: '"x"' } } })
          assert.equal(reply.status, status)
          assert.equal(reply.bodyBytes, 0)
          assert.equal(reply.headers['etag'], '"x"')
          assert.equal(reply.headers['transfer-encoding'], undefined)
        }
        assert.equal((await ask('/')).echo?.version, 'v1')
      })

      test('a chunked answer with a trailer is complete, and so is the next', async () => {
        for (let i = 0; i < 2; i++) {
          const reply = await ask('/', { order: { framing: 'trailers', bytes: 70_000 } })
          assert.equal(reply.status, 200)
          assert.equal(reply.bodySha256, sha256(patternOf(70_000)))
        }
      })

      test('a chunked request with a trailer is complete, and so is the next', async () => {
        for (let i = 0; i < 2; i++) {
          const { status, echo } = await ask('/', { method: 'POST', chunked: true, bodyBytes: 300_000 })
          assert.equal(status, 200)
          assert.equal(echo?.bodySha256, sha256(patternOf(300_000)))
        }
      })

      test('errors of the application are its own', async () => {
        for (const status of [400, 404, 500, 502]) {
          const reply = await ask('/', { order: { status } })
          assert.equal(reply.status, status)
          assert.equal(reply.echo?.version, 'v1')
        }
      })
    })
  }

  test('curl’s Expect: 100-continue is answered at once, by gateway and sidecar', async () => {
    const options = '-s -v --max-time 10 --expect100-timeout 9 --data-binary @- -X POST'.split(' ')
    const post = (url: string, ...more: readonly string[]) => [
      ...options,
      '-H',
      'Expect: 100-continue',
      ...more,
      url,
    ]
    const input = 'x'.repeat(200_000)
    const outside = await runCommand('curl', post(`http://${mesh().edge}/`, '-H', `Host: ${host}`), { input })
    const inside = await mesh().client.run(['curl', ...post('http://echo-v1/')], input)
    for (const { status, stdout, stderr } of [outside, inside]) {
      assert.equal(status, 0, stderr)
      assert.match(stderr, /< HTTP\/1\.1 100 Continue/)
      assert.equal((JSON.parse(stdout) as { bodyBytes: number }).bodyBytes, 200_000)
    }
  })

  test('WebSockets open through gateway and sidecars', async () => {
    const messages = ['one', 'two', 'x'.repeat(100_000)]
    const outside = await converse({ url: `ws://${mesh().edge}/chat?x=y`, host, messages })
    const inside = await mesh().client.webSocket('ws://echo-v1/chat?x=y', messages)
    const plain = await mesh().guest.webSocket('ws://echo-v1.shop/chat?x=y', messages)
    for (const [greeting, ...rest] of [outside, inside, plain]) {
      assert.equal((JSON.parse(greeting ?? '') as { path: string }).path, '/chat?x=y')
      assert.deepEqual(rest, messages)
    }
  })

  test('a protocol in which the server speaks first passes, on a port declared TCP and on one without a name', async () => {
    for (const name of ['greeter-tcp', 'greeter']) {
      assert.deepEqual(await greet(mesh().client, name), ['WELCOME v1', 'hello'], name)
    }
    assert.deepEqual(await greet(mesh().guest, 'greeter.shop'), ['WELCOME v1', 'hello'])
  })

  test('what a client sends before it ends its side arrives whole, and so does what comes back', async () => {
    const script = `const s = require('net').connect(${ECHO_PORTS.greeter}, 'greeter-tcp'); let n = 0; s.on('data', (d) => (n += d.length)); s.on('end', () => console.log(n)); s.end(Buffer.alloc(1e6))`
    const { stdout, stderr } = await mesh().client.run([process.execPath, '-e', script])
    assert.equal(stdout.trim(), String(1e6 + 'WELCOME v1\n'.length), stderr)
  })

  test('HTTP is found on a port without a name, and left alone on one that is declared TCP', async () => {
    const rules = (name: string) =>
      virtualService({
        name,
        hosts: name,
        gateways: 'mesh',
        http: [markedRoute('[{ uri: { prefix: / } }]', 'found')],
      })
    await mesh().apply(`${rules('unnamed')}---${rules('opaque')}`)
    const ask = (name: string) => mesh().client.call({ url: `http://${name}/`, fresh: true })
    await untilServed(
      'the rule',
      () => ask('unnamed'),
      (reply) => reply.headers['x-rule'] === 'found',
    )
    const opaque = await ask('opaque')
    assert.equal(opaque.status, 200)
    assert.equal(opaque.headers['x-rule'], undefined)
  })

  test('a request says where it came from, in the headers that Envoy sets', async () => {
    const outside = await gateway('/', {
      headers: { 'x-envoy-internal': 'true', 'x-forwarded-for': '1.2.3.4' },
    })
    const { headers = {} } = outside.echo ?? {}
    assert.match(headers['x-forwarded-for'] ?? '', /^1\.2\.3\.4, ?10\.42\.0\.1/)
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.match(headers['x-request-id'] ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.match(outside.headers['x-envoy-upstream-service-time'] ?? '', /^\d+$/)
    assert.equal(outside.headers['server'], 'istio-envoy')
    const id = '11111111-2222-4333-8444-555555555555'
    const inside = await mesh().client.call({ url: 'http://echo-v1/', headers: { 'x-request-id': id } })
    assert.equal(inside.echo?.headers['x-request-id'], id)
    assert.equal(inside.echo.headers['x-forwarded-proto'], 'http')
  })

  test('a headless Service is its pods', async () => {
    const { stdout } = await mesh().client.run(['getent', 'ahostsv4', 'headless'])
    const addresses = new Set(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s/)[0]),
    )
    assert.equal(addresses.size, 2)
    const reply = await mesh().client.call({ url: 'http://headless:8080/x' })
    assert.equal(reply.status, 200)
    assert.equal(reply.echo?.path, '/x')
  })

  test('a request line with a whole URL is a request for its host', async () => {
    const script = `exec 3<>/dev/tcp/${mesh().edge}/80; printf 'GET http://${host}/whole?url HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3`
    const { stdout } = await runCommand('bash', ['-c', script])
    assert.match(stdout, /^HTTP\/1\.1 200 OK/)
    assert.match(stdout, /"path":"\/whole\?url"/)
    assert.match(stdout, /"host":"sidecars\.test"/)
  })

  test('a pod can be called by its own address', async () => {
    const { guest, client } = mesh()
    const reply = await client.call({ url: `http://${guest.address}:${ECHO_PORTS.http}/` })
    assert.equal(reply.echo?.version, 'guest')
    const back = await guest.call({ url: `http://${client.address}:${ECHO_PORTS.http}/` })
    assert.equal(back.echo?.version, 'v1')
  })

  describe('the world outside of the mesh', () => {
    let server: Server
    let tcpServer: TcpServer
    before(async () => {
      server = createServer((request, response) => response.end(`outside: ${request.headers.host}`))
      await new Promise<void>((resolve) => server.listen(OUTSIDE.port, OUTSIDE.address, resolve))
      tcpServer = createTcpServer((socket) => {
        socket.on('error', () => socket.destroy())
        socket.write('WELCOME outside\n')
        socket.pipe(socket)
      })
      await new Promise<void>((resolve) => tcpServer.listen(OUTSIDE.tcpPort, OUTSIDE.address, resolve))
    })
    after(() => {
      server.close()
      server.closeAllConnections()
      tcpServer.close()
    })

    test('is reached by pods with a sidecar, under a name that nobody knows', async () => {
      const url = `http://${OUTSIDE.address}:${OUTSIDE.port}/`
      const reply = await mesh().client.call({ url, headers: { host: 'outside.example' } })
      assert.equal(reply.status, 200)
      assert.equal(reply.body, 'outside: outside.example')
    })

    test('may speak what it likes', async () => {
      const lines = await greet(mesh().client, OUTSIDE.address, OUTSIDE.tcpPort)
      assert.deepEqual(lines, ['WELCOME outside', 'hello'])
    })

    test('that does not answer is a refusal, not a hang', async () => {
      const reply = await mesh().client.call({ url: `http://${OUTSIDE.address}:1/` })
      assert.equal(reply.status, 503)
      assert.match(reply.body, /^upstream connect error or disconnect\/reset before headers/)
    })
  })

  test('a Service without endpoints is 503 in a sidecar', async () => {
    const reply = await mesh().client.call({ url: 'http://nobody/' })
    assert.equal(reply.status, 503)
    assert.equal(reply.body, 'no healthy upstream')
  })
}

/** Reads the greeting before it says anything, then one line that came back. */
async function greet(
  caller: Caller,
  name: string,
  port: number = ECHO_PORTS.greeter,
): Promise<readonly string[]> {
  const script = `exec 3<>/dev/tcp/${name}/${port}; read -r -t 8 -u 3 line; echo "$line"; echo hello >&3; read -r -t 8 -u 3 line; echo "$line"`
  const { stdout, stderr } = await caller.run(['bash', '-c', script])
  assert.equal(stderr, '')
  return stdout.trim().split('\n')
}
