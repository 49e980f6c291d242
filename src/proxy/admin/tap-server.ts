import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '../../base/index.ts'
import { parseTapConfig } from '../tap/config.ts'
import type { Tapped } from '../tap/hub.ts'
import { json, text } from './answers.ts'
import { TAP_PATH } from './pages.ts'
import type { AdminAnswer, AdminContext, AdminRequest } from './types.ts'

const CONFIG_BYTES_MAX = 64 * 1024
const POLL_MS = 100
/** What a client that does not read may have waiting. */
const BACKLOG_BYTES_MAX = 8 * 1024 * 1024

/** Asks all threads that serve the proxy. @returns the answers joined */
type Ask = (path: string, query: string) => Promise<AdminAnswer>

/**
 * Streams what the taps of all threads see, one JSON object a line, until the client goes: they are asked again and
 * again, so that a slow client fills their bounded queues, never their memory.
 */
export async function serveTap(
  request: IncomingMessage,
  response: ServerResponse,
  parts: { readonly context: AdminContext; readonly ask: Ask },
): Promise<void> {
  const config = await readBody(request)
  if (config === undefined) return refuse(response, text('the configuration is too large\n', 413))
  const parsed = parseTapConfig(config)
  if (!parsed.ok) return refuse(response, text(`${parsed.error}\n`, 400))
  const id = randomUUID()
  const opened = await parts.ask(`${TAP_PATH}/open`, new URLSearchParams({ id, config }).toString())
  if (opened.status !== 200) return refuse(response, opened)
  let gone = false
  response.on('close', () => {
    gone = true
  })
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, max-age=0' })
  response.flushHeaders()
  try {
    while (!gone) {
      await parts.context.clock.sleep(POLL_MS)
      if (response.writableLength > BACKLOG_BYTES_MAX) continue
      const answer = await parts.ask(`${TAP_PATH}/poll`, new URLSearchParams({ id }).toString())
      if (answer.status !== 200) break
      const { lines, dropped } = JSON.parse(answer.body) as Tapped
      for (const line of lines) response.write(`${line}\n`)
      if (dropped > 0) response.write(`${JSON.stringify({ dropped })}\n`)
    }
  } catch (error) {
    parts.context.logger.warn(`a tap ends: ${messageOf(error)}`)
  }
  response.end()
  await parts.ask(`${TAP_PATH}/close`, new URLSearchParams({ id }).toString())
}

function refuse(response: ServerResponse, { status, type, body }: AdminAnswer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > CONFIG_BYTES_MAX) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** One thread's part in a tap: no page of the admin port, only asked for by the one who streams. */
export function answerTap(path: string, { query }: AdminRequest, { instance }: AdminContext): AdminAnswer {
  const id = query.get('id') ?? ''
  switch (path) {
    case `${TAP_PATH}/open`: {
      const config = parseTapConfig(query.get('config') ?? '')
      if (!config.ok) return text(`${config.error}\n`, 400)
      const problem = instance.taps.open(id, config.value)
      return problem === undefined ? json({}) : text(`${problem}\n`, 503)
    }
    case `${TAP_PATH}/poll`: {
      const tapped = instance.taps.poll(id)
      return tapped === undefined ? text('no such tap\n', 404) : json(tapped)
    }
    default:
      instance.taps.close(id)
      return json({})
  }
}

/** Several threads' answers to `poll`. */
export function joinTapped(answers: readonly AdminAnswer[]): AdminAnswer {
  const all = answers.flatMap(({ status, body }) => (status === 200 ? [JSON.parse(body) as Tapped] : []))
  return json({
    lines: all.flatMap(({ lines }) => lines),
    dropped: all.reduce((sum, { dropped }) => sum + dropped, 0),
  })
}
