import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type Server as NetServer } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import {
  Server as GrpcServer,
  type sendUnaryData,
  ServerCredentials,
  type ServerUnaryCall,
} from '@grpc/grpc-js'
import { createLogger, systemClock, systemRandom } from '../../base/index.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { type AppProber, readAppProbers } from '../host/app-probers.ts'
import { createPlainNetwork } from '../net/network.ts'
import { createTestAuthority } from '../tls/testing/authority.ts'
import { createAppProbes, type ProbeRequest } from './app-probes.ts'

const HOST = '127.0.0.1'
const PATH = '/app-health/web/readyz'

async function listen(context: TestContext, server: NetServer): Promise<number> {
  server.listen(0, HOST)
  await once(server, 'listening')
  context.after(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function probesOf(prober: AppProber) {
  const lines: string[] = []
  const probes = createAppProbes({
    probers: { [PATH]: prober },
    agentPort: 15_020,
    address: HOST,
    localAddress: '127.0.0.6',
    network: createPlainNetwork({}),
    thread: createProxyThread({ clock: systemClock, random: systemRandom }),
    work: { events: 0 },
    clock: systemClock,
    logger: createLogger({ scope: 'p', level: 'info', write: (line) => lines.push(line), now: () => 0 }),
  })
  return {
    lines,
    ask: (request: Partial<ProbeRequest> = {}) =>
      probes.answer(PATH, { headers: {}, signal: new AbortController().signal, ...request }),
    answer: probes.answer,
  }
}

function http(port: number, path = '/', more: { isTls?: boolean; timeoutMs?: number } = {}): AppProber {
  return { kind: 'http', port, path, isTls: false, ...more }
}

describe('probes of the application', () => {
  test('the kubelet’s fields reach it, with its own port for the agent’s, from where nothing is captured', async (context) => {
    const seen: unknown[] = []
    const answer: RequestListener = (request, response) => {
      const { host, 'user-agent': agent, 'x-a': own } = request.headers
      seen.push(request.url, host, agent, own, request.socket.remoteAddress)
      response.writeHead(503, { 'content-type': 'text/x' }).end('not yet')
    }
    const port = await listen(context, createServer(answer))
    const probes = probesOf(http(port, '/ready?full=1'))
    const headers = {
      host: `${HOST}:15020`,
      'user-agent': 'kube-probe/1.35',
      'x-a': '1',
      connection: 'close',
    }
    assert.deepEqual(await probes.ask({ headers }), { status: 503, type: 'text/x', body: 'not yet' })
    assert.deepEqual(seen, ['/ready?full=1', `${HOST}:${port}`, 'kube-probe/1.35', '1', '127.0.0.6'])
    await probes.ask({ headers: { host: 'web' } })
    assert.equal(seen[6], 'web')
    assert.equal(probes.lines.length, 1, 'the same failure is logged once')
    assert.match(probes.lines[0] ?? '', /\/app-health\/web\/readyz: the application answers 503/)
  })

  test('a redirect is followed on the same host, and is a success where it leads elsewhere', async (context) => {
    const answer: RequestListener = (request, response) => {
      if (request.url === '/away') response.writeHead(302, { location: 'http://example.com/' }).end()
      else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end()
      else if (request.url === '/') response.writeHead(301, { location: '/broken' }).end()
      else response.writeHead(404).end()
    }
    const port = await listen(context, createServer(answer))
    assert.equal((await probesOf(http(port)).ask())?.status, 404)
    assert.equal((await probesOf(http(port, '/away')).ask())?.status, 200)
    assert.equal((await probesOf(http(port, '/round')).ask())?.status, 500)
  })

  test('HTTPS is asked without a look at the certificate', async (context) => {
    const authority = createTestAuthority()
    context.after(() => authority.close())
    const { chain, privateKey } = authority.issue(['somebody.else'])
    const server = createTlsServer({ cert: chain, key: privateKey }, (_request, response) =>
      response.end('yes'),
    )
    const port = await listen(context, server)
    const answer = await probesOf(http(port, '/', { isTls: true })).ask()
    assert.deepEqual([answer?.status, answer?.body], [200, 'yes'])
    assert.equal((await probesOf(http(port)).ask())?.status, 500)
  })

  test('who does not answer in the time of the probe has failed, and so has who cannot be reached', async (context) => {
    const silent = await listen(
      context,
      createTcpServer((socket) => void socket.on('error', () => {}).resume()),
    )
    const probes = probesOf(http(silent, '/', { timeoutMs: 50 }))
    assert.equal((await probes.ask())?.status, 500)
    assert.match(probes.lines[0] ?? '', /no answer within 0\.05 s/)
    assert.equal((await probesOf(http(1)).ask())?.status, 500)
    const gone = new AbortController()
    const asked = probesOf(http(silent)).ask({ signal: gone.signal })
    gone.abort()
    assert.equal((await asked)?.status, 500)
  })

  test('of the body no more is read than the kubelet shows', async (context) => {
    const port = await listen(
      context,
      createServer((_request, response) => void response.end('x'.repeat(5_000_000))),
    )
    assert.equal((await probesOf(http(port)).ask())?.body.length, 10 * 1024)
  })

  test('a TCP probe is a success when the port takes connections', async (context) => {
    const port = await listen(
      context,
      createTcpServer((socket) => void socket.on('error', () => {}).resume()),
    )
    assert.equal((await probesOf({ kind: 'tcp', port }).ask())?.status, 200)
    const probes = probesOf({ kind: 'tcp', port: 1 })
    assert.equal((await probes.ask())?.status, 500)
    assert.match(probes.lines[0] ?? '', /nobody answers at 127\.0\.0\.1:1/)
  })

  test('a gRPC probe is a success when the service says that it serves', async (context) => {
    const server = new GrpcServer()
    context.after(() => server.forceShutdown())
    const whole = (bytes: Buffer) => bytes
    const definition = {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: whole,
      requestDeserialize: whole,
      responseSerialize: whole,
      responseDeserialize: whole,
    }
    server.addService(
      { Check: definition },
      {
        Check(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
          const serving = call.request.subarray(2).toString() === 'good' ? 1 : 2
          done(null, Buffer.from([0x08, serving]))
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    assert.equal((await probesOf({ kind: 'grpc', port, service: 'good' }).ask())?.status, 200)
    assert.equal((await probesOf({ kind: 'grpc', port, service: '' }).ask())?.status, 500)
    assert.equal((await probesOf({ kind: 'grpc', port: 1, service: '' }).ask())?.status, 500)
  })

  test('a probe that was not taken out of a container is refused in Istio’s words', async () => {
    const { answer } = probesOf({ kind: 'tcp', port: 1 })
    const request = { headers: {}, signal: new AbortController().signal }
    const { status, body } = (await answer('/app-health/other/livez', request)) ?? {}
    assert.deepEqual([status, body], [400, 'app prober config does not exists for /app-health/other/livez'])
    assert.equal(answer('/stats/prometheus', request), undefined)
  })
})

test('what injection has taken out of containers is read, and what is not of that form is said', () => {
  const text = JSON.stringify({
    '/app-health/a/livez': { httpGet: { path: 'x', port: 80, scheme: 'HTTPS' }, timeoutSeconds: 2 },
    '/app-health/a/startupz': { grpc: { port: 81 } },
    '/app-lifecycle/a/prestopz': { tcpSocket: { port: 82 } },
  })
  assert.deepEqual(readAppProbers(text), {
    ok: true,
    value: {
      '/app-health/a/livez': { kind: 'http', path: '/x', isTls: true, port: 80, timeoutMs: 2000 },
      '/app-health/a/startupz': { kind: 'grpc', service: '', port: 81 },
      '/app-lifecycle/a/prestopz': { kind: 'tcp', port: 82 },
    },
  })
  for (const bad of [
    '[]',
    '{',
    '{"/x":{"tcpSocket":{"port":1}}}',
    '{"/app-health/a/livez":{"tcpSocket":{"port":"http"}}}',
    '{"/app-health/a/livez":{"tcpSocket":{"port":1},"grpc":{"port":1}}}',
  ]) {
    const read = readAppProbers(bad)
    assert.match(read.ok ? '' : read.error, /^ISTIO_KUBE_APP_PROBERS/)
  }
})
