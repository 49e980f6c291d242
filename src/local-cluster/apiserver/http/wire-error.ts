import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Turns } from './turns.ts'

const LINGER_MS = 500

/** What the HTTP parser refuses has no request to answer to; the answers are those of Go's server, as plain text. */
export function createRefusals(turns: Turns): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>()
  return (error, socket) => {
    if (refused.has(socket)) return // what still arrives is wrong again
    refused.add(socket)
    if (error.code === 'ECONNRESET' || !socket.writable || turns.isAnswering(socket)) {
      socket.destroy()
      return
    }
    const status = `${statusOf(error.code)} ${STATUS_CODES[statusOf(error.code)]}`
    const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close`
    socket.end(`${head}\r\ncontent-length: ${status.length}\r\n\r\n${status}`)
    // Closed with bytes unread, the connection would be reset, and the client might never see the answer.
    socket.resume()
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  }
}

function statusOf(code: string | undefined): number {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 431
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408
    default:
      return 400
  }
}
