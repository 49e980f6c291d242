import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { HTTPGetAction } from '../../../kube/index.ts'
import { httpGet } from './http-get.ts'

const HOST = '127.0.0.1'

async function listen(context: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve)
  })
  context.after(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function probe(port: number, action: Partial<HTTPGetAction> = {}) {
  return httpGet({ port, ...action }, { host: HOST, port, timeoutMs: 2000 })
}

test('every answer from 200 to 399 is a success, any other a failure with its code', async (context) => {
  const answer: RequestListener = (request, response) => {
    response.writeHead(Number(request.url?.slice(1))).end()
  }
  const port = await listen(context, createServer(answer))
  assert.deepEqual(await probe(port, { path: '/204' }), { ok: true })
  assert.deepEqual(await probe(port, { path: '399' }), { ok: true })
  const message = 'HTTP probe failed with statuscode: 500'
  assert.deepEqual(await probe(port, { path: '/500' }), { ok: false, message })
})

test('a redirect is followed on the same host, and is a success where it leads elsewhere', async (context) => {
  const answer: RequestListener = (request, response) => {
    if (request.url === '/away') response.writeHead(302, { location: 'http://example.com/' }).end()
    else if (request.url === '/round') response.writeHead(302, { location: '/round' }).end()
    else if (request.url === '/') response.writeHead(301, { location: '/broken' }).end()
    else response.writeHead(404).end()
  }
  const port = await listen(context, createServer(answer))
  assert.equal((await probe(port)).ok, false)
  assert.equal((await probe(port, { path: '/away' })).ok, true)
  assert.equal((await probe(port, { path: '/round' })).ok, true)
})

test('the probe’s headers are sent, the host’s name among them', async (context) => {
  const seen: (string | undefined)[] = []
  const answer: RequestListener = (request, response) => {
    seen.push(request.headers.host, request.headers['user-agent'], request.headers['x-a']?.toString())
    response.end()
  }
  const port = await listen(context, createServer(answer))
  const httpHeaders = [
    { name: 'Host', value: 'web' },
    { name: 'X-A', value: '1' },
    { name: 'X-A', value: '2' },
  ]
  await probe(port, { httpHeaders })
  assert.deepEqual(seen, ['web', 'kube-probe/1.35', '1, 2'])
})

test('what goes wrong below HTTP is said in Go’s words', async (context) => {
  const plain = await listen(
    context,
    createServer((_request, response) => void response.end()),
  )
  const rude = await listen(
    context,
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end())
    }),
  )
  const closed = await listen(context, createTcpServer())
  const messageOf = async (...parts: Parameters<typeof probe>) => {
    const outcome = await probe(...parts)
    return outcome.ok ? 'no failure' : outcome.message
  }
  assert.equal(
    await messageOf(plain, { scheme: 'HTTPS', path: '/x' }),
    `Get "https://${HOST}:${plain}/x": http: server gave HTTP response to HTTPS client`,
  )
  assert.equal(await messageOf(rude), `Get "http://${HOST}:${rude}/": EOF`)
  assert.match(await messageOf(closed), /context deadline exceeded|EOF/)
  assert.match(
    await messageOf(1),
    /^Get "http:\/\/127\.0\.0\.1:1\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  )
})
