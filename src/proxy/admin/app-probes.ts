import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type Clock, type Logger, messageOf, onDemand, unreachable } from '../../base/index.ts'
import type { ProxyThread, WorkCounter } from '../exchange/types.ts'
import type { AppProber, AppProbers } from '../host/app-probers.ts'
import { openStream } from '../net/network-stream.ts'
import type { Network } from '../net/network.ts'
import { createProbe } from '../upstream/probe.ts'
import { text } from './answers.ts'
import type { AdminAnswer } from './types.ts'

const http = onDemand<typeof import('node:http')>(import.meta, 'node:http')
const tls = onDemand<typeof import('node:tls')>(import.meta, 'node:tls')

/** Asks the application what the kubelet asks the proxy for. */
export interface AppProbes {
  /** @returns undefined for a path that is not one of a probe or hook */
  readonly answer: (path: string, request: ProbeRequest) => Promise<AdminAnswer> | undefined
}

/** What is asked, and until when: the signal is aborted when the kubelet has gone. */
export interface ProbeRequest {
  readonly headers: IncomingHttpHeaders
  readonly signal: AbortSignal
}

export interface AppProbesOptions {
  readonly probers: AppProbers
  /** The port that the kubelet asks at, which is not to be seen in what the application is asked. */
  readonly agentPort: number
  /** The pod's, where the application listens. */
  readonly address: string
  /** From here what reaches the application is not captured. */
  readonly localAddress: string | undefined
  readonly network: Network
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly clock: Clock
  readonly logger: Logger
}

/** Hooks have no time of their own. */
const TIMEOUT_MS_MAX = 300_000
/** As many as the kubelet follows. */
const REDIRECTS_MAX = 10
/** So much of the application's answer the kubelet shows. */
const BODY_BYTES_MAX = 10 * 1024

/**
 * The agent's part in the probes of a pod with a sidecar: from the pod itself, and past the capture, it asks what the
 * kubelet would have asked, and hands its answer on.
 * @see Istio "Health Checking of Istio Services"
 */
export function createAppProbes(options: AppProbesOptions): AppProbes {
  const { probers, clock, logger } = options
  // The kubelet says no more than a status: the reason stands in the log, once as long as it stays the same.
  const lastFailures = new Map<string, string>()

  function note(path: string, failure: string): void {
    if (failure !== '' && lastFailures.get(path) !== failure) logger.warn(`${path}: ${failure}`)
    lastFailures.set(path, failure)
  }

  async function ask(path: string, prober: AppProber, request: ProbeRequest): Promise<AdminAnswer> {
    const deadline = new AbortController()
    const timeoutMs = prober.timeoutMs ?? TIMEOUT_MS_MAX
    const cancel = clock.after(timeoutMs, () =>
      deadline.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
    )
    const signal = AbortSignal.any([deadline.signal, request.signal])
    try {
      const answer = await askApplication(prober, { ...request, signal }, options)
      note(path, answer.status < 400 ? '' : `the application answers ${answer.status}`)
      return answer
    } catch (error) {
      if (!request.signal.aborted) note(path, `the application cannot be asked: ${messageOf(error)}`)
      return text('', 500)
    } finally {
      cancel()
    }
  }

  return {
    answer(path, request) {
      if (!/^\/app-(health|lifecycle)\//.test(path)) return undefined
      const prober = Object.hasOwn(probers, path) ? probers[path] : undefined
      if (prober !== undefined) return ask(path, prober, request)
      return Promise.resolve(text(`app prober config does not exists for ${path}`, 400))
    },
  }
}

function askApplication(
  prober: AppProber,
  request: ProbeRequest,
  options: AppProbesOptions,
): Promise<AdminAnswer> {
  switch (prober.kind) {
    case 'http':
      return askHttp(prober, request, options)
    case 'tcp':
    case 'grpc':
      return lookAt(prober, request.signal, options)
    default:
      return unreachable(prober)
  }
}

/** As for a cluster's health checks: it can be connected to, or says that it serves. */
function lookAt(
  prober: Extract<AppProber, { kind: 'tcp' | 'grpc' }>,
  signal: AbortSignal,
  options: AppProbesOptions,
): Promise<AdminAnswer> {
  const { address, localAddress, network, thread, work } = options
  const local = localAddress === undefined ? {} : { localAddress }
  const { port } = prober
  const once = { intervalMs: 0, timeoutMs: 0, healthyThreshold: 1, unhealthyThreshold: 1 }
  const probe = createProbe({ ...once, probe: prober }, { thread, work, usesHttp2: () => true })
  const host = {
    address: authorityOf(address, port),
    openProbe: (_protocol: unknown, onread: Parameters<Network['connect']>[0]['onread']) =>
      network.connect({ address, port, ...local, onread }),
  }
  return new Promise((resolve, reject) => {
    const giveUp = probe(host, (outcome) => {
      if (outcome === 'silent') reject(new Error(`nobody answers at ${host.address}`))
      else resolve(text('', outcome === 'healthy' ? 200 : 500))
    })
    signal.addEventListener('abort', () => {
      giveUp()
      reject(signal.reason as Error)
    })
  })
}

async function askHttp(
  prober: Extract<AppProber, { kind: 'http' }>,
  request: ProbeRequest,
  options: AppProbesOptions,
): Promise<AdminAnswer> {
  const scheme = prober.isTls ? 'https' : 'http'
  let url = new URL(`${scheme}://${authorityOf(options.address, prober.port)}${prober.path}`)
  let headers = headersFor(request.headers, prober.port, options.agentPort)
  for (let redirects = 0; ; redirects++) {
    const answer = await get({ url, headers, signal: request.signal }, options)
    const status = answer.statusCode ?? 0
    const to = redirectOf(answer, url)
    if (to === undefined || to.hostname !== url.hostname) {
      const body = await readBody(answer)
      // Leading elsewhere is success enough, for the kubelet too.
      return status >= 300 && status < 400 ? text('') : { ...text(body, status), ...typeOf(answer) }
    }
    answer.destroy()
    if (redirects === REDIRECTS_MAX - 1) throw new Error(`more than ${REDIRECTS_MAX} redirects`)
    url = to
    headers = { ...headers, host: to.host }
  }
}

/** What the kubelet sends, with what is said of this connection replaced. */
function headersFor(headers: IncomingHttpHeaders, port: number, agentPort: number): OutgoingHttpHeaders {
  const { host = '', connection: _connection, 'content-length': _length, ...rest } = headers
  const suffix = `:${agentPort}`
  const own = host.endsWith(suffix) ? `${host.slice(0, -suffix.length)}:${port}` : host
  return { ...rest, host: own, connection: 'close' }
}

function redirectOf(answer: IncomingMessage, from: URL): URL | undefined {
  const { location } = answer.headers
  if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || location === undefined) return undefined
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined
}

function get(
  question: { readonly url: URL; readonly headers: OutgoingHttpHeaders; readonly signal: AbortSignal },
  options: AppProbesOptions,
): Promise<IncomingMessage> {
  const { url, headers, signal } = question
  return new Promise((resolve, reject) => {
    const request = http().request({
      path: url.pathname + url.search,
      headers,
      signal,
      createConnection: () => connect(url, options),
    })
    request.on('response', resolve)
    request.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
    request.end()
  })
}

/** The kubelet does not look at certificates either. */
function connect(url: URL, options: AppProbesOptions): Duplex | TLSSocket {
  const { address, localAddress, network } = options
  const isTls = url.protocol === 'https:'
  const port = Number(url.port || (isTls ? 443 : 80))
  const local = localAddress === undefined ? {} : { localAddress }
  const stream = openStream(network, { address, port, ...local })
  if (!isTls) return stream
  return tls().connect({ socket: stream, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
}

async function readBody(answer: IncomingMessage): Promise<string> {
  let body = ''
  answer.setEncoding('utf8')
  // Leaving the loop closes the connection.
  for await (const chunk of answer as AsyncIterable<string>) {
    body += chunk
    if (body.length >= BODY_BYTES_MAX) break
  }
  return body.slice(0, BODY_BYTES_MAX)
}

function typeOf(answer: IncomingMessage): { readonly type?: string } {
  const type = answer.headers['content-type']
  return type === undefined ? {} : { type }
}

function authorityOf(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`
}
