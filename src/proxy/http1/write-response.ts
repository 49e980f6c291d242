import type { ResponseHead } from '../exchange/types.ts'
import { BODY } from './framing.ts'
import { type OutBuffer, putBytes, putSlice, putText, reserve } from './out-buffer.ts'
import { statusLine } from './status-line.ts'
import { putAdded, putFields } from './write-head.ts'

/** What the response says of its connection. */
export type ConnectionOption = 'none' | 'close' | 'keep-alive' | 'informational' | 'upgrade'

/** HTTP/1.1 keeps a connection unless told; HTTP/1.0 closes it unless told. */
export function closedByResponse(keepAlive: boolean, minor: number): ConnectionOption {
  if (!keepAlive) return 'close'
  return minor === 0 ? 'keep-alive' : 'none'
}

export function putResponseHead(out: OutBuffer, response: ResponseHead, option: ConnectionOption): void {
  putBytes(out, statusLine(response.status))
  if (response.block !== undefined) putFields(out, response.block)
  putText(out, response.lines)
  if (response.block !== undefined) putAdded(out, response.block)
  if (response.status === 101) {
    putText(out, 'connection: upgrade\r\n\r\n')
    return
  }
  if (response.kind === BODY.chunked && option !== 'informational')
    putText(out, 'transfer-encoding: chunked\r\n')
  if (option === 'close') putText(out, 'connection: close\r\n')
  else if (option === 'keep-alive') putText(out, 'connection: keep-alive\r\n')
  putText(out, '\r\n')
}

/** A run of body bytes, as a chunk where the message is chunked. */
export function putChunk(out: OutBuffer, bytes: Buffer, start: number, end: number, chunked: boolean): void {
  if (end === start) return
  if (!chunked) {
    putSlice(out, bytes, start, end)
    return
  }
  reserve(out, end - start + 16)
  putText(out, `${(end - start).toString(16)}\r\n`)
  putSlice(out, bytes, start, end)
  putText(out, '\r\n')
}
