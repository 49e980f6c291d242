import { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { UpgradeConnection } from '../request.ts'

/** One message: kubectl sends at most 32 KiB, and a few kinds of client a little more. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024

/** The sub-protocols that a client offers, in its order. */
export function offeredProtocols(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Answers the upgrade. @param protocol one of those that the client offered */
export function acceptWebSocket(connection: UpgradeConnection, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  })
  const { incoming, socket, head } = connection
  // `SPDY/3.1+portforward.k8s.io` is no token of HTTP, so the library must not see it: the choice is already made.
  delete incoming.headers['sec-websocket-protocol']
  server.on('headers', (headers) => void headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the client went away during the upgrade'))
    socket.once('close', onClose)
    server.once('wsClientError', (error) => reject(error))
    server.handleUpgrade(incoming, socket, head, (webSocket) => {
      socket.removeListener('close', onClose)
      resolve(webSocket)
    })
  })
}

/** The bytes of a WebSocket's binary messages as one stream each way: what a tunnelled protocol runs on. */
export function webSocketTransport(webSocket: WebSocket): Duplex {
  const duplex = new Duplex({
    read: () => webSocket.resume(),
    write: (chunk: Uint8Array, _encoding, done) =>
      webSocket.send(chunk, { binary: true }, (error) => done(error ?? null)),
    final(done) {
      webSocket.close(1000)
      done()
    },
    destroy(error, done) {
      webSocket.terminate()
      done(error)
    },
  })
  webSocket.on('message', (data: Buffer) => {
    if (!duplex.push(data)) webSocket.pause()
  })
  webSocket.on('close', () => duplex.push(null))
  webSocket.on('error', (error) => duplex.destroy(error))
  return duplex
}
