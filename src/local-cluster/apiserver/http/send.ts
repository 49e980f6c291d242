import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ApiResponse, WatchFrame } from '../request.ts'
import type { StatusError } from '../status-error.ts'
import { yamlOf } from './yaml-answer.ts'

export interface SendOptions {
  readonly warnings: readonly string[]
  readonly isHead: boolean
}

/** Writes an answer and ends it; a watch or a stream lasts until it or the client ends. */
export async function sendResponse(
  outgoing: ServerResponse,
  response: ApiResponse,
  options: SendOptions,
): Promise<void> {
  for (const warning of options.warnings) outgoing.appendHeader('Warning', `299 - ${quote(warning)}`)
  switch (response.kind) {
    case 'object': {
      const contentType = response.contentType ?? 'application/json'
      const isYaml = contentType === 'application/yaml'
      const text = isYaml ? yamlOf(response.object) : JSON.stringify(response.object)
      const bytes = Buffer.from(text)
      setHeaders(outgoing, response.headers)
      await sendBytes(outgoing, { status: response.status, contentType, bytes, isHead: options.isHead })
      return
    }
    case 'pieces': {
      await sendPieces(outgoing, response)
      return
    }
    case 'text': {
      const contentType = response.contentType ?? 'text/plain; charset=utf-8'
      setHeaders(outgoing, response.headers)
      const bytes = Buffer.from(response.text)
      await sendBytes(outgoing, { status: response.status, contentType, bytes, isHead: options.isHead })
      return
    }
    case 'bytes': {
      setHeaders(outgoing, response.headers)
      const { status, bytes, contentType } = response
      await sendBytes(outgoing, { status, contentType, bytes, isHead: options.isHead })
      return
    }
    case 'watch': {
      await sendWatch(outgoing, response.frames)
      return
    }
    case 'stream': {
      outgoing.writeHead(200, { 'content-type': response.contentType })
      outgoing.flushHeaders()
      for await (const chunk of response.chunks) if (!(await writeAndDrain(outgoing, chunk))) return
      outgoing.end()
      return
    }
    case 'relayed': {
      outgoing.writeHead(response.status, response.statusText, [...response.rawHeaders])
      outgoing.flushHeaders()
      await pipeline(response.body, outgoing)
      return
    }
    case 'upgrade':
      throw new Error('the connection of this request cannot change its protocol')
  }
}

function setHeaders(outgoing: ServerResponse, headers: Readonly<Record<string, string>> | undefined): void {
  for (const [name, value] of Object.entries(headers ?? {})) outgoing.setHeader(name, value)
}

export function sendError(outgoing: ServerResponse, { status }: StatusError): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(status))
  return sendBytes(outgoing, { status: status.code, contentType: 'application/json', bytes, isHead: false })
}

interface BytesAnswer {
  readonly status: number
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly isHead: boolean
}

/** What is left for the end of a long answer: less than any socket's high-water mark. */
const TAIL_BYTES = 1024

/**
 * A long answer is drained before its last bytes are sent. With the whole of it written at once, the client's next
 * request could arrive before the socket reports the drain; Node (24.21) then pauses its parser in the middle of
 * that request and ends the connection with HPE_PAUSED.
 */
async function sendBytes(
  outgoing: ServerResponse,
  { status, contentType, bytes, isHead }: BytesAnswer,
): Promise<void> {
  const isBodiless = status === 204 || status === 304
  outgoing.writeHead(status, {
    ...(isBodiless ? {} : { 'content-type': contentType, 'content-length': bytes.length }),
    'cache-control': 'no-cache, private',
  })
  if (isHead || bytes.length <= TAIL_BYTES) {
    outgoing.end(isHead ? undefined : bytes)
    return
  }
  if (!(await writeAndDrain(outgoing, bytes.subarray(0, -TAIL_BYTES)))) return
  outgoing.end(bytes.subarray(-TAIL_BYTES))
}

interface PiecesAnswer {
  readonly status: number
  readonly contentType: string
  readonly pieces: Iterable<string>
}

/** What is one piece goes with its length; more pieces go as they are made, each when the one before has gone. */
async function sendPieces(
  outgoing: ServerResponse,
  { status, contentType, pieces }: PiecesAnswer,
): Promise<void> {
  const headers = { 'content-type': contentType, 'cache-control': 'no-cache, private' }
  let last = ''
  for (const piece of pieces) {
    if (last !== '') {
      if (!outgoing.headersSent) outgoing.writeHead(status, headers)
      if (!(await writeAndDrain(outgoing, last))) return
    }
    last = piece
  }
  if (!outgoing.headersSent) {
    return sendBytes(outgoing, { status, contentType, bytes: Buffer.from(last), isHead: false })
  }
  if (await writeAndDrain(outgoing, last)) outgoing.end()
}

const JOINED_BYTES = 256 * 1024

/**
 * The chunks of a watch are made once for all watchers and written past Node's own chunking, which encodes them
 * again for each: a third of the time of a change that 200 watch.
 */
async function sendWatch(
  outgoing: ServerResponse,
  batches: AsyncIterable<readonly WatchFrame[]>,
): Promise<void> {
  outgoing.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
  outgoing.flushHeaders()
  for await (const frames of batches) {
    // Whoever made the change is answered before all those who only watch.
    await nextTurn()
    const { socket } = outgoing
    if (!socket || outgoing.destroyed) return
    for (const bytes of joined(frames, outgoing.chunkedEncoding)) {
      if (!(await writeAndDrain(socket, bytes))) return
    }
  }
  outgoing.end()
}

/** Few writes for many small frames. @param isChunked HTTP/1.0 has no chunks */
function* joined(frames: readonly WatchFrame[], isChunked: boolean): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  let size = 0
  for (const frame of frames) {
    const bytes = isChunked ? frame.chunk() : frame.line()
    parts.push(bytes)
    size += bytes.length
    if (size < JOINED_BYTES) continue
    yield Buffer.concat(parts)
    parts = []
    size = 0
  }
  if (parts.length === 1 && parts[0]) yield parts[0]
  else if (parts.length > 1) yield Buffer.concat(parts)
}

/** Waits while the client's socket is full. @returns false when the client is gone */
async function writeAndDrain(outgoing: Writable, data: string | Uint8Array): Promise<boolean> {
  if (outgoing.destroyed) return false
  if (outgoing.write(data)) return true
  return new Promise((resolve) => {
    const settle = (isThere: boolean) => {
      outgoing.removeListener('drain', onDrain)
      outgoing.removeListener('close', onClose)
      resolve(isThere)
    }
    const onDrain = () => settle(true)
    const onClose = () => settle(false)
    outgoing.on('drain', onDrain)
    outgoing.on('close', onClose)
  })
}

/** A quoted-string of HTTP: no control characters, quotes escaped. */
function quote(text: string): string {
  // eslint-disable-next-line no-control-regex
  return `"${text.replace(/[\u0000-\u001f\u007f-\uffff]/g, ' ').replace(/["\\]/g, '\\$&')}"`
}
