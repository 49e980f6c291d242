import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { goWords } from '../http/go-words.ts'
import type { ApiRequest, ApiResponse, ResourcePath } from '../request.ts'
import { serviceUnavailable } from '../status-error.ts'
import type { Target } from './proxy-target.ts'

/** As long as Go's dialer waits. */
const DIAL_TIMEOUT_MS = 30_000

/** Hands a request on, and its answer back, both unread. @throws StatusError 503 for a target that does not answer */
export async function askTarget(
  request: ApiRequest,
  path: ResourcePath,
  target: Target,
): Promise<ApiResponse> {
  const { below = '' } = path
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const upgrade = request.header('upgrade')
  if (below === '' && isRead && upgrade === undefined) return withSlash(request)
  const answer = await exchange(request, { target, upgrade, path: `${below || '/'}${queryOf(request)}` })
  const prefix = request.path.slice(0, request.path.length - below.length)
  const { message } = answer
  if (answer.kind === 'upgraded') return { kind: 'upgrade', serve: (client) => join(client, answer) }
  return {
    kind: 'relayed',
    status: message.statusCode ?? 502,
    statusText: message.statusMessage ?? '',
    rawHeaders: answerHeaders(message, { prefix, target, host: request.header('host') ?? '' }),
    body: message,
  }
}

/** Relative links of a page would lead beside the proxy without it. */
function withSlash(request: ApiRequest): ApiResponse {
  const location = `${request.path}/${queryOf(request)}`
  return { kind: 'text', status: 301, text: '', headers: { location } }
}

function queryOf({ incoming, query }: ApiRequest): string {
  const url = incoming?.url
  if (url === undefined) return query.size === 0 ? '' : `?${query.toString()}`
  const start = url.indexOf('?')
  return start < 0 ? '' : url.slice(start)
}

type Answer =
  | { readonly kind: 'answered'; readonly message: IncomingMessage }
  | {
      readonly kind: 'upgraded'
      readonly message: IncomingMessage
      readonly socket: Duplex
      readonly head: Buffer
    }

interface Exchange {
  readonly target: Target
  readonly upgrade: string | undefined
  readonly path: string
}

function exchange(request: ApiRequest, { target, upgrade, path }: Exchange): Promise<Answer> {
  const { host, port, isSecure } = target
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host,
    port,
    path,
    method: request.method,
    headers: requestHeaders(request, upgrade),
    setHost: false,
    agent: false,
    signal: request.signal,
    // Certificates of pods are their own affair, as in Kubernetes.
    rejectUnauthorized: false,
  }
  return new Promise((resolve, reject) => {
    const outgoing = isSecure ? httpsRequest(options) : httpRequest(options)
    outgoing.once('socket', (socket) => {
      socket.setTimeout(DIAL_TIMEOUT_MS, () =>
        outgoing.destroy(new Error(`dial tcp ${addressOf(target)}: i/o timeout`)),
      )
      socket.once(isSecure ? 'secureConnect' : 'connect', () => socket.setTimeout(0))
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      reject(serviceUnavailable(`error trying to reach service: ${goWords(error, addressOf(target))}`))
    })
    outgoing.once('response', (message) => resolve({ kind: 'answered', message }))
    outgoing.once('upgrade', (message, socket, head) => resolve({ kind: 'upgraded', message, socket, head }))
    if (upgrade !== undefined || !request.incoming) outgoing.end()
    // Whoever answers before it has read the body need not read it.
    else pipeline(request.incoming, outgoing).catch(reject)
  })
}

function addressOf({ host, port }: Target): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** Of one connection only; the other has its own. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function requestHeaders(request: ApiRequest, upgrade: string | undefined): string[] {
  const { incoming } = request
  if (!incoming) return ['host', 'kubernetes']
  const kept = endToEnd(incoming).filter(
    // Who asks has been found out here; their credentials are nothing for the target.
    ([name]) => name !== 'authorization' && !name.startsWith('impersonate-') && name !== 'x-forwarded-uri',
  )
  const hops = incoming.headers['x-forwarded-for']
  const client = incoming.socket.remoteAddress ?? ''
  return [
    ...kept.filter(([name]) => name !== 'x-forwarded-for').flatMap(([, ...pair]) => pair),
    'x-forwarded-for',
    hops === undefined ? client : `${String(hops)}, ${client}`,
    'x-forwarded-uri',
    request.path,
    ...(incoming.headers['transfer-encoding'] === undefined ? [] : ['transfer-encoding', 'chunked']),
    ...(upgrade === undefined ? [] : ['connection', 'Upgrade', 'upgrade', upgrade]),
  ]
}

/** The headers that are for the other end: each name in lower case, as it was sent, and its value. */
function endToEnd(message: IncomingMessage): readonly (readonly [string, string, string])[] {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  const { rawHeaders: raw } = message
  const all = raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), name, raw[index + 1] ?? ''] as const] : [],
  )
  return all.filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name))
}

interface Place {
  readonly prefix: string
  readonly target: Target
  readonly host: string
}

function answerHeaders(message: IncomingMessage, place: Place): readonly string[] {
  return endToEnd(message)
    .filter(([name]) => !name.startsWith('access-control-'))
    .flatMap(([lower, name, value]) => [name, lower === 'location' ? movedBelow(value, place) : value])
}

/** A redirection to the target's own paths, as it reads through the proxy. */
function movedBelow(location: string, { prefix, target, host }: Place): string {
  const absolute = /^(?:https?:)?\/\/([^/?#]*)(.*)$/i.exec(location)
  const authority = absolute?.[1]
  const rest = absolute ? (absolute[2] ?? '') : location
  const isElsewhere = authority !== undefined && authority !== host && authority !== addressOf(target)
  if (isElsewhere || !rest.startsWith('/') || rest.startsWith(`${prefix}/`)) return location
  return `${prefix}${rest}`
}

/** Joins two connections that speak a protocol of their own from now on. */
async function join(
  client: { readonly socket: Duplex; readonly head: Buffer },
  { message, socket, head }: Extract<Answer, { readonly kind: 'upgraded' }>,
): Promise<void> {
  const lines = message.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${message.rawHeaders[index + 1]}`] : [],
  )
  const near = client.socket
  near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
  if (head.length > 0) near.write(head)
  if (client.head.length > 0) socket.write(client.head)
  // What breaks one of them ends the other.
  socket.on('error', () => near.destroy())
  near.once('close', () => socket.destroy())
  socket.once('close', () => near.end())
  near.pipe(socket)
  socket.pipe(near)
  await finished(near).catch(() => {})
}
