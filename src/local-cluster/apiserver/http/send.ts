import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { stringify as stringifyYaml } from 'yaml'
import type { ApiResponse } from '../request.ts'
import type { StatusError } from '../status-error.ts'

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
      const text = isYaml ? stringifyYaml(response.object) : JSON.stringify(response.object)
      const bytes = Buffer.from(text)
      setHeaders(outgoing, response.headers)
      await sendBytes(outgoing, { status: response.status, contentType, bytes, isHead: options.isHead })
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
      outgoing.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
      outgoing.flushHeaders()
      for await (const frames of response.frames) {
        let lines = ''
        for (const frame of frames) lines += frame.line()
        if (!(await writeAndDrain(outgoing, lines))) return
      }
      outgoing.end()
      return
    }
    case 'stream': {
      outgoing.writeHead(200, { 'content-type': response.contentType })
      outgoing.flushHeaders()
      for await (const chunk of response.chunks) if (!(await writeAndDrain(outgoing, chunk))) return
      outgoing.end()
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
  outgoing.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
  })
  if (isHead || bytes.length <= TAIL_BYTES) {
    outgoing.end(isHead ? undefined : bytes)
    return
  }
  if (!(await writeAndDrain(outgoing, bytes.subarray(0, -TAIL_BYTES)))) return
  outgoing.end(bytes.subarray(-TAIL_BYTES))
}

/** Waits while the client's socket is full. @returns false when the client is gone */
async function writeAndDrain(outgoing: ServerResponse, data: string | Uint8Array): Promise<boolean> {
  if (outgoing.destroyed) return false
  if (outgoing.write(data)) return true
  const closed = new AbortController()
  const onClose = () => closed.abort()
  outgoing.once('close', onClose)
  try {
    await once(outgoing, 'drain', { signal: closed.signal })
    return true
  } catch {
    return false
  } finally {
    outgoing.removeListener('close', onClose)
  }
}

/** A quoted-string of HTTP: no control characters, quotes escaped. */
function quote(text: string): string {
  // eslint-disable-next-line no-control-regex
  return `"${text.replace(/[\u0000-\u001f\u007f-\uffff]/g, ' ').replace(/["\\]/g, '\\$&')}"`
}
