import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { WebSocket } from 'ws'
import { type Call, type Echo, patternOf, type Reply } from './protocol.ts'

const TIMEOUT_MS = 10_000
const agent = new Agent({ keepAlive: true, maxSockets: 8 })

/** One request, sent as it is given. @throws when the answer is not complete in time */
export function call(given: Call): Promise<Reply> {
  const url = new URL(given.url)
  const body = given.bodyBytes === undefined ? Buffer.from(given.body ?? '') : patternOf(given.bodyBytes)
  const order = given.order === undefined ? {} : { 'x-echo': JSON.stringify(given.order) }
  const length =
    given.chunked === true
      ? { trailer: 'x-sum' }
      : body.length > 0
        ? { 'content-length': String(body.length) }
        : {}
  const timeoutMs = given.timeoutMs ?? TIMEOUT_MS
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: url.hostname,
        port: url.port === '' ? 80 : url.port,
        // As written: URL would take the dots out of a path.
        path: given.url.replace(/^http:\/\/[^/?]*/, '') || '/',
        method: given.method ?? 'GET',
        headers: { host: url.host, ...length, ...order, ...given.headers },
        agent: given.fresh === true ? false : agent,
        timeout: timeoutMs,
      },
      (response) => {
        receive(response).then(resolve, reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${given.url}: silent for ${timeoutMs} ms`)))
    outgoing.on('error', reject)
    if (given.chunked === true) {
      for (let at = 0; at < body.length; at += 50_000) outgoing.write(body.subarray(at, at + 50_000))
      outgoing.addTrailers({ 'x-sum': sha256(body) })
      outgoing.end()
    } else {
      outgoing.end(body)
    }
  })
}

async function receive(response: IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const bytes = Buffer.concat(parts)
  const isText = bytes.length < 1_000_000
  const body = isText ? bytes.toString('utf8') : ''
  return {
    status: response.statusCode ?? 0,
    headers: flatten(response.headersDistinct),
    trailers: flatten(response.trailersDistinct),
    body,
    bodyBytes: bytes.length,
    bodySha256: sha256(bytes),
    echo: echoOf(body),
  }
}

/** Tells an echo from any other body by the fields that only it has. */
function echoOf(body: string): Echo | undefined {
  if (!body.startsWith('{')) return undefined
  const value = JSON.parse(body) as Partial<Echo>
  return value.pod !== undefined && value.path !== undefined ? (value as Echo) : undefined
}

export function flatten(
  headers: Readonly<Record<string, readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, (values ?? []).join(', ')]),
  )
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A WebSocket conversation. @returns all that came, the greeting first @throws when it does not open or falls silent */
export async function converse(given: {
  readonly url: string
  readonly host?: string
  readonly messages: readonly string[]
}): Promise<readonly string[]> {
  const { url, host, messages } = given
  const socket = new WebSocket(url, {
    headers: host === undefined ? {} : { host },
    handshakeTimeout: TIMEOUT_MS,
  })
  const received: string[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${url}: silent`)), TIMEOUT_MS)
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`${url}: closed after ${received.length} messages`)))
      socket.on('message', (data) => {
        received.push((data as Buffer).toString('utf8'))
        const next = messages[received.length - 1]
        if (next !== undefined) return socket.send(next)
        clearTimeout(timer)
        resolve()
      })
    })
  } finally {
    socket.close()
  }
  return received
}
