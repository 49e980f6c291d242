import { randomInt } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pathOf, send, sendError } from '../common/http.ts'
import { readJson } from './body.ts'
import { answerCors } from './cors.ts'
import { hashPassword, isPassword } from './password.ts'
import { StoreUnavailable } from './redis-client.ts'
import type { Tokens } from './token.ts'
import type { Users } from './users.ts'

export interface BackendOptions {
  readonly version: string
  readonly origins: ReadonlySet<string>
  readonly users: Users
  readonly tokens: Tokens
}

type Answer =
  | { readonly kind: 'json'; readonly value: object }
  | { readonly kind: 'error'; readonly status: number; readonly text: string }

type Endpoint = (app: BackendOptions, request: IncomingMessage) => Promise<Answer>
type TokenEndpoint = (app: BackendOptions, username: string) => Promise<Answer>

const GROUPS = ['alpha', 'beta'] as const
const USER_PATH = '/api/users/'

const INVALID = failure(400, 'Invalid request')
const UNAUTHORIZED = failure(401, 'Unauthorized')
const NO_SUCH_USER = failure(404, 'User not found')

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['/api/register', register],
  ['/api/login', login],
  ['/api/profile', withToken(profile)],
  ['/api/users', withToken(listUsers)],
  ['/api/version', async (app) => json({ version: app.version })],
  ['/api/health', health],
])

/** The backend as a request handler: the table of paths and methods, tokens, and errors as plain text. */
export function createBackend(
  app: BackendOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const version = headerValue(app.version)
  return async (request, response) => {
    response.setHeader('X-Version', version)
    if (answerCors(app.origins, request, response)) return
    const answer = await answerTo(app, request)
    if (answer.kind === 'error') {
      if (answer.status === 405) response.setHeader('Allow', 'DELETE, PUT')
      sendError(response, answer.status, answer.text)
    } else {
      send(response, 200, 'text/plain; charset=utf-8', `${JSON.stringify(answer.value)}\n`)
    }
  }
}

/** Header values are bytes: other letters travel as UTF-8, and a control character, which would end the header, as a blank. */
export function headerValue(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return Buffer.from(text.replace(/[\u0000-\u001f\u007f]/g, ' ')).toString('latin1')
}

async function answerTo(app: BackendOptions, request: IncomingMessage): Promise<Answer> {
  const path = pathOf(request)
  if (path === undefined) return failure(400, 'Bad Request')
  try {
    const endpoint = ENDPOINTS.get(path)
    if (endpoint !== undefined) return await endpoint(app, request)
    if (path.startsWith(USER_PATH)) return await oneUser(app, request, path.slice(USER_PATH.length))
    return failure(404, '404 page not found')
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    process.stderr.write(`backend: the store is unavailable: ${error.message}\n`)
    return failure(503, 'Store unavailable')
  }
}

async function register(app: BackendOptions, request: IncomingMessage): Promise<Answer> {
  const credentials = await readCredentials(request)
  if (credentials === undefined) return INVALID
  const taken = failure(409, 'User exists')
  if (await app.users.exists(credentials.username)) return taken
  const group = GROUPS[randomInt(GROUPS.length)] ?? GROUPS[0]
  const added = await app.users.add(credentials.username, await hashPassword(credentials.password), group)
  return added ? json({ group }) : taken
}

async function login(app: BackendOptions, request: IncomingMessage): Promise<Answer> {
  const credentials = await readCredentials(request)
  if (credentials === undefined) return INVALID
  const stored = await app.users.passwordHash(credentials.username)
  const isKnown = stored !== undefined && (await isPassword(credentials.password, stored))
  return isKnown
    ? json({ token: app.tokens.sign(credentials.username) })
    : failure(401, 'Invalid credentials')
}

async function profile(app: BackendOptions, username: string): Promise<Answer> {
  return json({ group: await app.users.group(username), username })
}

async function listUsers(app: BackendOptions): Promise<Answer> {
  const users = await app.users.list()
  return json({ total: users.length, users: users.length === 0 ? null : users })
}

async function oneUser(app: BackendOptions, request: IncomingMessage, name: string): Promise<Answer> {
  if (app.tokens.verify(request.headers.authorization) === undefined) return UNAUTHORIZED
  switch (request.method) {
    case 'DELETE':
      return (await app.users.remove(name)) ? json({ message: 'user deleted' }) : NO_SUCH_USER
    case 'PUT':
      return changePassword(app, request, name)
    default:
      return failure(405, 'Method not allowed')
  }
}

async function changePassword(app: BackendOptions, request: IncomingMessage, name: string): Promise<Answer> {
  const password = textMember(await readJson(request), 'password')
  if (password === undefined || password === '') return INVALID
  if (!(await app.users.exists(name))) return NO_SUCH_USER
  const changed = await app.users.setPasswordHash(name, await hashPassword(password))
  return changed ? json({ message: 'password updated' }) : NO_SUCH_USER
}

async function health(app: BackendOptions): Promise<Answer> {
  const status = (await app.users.isReachable()) ? 'ok' : 'degraded'
  return json({ status, timestamp: new Date().toISOString(), version: app.version })
}

function withToken(endpoint: TokenEndpoint): Endpoint {
  return async (app, request) => {
    const username = app.tokens.verify(request.headers.authorization)
    return username === undefined ? UNAUTHORIZED : endpoint(app, username)
  }
}

/** A member that is left out counts as empty, since names and passwords are not checked; one that is no text is an error. */
async function readCredentials(
  request: IncomingMessage,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  const body = await readJson(request)
  const username = textMember(body, 'username')
  const password = textMember(body, 'password')
  return username === undefined || password === undefined ? undefined : { username, password }
}

function textMember(body: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  if (body === undefined) return undefined
  const value = body[name] ?? ''
  return typeof value === 'string' ? value : undefined
}

function json(value: object): Answer {
  return { kind: 'json', value }
}

function failure(status: number, text: string): Answer {
  return { kind: 'error', status, text }
}
