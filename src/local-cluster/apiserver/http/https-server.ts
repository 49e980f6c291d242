import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Logger, messageOf } from '../../../base/index.ts'
import type { Authenticator } from '../auth/authenticate.ts'
import type { Pki } from '../auth/pki.ts'
import { PUBLIC_PATHS, type Routes } from '../paths.ts'
import type { ApiRequest, ApiResponse, User } from '../request.ts'
import { unauthorized } from '../status-error.ts'
import { type BodyReader, createBodyReader } from './body.ts'
import { sendError, sendResponse } from './send.ts'
import { createTurns } from './turns.ts'
import { createUpgrades, mayUpgrade } from './upgrade.ts'
import { createRefusals } from './wire-error.ts'

export interface HttpsServer {
  /** @returns the port, which matters where 0 was asked for */
  readonly listen: (address: { readonly host: string; readonly port: number }) => Promise<number>
  readonly close: () => Promise<void>
}

export interface HttpsServerOptions {
  readonly pki: Pki
  readonly routes: Routes
  readonly authenticator: Authenticator
  readonly logger: Logger
}

type Served = HttpsServerOptions & { readonly bodies: BodyReader }

const HEADERS_MAX_BYTES = 64 * 1024
const HANDSHAKE_TIMEOUT_MS = 10_000
const HEADERS_TIMEOUT_MS = 10_000
/** How often connections are looked through for those that took too long. */
const TIMEOUTS_CHECKED_MS = 2000
/** Head and body; the slowest honest link brings 3 MiB in less. */
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 120_000
const CONNECTIONS_MAX = 4000
const CLIENT_GONE = new Error('the client went away')

/** The door for everybody outside this process: TLS, a client certificate or a bearer token. */
export function createHttpsServer(given: HttpsServerOptions): HttpsServer {
  const options: Served = { ...given, bodies: createBodyReader() }
  const servers: Server[] = []
  /** The connections below TLS: one that has not finished its handshake is not yet known to the server of HTTP. */
  const connections = new Set<Socket>()
  const upgrades = createUpgrades(options)
  const turns = createTurns()
  const refuse = createRefusals(turns)
  const open = () => {
    const server = createServer(
      {
        ca: options.pki.caCertificate,
        cert: options.pki.server.certificate,
        key: options.pki.server.key,
        requestCert: true,
        // Tokens come without a certificate; who presents neither is refused after the handshake, with a Status.
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        maxHeaderSize: HEADERS_MAX_BYTES,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUTS_CHECKED_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        noDelay: true,
        shouldUpgradeCallback: mayUpgrade,
      },
      (incoming, outgoing) => {
        turns
          .take(incoming.socket, outgoing)
          .then((isOurs) => (isOurs ? serve(options, incoming, outgoing) : undefined))
          .catch((error: unknown) => {
            options.logger.debug('an answer could not be sent', { error: messageOf(error) })
            outgoing.destroy()
          })
      },
    )
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', (socket: Socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      const request = (signal: AbortSignal, outgoing: ServerResponse) =>
        authenticated(options, incoming, { signal, outgoing })
      upgrades.serve(incoming, socket, { head, request }).catch((error: unknown) => {
        options.logger.debug('an upgrade failed', { error: messageOf(error) })
        socket.destroy()
      })
    })
    server.on('clientError', refuse)
    server.on('tlsClientError', (error) =>
      options.logger.debug('a TLS handshake failed', { error: error.message }),
    )
    return server
  }
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        const server = open()
        server.once('error', reject)
        server.listen({ host, port }, () => {
          server.removeListener('error', reject)
          server.on('error', (error) => options.logger.error('a listener failed', { error: error.message }))
          servers.push(server)
          resolve((server.address() as AddressInfo).port)
        })
      }),
    async close() {
      upgrades.close()
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve())
              for (const socket of connections) socket.destroy()
            }),
        ),
      )
    },
  }
}

async function serve(options: Served, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController()
  outgoing.on('close', () => {
    // Without a reason each request would cost an exception with a stack trace.
    if (!outgoing.writableFinished) gone.abort(CLIENT_GONE)
  })
  const request = await authenticated(options, incoming, { signal: gone.signal, outgoing })
  if (request === undefined) return
  const { response, warnings } = await options.routes.handle(request)
  await sendResponse(outgoing, response, { warnings, isHead: incoming.method === 'HEAD' })
}

/** @returns undefined when nobody known asks, and has been told so */
async function authenticated(
  options: Served,
  incoming: IncomingMessage,
  { signal, outgoing }: { readonly signal: AbortSignal; readonly outgoing: ServerResponse },
): Promise<ApiRequest | undefined> {
  const [path, query] = splitOnce(incoming.url ?? '/', '?')
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) {
    await sendResponse(outgoing, BAD_ESCAPE, { warnings: [], isHead: false })
    return undefined
  }
  const user = options.authenticator.authenticate(
    incoming.socket as TLSSocket,
    incoming.headers.authorization,
  )
  if (!user && !PUBLIC_PATHS.has(path)) {
    await sendError(outgoing, unauthorized())
    return undefined
  }
  return {
    method: incoming.method ?? 'GET',
    path,
    query: new URLSearchParams(query),
    header: (name) => {
      const value = incoming.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    headersFrom: (prefix) =>
      Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
        values && name.startsWith(prefix) ? [[name, values] as const] : [],
      ),
    body: () => options.bodies.read(incoming, outgoing),
    incoming,
    user: user ?? ANONYMOUS,
    signal,
  }
}

/** Go's server does not hand such a request on. */
const BAD_ESCAPE: ApiResponse = { kind: 'text', status: 400, text: '400 Bad Request' }

const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
