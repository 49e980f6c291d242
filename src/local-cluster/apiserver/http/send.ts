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
      const isYaml = response.contentType === 'application/yaml'
      const text = isYaml ? stringifyYaml(response.object) : JSON.stringify(response.object)
      for (const [name, value] of Object.entries(response.headers ?? {})) outgoing.setHeader(name, value)
      sendText(outgoing, response.status, response.contentType ?? 'application/json', text, options.isHead)
      return
    }
    case 'text':
      for (const [name, value] of Object.entries(response.headers ?? {})) outgoing.setHeader(name, value)
      sendText(
        outgoing,
        response.status,
        response.contentType ?? 'text/plain; charset=utf-8',
        response.text,
        options.isHead,
      )
      return
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
    }
  }
}

export function sendError(outgoing: ServerResponse, error: StatusError): void {
  sendText(outgoing, error.status.code, 'application/json', JSON.stringify(error.status), false)
}

function sendText(
  outgoing: ServerResponse,
  status: number,
  contentType: string,
  text: string,
  isHead: boolean,
): void {
  const bytes = Buffer.from(text)
  outgoing.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-cache, private',
  })
  outgoing.end(isHead ? undefined : bytes)
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
