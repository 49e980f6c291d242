import type { IncomingMessage, ServerResponse } from 'node:http'

const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS'])
const HEADERS: ReadonlySet<string> = new Set(['authorization', 'content-type'])
const ALWAYS_ALLOWED = 'http://localhost:3001'

/** @param list comma-separated origins, blanks around them ignored */
export function parseOrigins(list: string): ReadonlySet<string> {
  const origins = list.split(',').map((origin) => origin.trim())
  return new Set([ALWAYS_ALLOWED, ...origins.filter((origin) => origin !== '')])
}

/**
 * Sets the headers of the Fetch standard's CORS protocol, and answers a preflight.
 * @returns whether the request was a preflight, and so is answered
 */
export function answerCors(
  origins: ReadonlySet<string>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const asked = request.headers['access-control-request-method']
  const isPreflight = request.method === 'OPTIONS' && asked !== undefined
  response.setHeader(
    'Vary',
    isPreflight ? 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' : 'Origin',
  )
  const origin = request.headers.origin
  const isAllowed = origin !== undefined && origins.has(origin)
  if (isAllowed) {
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
  }
  if (!isPreflight) return false
  if (isAllowed) allowWhatIsAsked(response, asked, request.headers['access-control-request-headers'])
  response.writeHead(204).end()
  return true
}

function allowWhatIsAsked(response: ServerResponse, method: string, headers: string | undefined): void {
  const names = (headers ?? '').split(',').map((name) => name.trim())
  const given = names.filter((name) => name !== '')
  if (!METHODS.has(method) || !given.every((name) => HEADERS.has(name.toLowerCase()))) return
  response.setHeader('Access-Control-Allow-Methods', method)
  if (given.length > 0) response.setHeader('Access-Control-Allow-Headers', given.join(', '))
}
