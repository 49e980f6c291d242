/**
 * The application behind the routes in the tests: sends back what it was asked (see protocol.ts), speaks WebSocket on
 * the same port and a protocol in which the server speaks first on another, and calls others when a test tells it to.
 */
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { call, converse, flatten, sha256 } from './call.ts'
import { type Echo, ECHO_PORTS, type EchoOrder, type Order, patternOf, type Reply } from './protocol.ts'

const version = process.env['VERSION'] ?? 'none'
const requestsOf = new WeakMap<Socket, number>()
const failed = new Map<string, number>()

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const requestOfConnection = (requestsOf.get(request.socket) ?? 0) + 1
  requestsOf.set(request.socket, requestOfConnection)
  const order = JSON.parse((request.headers['x-echo'] as string | undefined) ?? '{}') as EchoOrder
  const body = await bodyOf(request)
  if (order.delayMs !== undefined) await sleep(order.delayMs)
  const echo: Echo = {
    pod: hostname(),
    version,
    method: request.method ?? '',
    path: request.url ?? '',
    host: request.headers.host ?? '',
    headers: flatten(request.headersDistinct),
    bodyBytes: body.length,
    bodySha256: sha256(body),
    trailers: flatten(request.trailersDistinct),
    requestOfConnection,
  }
  for (const [name, value] of Object.entries(order.headers ?? {})) response.setHeader(name, value)
  response.setHeader('x-served-by', version)
  response.statusCode = statusOf(order)
  const bytes = order.bytes === undefined ? Buffer.from(JSON.stringify(echo)) : patternOf(order.bytes)
  send(order, response, bytes)
}

function statusOf(order: EchoOrder): number {
  if (order.failures === undefined) return order.status ?? 200
  const { key, count, status = 503 } = order.failures
  const before = failed.get(key) ?? 0
  failed.set(key, before + 1)
  return before < count ? status : (order.status ?? 200)
}

function send(order: EchoOrder, response: ServerResponse, bytes: Buffer): void {
  switch (order.framing ?? 'length') {
    case 'close':
      response.shouldKeepAlive = false
      break
    case 'until-close':
      response.removeHeader('transfer-encoding')
      response.useChunkedEncodingByDefault = false
      response.shouldKeepAlive = false
      response.flushHeaders()
      response.end(bytes)
      return
    case 'trailers':
      response.setHeader('trailer', 'x-checksum')
      response.write(bytes.subarray(0, bytes.length >> 1))
      response.write(bytes.subarray(bytes.length >> 1))
      response.addTrailers({ 'x-checksum': sha256(bytes) })
      response.end()
      return
    case 'length':
      break
  }
  if (response.statusCode !== 204 && response.statusCode !== 304) {
    response.setHeader('content-length', bytes.length)
  }
  response.end(bytes)
}

async function obey(order: Order): Promise<unknown> {
  if (order.kind === 'run') return run(order.command, order.input)
  if (order.kind === 'web-socket') return converse(order)
  const replies: Reply[] = []
  for (const one of order.calls) replies.push(await call(one))
  return replies
}

function run(command: readonly [string, ...string[]], input: string | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { timeout: 20_000 })
    const out: Buffer[] = []
    const error: Buffer[] = []
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => error.push(bytes))
    child.on('error', reject)
    child.on('close', (status) =>
      resolve({
        status: status ?? 128,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(error).toString('utf8'),
      }),
    )
    child.stdin.on('error', () => {}) // it may end without reading
    child.stdin.end(input ?? '')
  })
}

function fail(response: ServerResponse): (error: unknown) => void {
  return (error) => {
    response.statusCode = 500
    response.end(String(error))
  }
}

const http = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  answer(request, response).catch(fail(response))
}).listen(ECHO_PORTS.http)

new WebSocketServer({ server: http }).on('connection', (socket, request) => {
  socket.send(JSON.stringify({ version, path: request.url, host: request.headers.host }))
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})

createTcpServer((socket) => {
  socket.write(`WELCOME ${version}\n`)
  socket.on('error', () => socket.destroy())
  socket.pipe(socket)
}).listen(ECHO_PORTS.greeter)

createServer((request, response) => {
  bodyOf(request)
    .then((body) => obey(JSON.parse(body.toString('utf8')) as Order))
    .then((result) => response.end(JSON.stringify(result)))
    .catch(fail(response))
}).listen(ECHO_PORTS.control)

process.on('SIGTERM', () => process.exit(0))
