import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** What the HTTP parser refuses has no request to answer to; the answers are those of Go's server, as plain text. */
export function refuseOnTheWire(error: NodeJS.ErrnoException, socket: Duplex, isAnswering: boolean): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy()
    return
  }
  const status = `${statusOf(error.code)} ${STATUS_CODES[statusOf(error.code)]}`
  const head = `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close`
  socket.end(`${head}\r\ncontent-length: ${status.length}\r\n\r\n${status}`, () => socket.destroy())
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
