import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { openPortForward } from './port-forward.ts'

/** Kubernetes' side of the protocol, as the reference of `v4.channel.k8s.io` has it, in front of a server on loopback. */
function bridge(webSocket: WebSocket, port: number, asked: number): void {
  const lead = Buffer.of(asked & 0xff, asked >> 8)
  for (const channel of [0, 1]) webSocket.send(Buffer.concat([Buffer.of(channel), lead]))
  const socket = connect(port, '127.0.0.1')
  socket.on('data', (chunk) => webSocket.send(Buffer.concat([Buffer.of(0), chunk])))
  socket.on('error', (error) => webSocket.send(Buffer.concat([Buffer.of(1), Buffer.from(error.message)])))
  socket.on('close', () => webSocket.close(1000))
  webSocket.on('message', (message: Buffer) => socket.write(message.subarray(1)))
  webSocket.on('close', () => socket.destroy())
}

describe('a connection to a port of a pod', () => {
  let server = ''
  let target = 0
  const closers: (() => void)[] = []
  const seen: string[] = []

  before(async () => {
    const application = createServer((asked, answer) => {
      asked.resume()
      answer.write('first\n')
      if (asked.url === '/once') answer.end('last\n')
      else setTimeout(() => answer.write('later\n'), 20)
    }).listen(0, '127.0.0.1')
    await once(application, 'listening')
    target = (application.address() as AddressInfo).port
    const api = createServer((_asked, answer) =>
      answer.writeHead(404).end('{"message":"pods \\"x\\" not found"}'),
    )
    const sockets = new WebSocketServer({ noServer: true })
    api.on('upgrade', (asked, socket, head) => {
      seen.push(`${asked.url} ${asked.headers.authorization} ${asked.headers['sec-websocket-protocol']}`)
      if (asked.url?.includes('/pods/x/') === true) {
        const body = '{"message":"pods \\"x\\" not found"}'
        socket.end(
          `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        )
        return
      }
      sockets.handleUpgrade(asked, socket, head, (webSocket) => bridge(webSocket, target, 15_000))
    })
    api.listen(0, '127.0.0.1')
    await once(api, 'listening')
    server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
    closers.push(
      () => api.closeAllConnections(),
      () => api.close(),
      () => application.closeAllConnections(),
      () => application.close(),
      () => sockets.close(),
    )
  })
  after(() => {
    for (const close of closers) close()
  })

  async function ask(path: string, enough: string): Promise<string> {
    const stream = await openPortForward(
      { server, token: () => 't' },
      { namespace: 'demo', pod: 'p', port: 15_000 },
    )
    return new Promise((resolve, reject) => {
      const asked = request({ createConnection: () => stream, path, headers: { host: 'x' } }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          if (!text.endsWith(enough)) return
          answer.destroy()
          resolve(text)
        })
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  test('carries a request and its answer, and one that goes on', async () => {
    assert.equal(await ask('/once', 'last\n'), 'first\nlast\n')
    assert.equal(await ask('/stream', 'later\n'), 'first\nlater\n')
    assert.equal(seen[0], '/api/v1/namespaces/demo/pods/p/portforward?ports=15000 Bearer t v4.channel.k8s.io')
  })

  test('says in the words of the API server why there is none', async () => {
    const refused = openPortForward({ server }, { namespace: 'demo', pod: 'x', port: 15_000 })
    await assert.rejects(refused, /pods "x" not found/)
  })

  test('fails when nothing listens there', async () => {
    const open = target
    target = 1
    await assert.rejects(ask('/once', 'last\n'), /ECONNREFUSED|socket hang up/)
    target = open
  })
})
