import { type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIPv6 } from 'node:net'
import type { HTTPGetAction } from '../../../kube/index.ts'
import type { ProbeOutcome } from './outcome.ts'

interface Destination {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}

/** As many as Go's client, and so the kubelet, follows. */
const REDIRECTS_MAX = 10

/** One GET; every answer from 200 to 399 is a success, and a redirect is followed as long as the host stays the same. */
export async function httpGet(action: HTTPGetAction, destination: Destination): Promise<ProbeOutcome> {
  const { host, port } = destination
  const path = action.path ?? '/'
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http'
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  let url: URL
  try {
    url = new URL(`${scheme}://${authority}${path.startsWith('/') ? '' : '/'}${path}`)
  } catch {
    return { ok: false, message: `parse "${scheme}://${authority}${path}": invalid URL` }
  }
  const deadline = Date.now() + destination.timeoutMs
  for (let redirects = 0; ; redirects += 1) {
    const answer = await get(url, { action, authority, deadline })
    if (answer.kind === 'failed') return { ok: false, message: `Get "${url.href}": ${answer.message}` }
    const next = redirects < REDIRECTS_MAX ? redirectOf(answer, url) : undefined
    if (next === undefined) {
      return answer.status >= 200 && answer.status < 400
        ? { ok: true }
        : { ok: false, message: `HTTP probe failed with statuscode: ${answer.status}` }
    }
    url = next
  }
}

type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly location: string | undefined }
  | { readonly kind: 'failed'; readonly message: string }

function redirectOf(answer: Extract<Answer, { readonly kind: 'answered' }>, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(answer.status) || answer.location === undefined) return undefined
  const to = URL.canParse(answer.location, from.href) ? new URL(answer.location, from) : undefined
  return to?.hostname === from.hostname ? to : undefined
}

function get(
  url: URL,
  options: { readonly action: HTTPGetAction; readonly authority: string; readonly deadline: number },
): Promise<Answer> {
  const call = url.protocol === 'https:' ? httpsRequest : httpRequest
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return new Promise((resolve) => {
    const onAnswer = (response: IncomingMessage) => {
      resolve({
        kind: 'answered',
        status: response.statusCode ?? 0,
        location: response.headers.location,
      })
      response.destroy()
    }
    const fail = (message: string) => resolve({ kind: 'failed', message })
    const path = url.pathname + url.search
    const headers = headersOf(options.action, options.authority)
    // Kubernetes does not check the certificate of a probed port either.
    const request = call({ host, port, path, headers, agent: false, rejectUnauthorized: false }, onAnswer)
    const timer = setTimeout(
      () => {
        fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
        request.destroy()
      },
      Math.max(0, options.deadline - Date.now()),
    )
    request.on('close', () => clearTimeout(timer))
    request.on('error', (error) => fail(dialError(error, host, port)))
    request.end()
  })
}

/** The probe's own headers in their order; a name that stands there twice is sent twice. */
function headersOf(action: HTTPGetAction, authority: string): OutgoingHttpHeaders {
  const own = new Map<string, string[]>()
  for (const { name, value } of action.httpHeaders ?? [])
    own.set(name.toLowerCase(), [...(own.get(name.toLowerCase()) ?? []), value])
  const defaults = { host: authority, 'user-agent': 'kube-probe/1.35', accept: '*/*', connection: 'close' }
  const headers: OutgoingHttpHeaders = { ...defaults }
  for (const [name, values] of own) headers[name] = values.length === 1 ? (values[0] ?? '') : values
  // An empty value is how a probe says that it wants no such header.
  for (const name of ['user-agent', 'accept']) if (headers[name] === '') delete headers[name]
  return headers
}

/** In Go's words, which people search for. */
export function dialError(error: NodeJS.ErrnoException, host: string, port: number): string {
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  if (error.code === 'ECONNREFUSED') return `dial tcp ${address}: connect: connection refused`
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${address}: connect: no route to host`
  if (error.code === 'ENETUNREACH') return `dial tcp ${address}: connect: network is unreachable`
  if (error.code === 'ETIMEDOUT') return `dial tcp ${address}: i/o timeout`
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`
  if (error.code === 'ECONNRESET' && error.message === 'socket hang up') return 'EOF'
  if (error.code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`
  if (/wrong version number|packet length too long|http request/.test(error.message))
    return 'http: server gave HTTP response to HTTPS client'
  if (error.code?.startsWith('HPE_') === true)
    return `net/http: HTTP/1.x transport connection broken: malformed HTTP response`
  return error.message
}
