import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Logger, messageOf } from '../../base/index.ts'
import type { KeyedCertificate, ServingCertificate } from '../identity/index.ts'

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly body: string
  /** It came from the control plane's own pod: a port-forward ends there. */
  readonly isLocal: boolean
  readonly token: string | undefined
}

/** @returns undefined when there is nothing at this path */
export type HttpHandler = (request: HttpRequest) => HttpAnswer | undefined | Promise<HttpAnswer | undefined>

export interface HttpEndpoint {
  readonly port: number
  readonly close: () => void
}

/** Kubernetes' own limit for an object is below this. */
const BODY_MAX_BYTES = 8 * 1024 * 1024

/** Listens with a handler; with a certificate over TLS. @param options.port 0 picks a free one */
export async function openHttp(options: {
  readonly address: string
  readonly port: number
  readonly certificate?: ServingCertificate
  readonly handler: HttpHandler
  readonly logger: Logger
}): Promise<HttpEndpoint> {
  const listener: RequestListener = (request, response) => {
    serve(request, response, options.handler).catch((error: unknown) => {
      options.logger.error('a request failed', { path: request.url, error: messageOf(error) })
      response.destroy()
    })
  }
  const { certificate } = options
  const server = certificate ? secureServer(certificate, listener) : createHttpServer(listener)
  server.requestTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`cannot listen on ${options.address}:${options.port}: ${error.message}`)),
    )
    server.listen(options.port, options.address, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Goes on with each new certificate; connections that are open stay. */
function secureServer(certificate: ServingCertificate, listener: RequestListener): Server {
  const context = ({ certificate: cert, key }: KeyedCertificate) => ({ cert, key })
  const server = createHttpsServer(context(certificate.current()), listener)
  certificate.onChange((next) => server.setSecureContext(context(next)))
  return server
}

export function json(value: unknown, status = 200): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

export function plain(body: string, status = 200): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handler: HttpHandler,
): Promise<void> {
  const body = await readBody(request)
  const answer =
    body === undefined ? plain('the body is too large\n', 413) : await respond(request, body, handler)
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
  })
  response.end(answer.body)
}

async function respond(request: IncomingMessage, body: string, handler: HttpHandler): Promise<HttpAnswer> {
  const path = (request.url ?? '/').replace(/\?.*$/, '')
  try {
    const { method = 'GET', headers, socket } = request
    const isLocal = LOOPBACK.test(socket.remoteAddress ?? '')
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
    return (await handler({ method, path, body, isLocal, token })) ?? plain('not found\n', 404)
  } catch (error) {
    return plain(`${messageOf(error)}\n`, 400)
  }
}

const LOOPBACK = /^(::ffff:)?127\.|^::1$/

/** @returns undefined when it is larger than allowed */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size > BODY_MAX_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
