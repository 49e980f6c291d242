import type { CorsPolicy } from '../../../model/index.ts'
import { sendLocalReply } from '../../exchange/local-reply.ts'
import type { Exchange, ResponseFilter } from '../../exchange/types.ts'
import { dropField } from '../../http1/head-block.ts'
import { hashName } from '../../http1/known-fields.ts'
import type { HttpFilterFactory } from '../order.ts'

/**
 * Answers a browser's question whether a script of another origin may send a request (preflight), and says so on the
 * answers to the requests themselves. The application's own CORS fields give way (Envoy's CORS filter).
 */
export const corsFilter: HttpFilterFactory = (route) => {
  const policy = route.filters.findLast((filter) => filter.kind === 'cors')
  if (policy === undefined) return undefined
  const exposed =
    policy.exposeHeaders.length === 0
      ? ''
      : `access-control-expose-headers: ${policy.exposeHeaders.join(',')}\r\n`
  return {
    request(exchange) {
      const origin = exchange.header('origin')
      if (origin === undefined || origin === '') return 'continue'
      const method = exchange.header('access-control-request-method')
      const isPreflight = exchange.method === 'OPTIONS' && method !== undefined && method !== ''
      if (!policy.allowsOrigin(origin)) {
        if (!isPreflight || policy.forwardUnmatched) return 'continue'
        answer(exchange, '')
        return 'stop'
      }
      const allowed = originLines(policy, origin)
      if (isPreflight) {
        answer(exchange, allowed + exposed + preflightLines(policy, exchange, method))
        return 'stop'
      }
      exchange.responseLines += allowed + exposed
      exchange.responseFilter = dropOwn
      return 'continue'
    },
  }
}

/** Two answers to one question would be none: browsers refuse them. */
const dropOwn: ResponseFilter = (_exchange, block) => {
  for (const { name, hash } of OWN_FIELDS) dropField(block, name, hash)
}

const OWN_FIELDS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
].map((name) => ({ name, hash: hashName(name) }))

function originLines(policy: CorsPolicy, origin: string): string {
  const credentials = policy.allowCredentials ? 'access-control-allow-credentials: true\r\n' : ''
  return `access-control-allow-origin: ${origin}\r\n${credentials}`
}

function preflightLines(policy: CorsPolicy, exchange: Exchange, method: string): string {
  const headers = listText(policy, policy.allowHeaders, exchange.header('access-control-request-headers'))
  const methods = listText(policy, policy.allowMethods, method)
  const { maxAgeSeconds } = policy
  return (
    (methods === '' ? '' : `access-control-allow-methods: ${methods}\r\n`) +
    (headers === '' ? '' : `access-control-allow-headers: ${headers}\r\n`) +
    (maxAgeSeconds === undefined ? '' : `access-control-max-age: ${maxAgeSeconds}\r\n`)
  )
}

/** With credentials browsers take `*` by the letter, so that what was asked for is named instead. */
function listText(policy: CorsPolicy, allowed: readonly string[], asked: string | undefined): string {
  if (!policy.allowCredentials || allowed.length !== 1 || allowed[0] !== '*') return allowed.join(',')
  return asked ?? ''
}

function answer(exchange: Exchange, lines: string): void {
  sendLocalReply(exchange, { status: 200, body: '', flags: 0, details: 'cors_response', lines })
}
