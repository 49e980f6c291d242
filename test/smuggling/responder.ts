import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { ResponseCase } from './cases.ts'
import { readRequest } from './strict-reader.ts'

/** A back end that answers `/case` with the bytes of a case, and anything else as it should. */
export interface Responder {
  readonly port: number
  readonly setCase: (one: ResponseCase) => void
  readonly close: () => void
}

/** What the request after each case gets. */
export const NEXT_BODY = 'the next one'

export async function startResponder(): Promise<Responder> {
  let current: ResponseCase | undefined
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    let text = ''
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      for (let request = readRequest(text, 0); request !== undefined; request = readRequest(text, 0)) {
        text = text.slice(request.end)
        const isCase = request.first.includes(' /case ')
        const answer = isCase
          ? (current?.bytes ?? '')
          : `HTTP/1.1 200 OK\r\nContent-Length: ${NEXT_BODY.length}\r\n\r\n${NEXT_BODY}`
        if (isCase && current?.ends === true) socket.end(answer, 'latin1')
        else socket.write(answer, 'latin1')
        if (text === '') break
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    setCase(one) {
      current = one
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
