import { messageOf } from '../../base/index.ts'
import { BUILT_IN_KINDS } from '../../kube/index.ts'
import { checkPathAccess } from './auth/check-access.ts'
import { impersonate } from './auth/impersonation.ts'
import type { ServerContext } from './context.ts'
import type { Discovery } from './discovery.ts'
import { dispatchResource } from './dispatch.ts'
import type { OpenApi } from './openapi.ts'
import type { ApiRequest, ApiResponse } from './request.ts'
import { internalError, methodNotAllowed, StatusError, unknownPath } from './status-error.ts'

/** The version of Kubernetes whose behaviour this server has. */
const VERSION = {
  major: '1',
  minor: '35',
  emulationMajor: '1',
  emulationMinor: '35',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '34',
  gitVersion: 'v1.35.2+lateen',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
} as const

/** Paths that anybody may read, as in Kubernetes (the role system:public-info-viewer). */
export const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/version'])

export interface Routes {
  /** Never rejects: what goes wrong becomes a Status. */
  readonly handle: (
    request: ApiRequest,
  ) => Promise<{ readonly response: ApiResponse; readonly warnings: readonly string[] }>
}

export function createRoutes(context: ServerContext, discovery: Discovery, openApi: OpenApi): Routes {
  return {
    async handle(request) {
      const warnings: string[] = []
      try {
        const response = await route(context, { discovery, openApi }, request, (message) =>
          warnings.push(message),
        )
        return { response, warnings }
      } catch (error) {
        return { response: toResponse(context, request, error), warnings }
      }
    },
  }
}

async function route(
  context: ServerContext,
  documents: { readonly discovery: Discovery; readonly openApi: OpenApi },
  received: ApiRequest,
  warn: (message: string) => void,
): Promise<ApiResponse> {
  const request = impersonate(context.authorizer.authorize, received)
  const resource = await dispatchResource(context, request, warn)
  if (resource) return resource
  checkPathAccess(context.authorizer, request)
  const found = readDocument(context, documents, request)
  if (!found) return PAGE_NOT_FOUND
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed()
  return found
}

/** Where there is no handler at all, Go's router answers. */
const PAGE_NOT_FOUND: ApiResponse = { kind: 'text', status: 404, text: '404 page not found\n' }

function readDocument(
  context: ServerContext,
  { discovery, openApi }: { readonly discovery: Discovery; readonly openApi: OpenApi },
  request: ApiRequest,
): ApiResponse | undefined {
  const path = trimSlash(request.path)
  const found = discovery.document(path, request.header('accept'))
  if (found) return { kind: 'object', status: 200, ...found }
  if (path.startsWith('/openapi/')) return openApi.respond(path, request)
  switch (path) {
    case '/healthz':
    case '/livez':
    case '/readyz':
      return { kind: 'text', status: 200, text: 'ok' }
    case '/version':
      return { kind: 'object', status: 200, object: VERSION }
    case '/openid/v1/jwks':
      return {
        kind: 'object',
        status: 200,
        object: context.tokens.jwks(),
        contentType: 'application/jwk-set+json',
      }
    case '/.well-known/openid-configuration':
      return { kind: 'object', status: 200, object: openIdConfiguration(context) }
    case '':
      return { kind: 'object', status: 200, object: { paths: rootPaths(context) } }
    default:
      if (isBelowOwnGroup(path)) throw unknownPath()
      return undefined
  }
}

const OWN_GROUPS: ReadonlySet<string> = new Set(BUILT_IN_KINDS.map(({ group }) => group))

/** Kubernetes routes what is below a group of its own, in whatever version, to the handler of that group's resources. */
function isBelowOwnGroup(path: string): boolean {
  const [, root, first, second] = path.split('/')
  if (root === 'api') return first !== undefined
  return root === 'apis' && second !== undefined && OWN_GROUPS.has(first ?? '')
}

function openIdConfiguration({ tokens }: ServerContext) {
  return {
    issuer: tokens.issuer,
    jwks_uri: `${tokens.issuer}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
}

function rootPaths({ resources }: ServerContext): readonly string[] {
  const apis = resources.groups().flatMap(({ group, versions }) => {
    const base = group === '' ? '/api' : `/apis/${group}`
    return [base, ...versions.map(({ version }) => `${base}/${version}`)]
  })
  return [...new Set([...apis, '/apis', ...PUBLIC_PATHS, '/openapi/v2', '/openapi/v3'])].sort()
}

function toResponse(context: ServerContext, request: ApiRequest, error: unknown): ApiResponse {
  if (error instanceof StatusError) {
    const { code, details } = error.status
    const wait = details?.retryAfterSeconds
    const headers = wait === undefined ? {} : { headers: { 'retry-after': String(wait) } }
    return { kind: 'object', status: code, object: { ...error.status }, ...headers }
  }
  if (request.signal.aborted) return { kind: 'text', status: 499, text: 'the client went away' }
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  context.logger.error('a request failed', {
    method: request.method,
    path: request.path,
    error: messageOf(error),
    stack: stack.split('\n').slice(1, 4).join(' '),
  })
  const { status } = internalError(messageOf(error))
  return { kind: 'object', status: 500, object: { ...status } }
}

function trimSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
