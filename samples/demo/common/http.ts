import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export interface ServeOptions {
  /** Stands at the beginning of the lines that are not about a request. */
  readonly name: string
  readonly port: number
  /** Undefined listens on every address of both families, or of IPv4 alone where there is no IPv6. */
  readonly host: string | undefined
  readonly handle: Handler
  /** Headers that even the answer to an unreadable request must carry. */
  readonly headers?: Readonly<Record<string, string>>
}

const CONNECTIONS_MAX = 4096
const REQUEST_READ_MS = 15_000
const KEEP_ALIVE_MS = 60_000
/** After SIGTERM requests that are on their way are still answered for this long, each with `Connection: close`. */
const LINGER_MS = 300
/** The application promises to be gone 2 s after SIGTERM; what is still open by then is cut off. */
const STOP_MS = 1_700

/**
 * Serves HTTP/1.1 until SIGTERM or SIGINT, and logs one line per request to standard output.
 * A port that cannot be had is told on standard error, with exit status 1.
 */
export function serve(options: ServeOptions): void {
  const state = { stopping: false }
  const server = createServer((request, response) => {
    logWhenDone(request, response)
    if (state.stopping) response.setHeader('Connection', 'close')
    void answer(options, request, response)
  })
  server.maxConnections = CONNECTIONS_MAX
  server.requestTimeout = REQUEST_READ_MS
  server.headersTimeout = REQUEST_READ_MS
  server.keepAliveTimeout = KEEP_ALIVE_MS
  answerUnreadable(server, options.headers ?? {})
  server.on('error', (error) => {
    process.stderr.write(`${options.name}: cannot listen on port ${options.port}: ${error.message}\n`)
    process.exitCode = 1
  })
  server.on('listening', () => process.stdout.write(`${options.name}: listening on ${describe(server)}\n`))
  const stop = (): void => {
    if (state.stopping) return
    state.stopping = true
    stopGently(server)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The reader of the log may go away before the program does; that must not take the program down.
  process.stdout.on('error', () => undefined)
  if (options.host === undefined) server.listen(options.port)
  else server.listen(options.port, options.host)
}

/** Sends a whole body with its exact length; `HEAD` gets the same headers alone. */
export function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

/** An error is one line of plain text that no browser may take for anything else. */
export function sendError(response: ServerResponse, status: number, text: string): void {
  response.setHeader('X-Content-Type-Options', 'nosniff')
  send(response, status, 'text/plain; charset=utf-8', `${text}\n`)
}

/** The decoded path without the query, or undefined when its percent-encoding is broken. */
export function pathOf(request: IncomingMessage): string | undefined {
  const target = request.url ?? '/'
  const end = target.search(/[?#]/)
  try {
    return decodeURIComponent(end === -1 ? target : target.slice(0, end))
  } catch {
    return undefined
  }
}

/**
 * Reads the port to listen on.
 * @throws Error when the text is no port number
 */
export function parsePort(text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT must be 0..65535, not "${text}"`)
  return port
}

async function answer(
  options: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await options.handle(request, response)
  } catch (error) {
    process.stderr.write(`${options.name}: ${request.method} ${request.url}: ${String(error)}\n`)
    if (response.headersSent) response.destroy()
    else sendError(response, 500, 'Internal Server Error')
  }
}

function answerUnreadable(server: Server, headers: Readonly<Record<string, string>>): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const body = 'Bad Request\n'
  const head = `HTTP/1.1 400 Bad Request\r\n${lines.join('')}Content-Type: text/plain; charset=utf-8\r\n`
  server.on('clientError', (_error, socket) => {
    if (!socket.writable) return
    socket.end(`${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, 'latin1')
  })
}

function logWhenDone(request: IncomingMessage, response: ServerResponse): void {
  const start = performance.now()
  const from = (request.socket.remoteAddress ?? '-').replace(/^::ffff:/, '')
  response.once('close', () => {
    const status = response.writableFinished
      ? String(response.statusCode)
      : `${response.statusCode} (cut off)`
    const took = `${(performance.now() - start).toFixed(1)}ms`
    process.stdout.write(
      `${new Date().toISOString()} ${from} ${request.method} ${request.url} ${status} ${took}\n`,
    )
  })
}

/**
 * Callers learn of a stop only a moment after us. So the socket stays open for that moment, then no new connection is taken,
 * idle ones are closed, and requests in hand get the rest of the time.
 */
function stopGently(server: Server): void {
  setTimeout(() => {
    const sweep = setInterval(() => server.closeIdleConnections(), 20)
    const cut = setTimeout(() => server.closeAllConnections(), STOP_MS - LINGER_MS)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      // What the program still holds (a connection to its store) must not keep it alive.
      process.exit(0)
    })
  }, LINGER_MS)
}

function describe(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') return String(address)
  return address.family === 'IPv6'
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`
}
