import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { ApiError } from './api-error.ts'
import { formatQuery, type KubeTransport, type TransportRequest, type WatchFrames } from './transport.ts'

export interface HttpsTransportConfig {
  /** `https://127.0.0.1:6443` */
  readonly server: string
  /** PEM; the machine's own authorities when absent */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** asked for each request, since tokens are renewed */
  readonly token?: () => string | undefined
  readonly serverName?: string
  /** skips the check of the server's certificate, as `insecure-skip-tls-verify` in a kubeconfig says */
  readonly insecure?: boolean
}

const REQUEST_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000
const SOCKETS_MAX = 256
/** Sockets that were idle for this long are not used again: the server may be closing them. */
const SOCKET_IDLE_MS = 30_000
/** One object may be 3 MiB; a line also holds the type. */
const LINE_MAX_BYTES = 8 * 1024 * 1024

/** Speaks HTTP/1.1 with keep-alive. */
export function httpsTransport(config: HttpsTransportConfig): KubeTransport {
  const server = new URL(config.server)
  const isTls = server.protocol === 'https:'
  const pool = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: SOCKET_IDLE_MS }
  const agent = isTls ? new HttpsAgent({ ...pool, ...tlsOptions(config) }) : new HttpAgent(pool)
  const open: Open = (request, accept) => {
    const query = formatQuery(request.query)
    const token = config.token?.()
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const options = {
      agent,
      method: request.method,
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port || (isTls ? 443 : 80),
      path: `${server.pathname.replace(/\/$/, '')}${request.path}${query === '' ? '' : `?${query}`}`,
      headers: {
        accept,
        'user-agent': 'lateen',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        ...request.headers,
      },
      ...(request.signal ? { signal: request.signal } : {}),
    }
    return exchange(isTls ? httpsRequest(options) : httpRequest(options), body)
  }
  return {
    async request(request) {
      const response = await open(request, 'application/json')
      const text = await readText(response)
      const isJson = (response.headers['content-type'] ?? '').startsWith('application/json')
      return { status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text }
    },
    watch: (request) => watchFrames(open, request),
    stream: (request) => streamBytes(open, request),
    close: () => agent.destroy(),
  }
}

type Open = (request: TransportRequest, accept: string) => Promise<IncomingMessage>

function tlsOptions(config: HttpsTransportConfig) {
  return {
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.serverName === undefined ? {} : { servername: config.serverName }),
    ...(config.insecure ? { rejectUnauthorized: false } : {}),
  }
}

function exchange(
  request: ReturnType<typeof httpRequest>,
  body: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const connectTimer = setTimeout(
      () => request.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    )
    const answerTimer = setTimeout(
      () => request.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)),
      REQUEST_TIMEOUT_MS,
    )
    const clear = () => {
      clearTimeout(connectTimer)
      clearTimeout(answerTimer)
    }
    request.on('socket', (socket) => {
      if (socket.connecting) socket.once('secureConnect', () => clearTimeout(connectTimer))
      if (socket.connecting) socket.once('connect', () => clearTimeout(connectTimer))
      else clearTimeout(connectTimer)
    })
    request.on('response', (response) => {
      clear()
      resolve(response)
    })
    request.on('error', (error) => {
      clear()
      reject(error)
    })
    request.end(body)
  })
}

/** By events: an async iterator costs more than the rest of a small answer. @throws when it breaks off */
function readText(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    response.on('error', reject)
    response.on('close', () => {
      if (!response.readableEnded) reject(new Error('the answer broke off'))
    })
  })
}

async function* watchFrames(
  open: Open,
  request: TransportRequest & { readonly signal: AbortSignal },
): AsyncGenerator<WatchFrames> {
  const response = await open(request, 'application/json')
  await expectSuccess(response)
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of response) {
      const bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
      const end = bytes.lastIndexOf(10)
      rest = bytes.subarray(end + 1)
      if (rest.length > LINE_MAX_BYTES)
        throw new Error(`a watch frame is larger than ${LINE_MAX_BYTES} bytes`)
      if (end >= 0) yield parseLines(bytes.toString('utf8', 0, end))
    }
  } finally {
    response.destroy()
  }
}

function parseLines(text: string): WatchFrames {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as WatchFrames[number])
}

async function* streamBytes(
  open: Open,
  request: TransportRequest & { readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const response = await open(request, '*/*')
  await expectSuccess(response)
  try {
    for await (const chunk of response) yield chunk as Buffer
  } finally {
    response.destroy()
  }
}

async function expectSuccess(response: IncomingMessage): Promise<void> {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return
  const text = await readText(response)
  let body: unknown = text
  try {
    body = JSON.parse(text)
  } catch {
    // Not a Status: the text itself is all there is.
  }
  throw new ApiError(status, body)
}
