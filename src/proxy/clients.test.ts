import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { createPlainNetwork, type SocketTarget } from './net/network.ts'
import {
  changesOf,
  createTestProxy,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  rawServer,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from './testing.ts'

const run = promisify(execFile)
const CURL = existsSync('/usr/bin/curl')
const REDIS = existsSync('/usr/bin/redis-cli')

describe('clients that others have written', () => {
  let gateway: TestProxy
  let sidecar: TestProxy
  let app: Server
  let port = 0
  let original: SocketTarget | undefined

  before(async () => {
    app = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString()
      })
      request.on('end', () => {
        if (request.url === '/close') response.setHeader('connection', 'close')
        response.end(
          JSON.stringify({
            method: request.method,
            url: request.url,
            body,
            id: request.headers['x-request-id'],
          }),
        )
      })
    }).listen(0, '127.0.0.1')
    const sockets = new WebSocketServer({ server: app })
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`)),
    )
    await once(app, 'listening')
    const { port: appPort } = app.address() as { port: number }
    port = await freePort()
    const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    gateway = createTestProxy()
    gateway.accept(
      changesOf([
        meshObject(),
        service,
        workloadObject('w', {
          address: '127.0.0.1',
          services: { [service.key]: { ports: { '80': appPort }, ready: true } },
        }),
        routeObject('r', { port, action: forwardTo(service) }),
        listenerObject(port),
      ]),
    )
    await until(() => gateway.isBound(), 'the port is bound')
    sidecar = createTestProxy({
      role: 'sidecar',
      network: createPlainNetwork({ originalDestination: () => original }),
      ports: { outbound: 0, inbound: 0 },
      node: { ...gateway.node, role: 'sidecar' },
    })
    await sidecar.start()
  })
  after(() => {
    gateway.close()
    sidecar.close()
    app.close()
    app.closeAllConnections()
  })

  test('fetch: methods, bodies, chunked uploads, many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const chunked = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('stream'))
            controller.enqueue(new TextEncoder().encode('ed'))
            controller.close()
          },
        })
        const body = i % 3 === 0 ? chunked : i % 3 === 1 ? `body ${i}` : undefined
        const method = body === undefined ? 'GET' : 'POST'
        const init = { method, ...(body !== undefined && { body, duplex: 'half' }) } as RequestInit
        const response = await fetch(`http://127.0.0.1:${port}${i % 5 === 0 ? '/close' : `/x/${i}`}`, init)
        assert.equal(response.headers.get('server'), 'istio-envoy')
        return (await response.json()) as { method: string; body: string; id: string }
      }),
    )
    assert.equal(answers[0]?.body, 'streamed')
    assert.equal(answers[1]?.body, 'body 1')
    assert.equal(new Set(answers.map((answer) => answer.id)).size, 40)
  })

  test('curl: keep-alive, HEAD, 100-continue, HTTP/1.0', { skip: !CURL }, async () => {
    const url = `http://127.0.0.1:${port}`
    const { stdout } = await run('curl', ['-sv', `${url}/a`, `${url}/b`, '-w', '%{num_connects},'])
    assert.match(stdout, /"\/a".*1,.*"\/b".*0,/s)
    assert.match((await run('curl', ['-sI', `${url}/a`])).stdout, /^HTTP\/1\.1 200 OK\r\n/)
    const big = 'x'.repeat(2 * 1024 * 1024)
    const post = run('curl', [
      '-s',
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      '@-',
      `${url}/p`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
    ])
    post.child.stdin?.end(big)
    assert.equal((await post).stdout, '200')
    assert.match((await run('curl', ['-s0', `${url}/old`])).stdout, /"\/old"/)
  })

  test('a WebSocket of ws', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await once(socket, 'open')
    const received: string[] = []
    socket.on('message', (data: Buffer) => received.push(data.toString()))
    for (let i = 0; i < 5; i++) socket.send(`m${i}`)
    await until(() => received.length === 5, 'all messages came back')
    assert.deepEqual(received, ['echo m0', 'echo m1', 'echo m2', 'echo m3', 'echo m4'])
    socket.close()
    await once(socket, 'close')
  })

  test('redis-cli through a TCP listener', { skip: !REDIS }, async () => {
    const server = await rawServer((socket) => {
      socket.on('data', (chunk) => socket.write(chunk.toString().includes('PING') ? '+PONG\r\n' : '*0\r\n'))
      socket.on('end', () => socket.end())
    })
    original = { address: '127.0.0.1', port: server.port }
    const { stdout } = await run('redis-cli', ['-p', String(sidecar.sidecar?.ports().outbound), 'PING'])
    assert.equal(stdout.trim(), 'PONG')
    server.close()
  })
})
