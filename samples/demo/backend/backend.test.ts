import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as openRequest } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { freePort, startProgram } from '../testing/program.ts'
import type { Program } from '../testing/program.ts'
import { createTokens } from './token.ts'

const VERSION = '1.0.0.'
const KEY = 'key-of-the-test'
const tokens = createTokens(KEY, Date.now)

let redis: Program
let backend: Program

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

async function call(
  method: string,
  path: string,
  options: {
    readonly token?: string
    readonly body?: unknown
    readonly raw?: string
    readonly to?: Program
  } = {},
): Promise<Answer> {
  const headers: Record<string, string> = {}
  if (options.token !== undefined) headers['Authorization'] = `Bearer ${options.token}`
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body))
  const init = body === undefined ? { method, headers } : { method, headers, body }
  const response = await fetch((options.to ?? backend).url + path, init)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

async function expectError(answer: Promise<Answer>, status: number, text: string): Promise<void> {
  const { status: got, text: line, headers } = await answer
  assert.deepEqual({ status: got, line }, { status, line: `${text}\n` })
  assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('x-version'), VERSION)
  assert.match(headers.get('vary') ?? '', /\bOrigin\b/)
}

async function register(username: string, password: string): Promise<string> {
  const { status, text } = await call('POST', '/api/register', { body: { username, password } })
  assert.equal(status, 200, text)
  const { group } = JSON.parse(text) as { readonly group: string }
  assert.match(group, /^(?:alpha|beta)$/)
  return group
}

async function login(username: string, password: string): Promise<string> {
  const { status, text } = await call('POST', '/api/login', { body: { username, password } })
  assert.equal(status, 200, text)
  return (JSON.parse(text) as { readonly token: string }).token
}

before(async () => {
  redis = await startProgram('redis/main.ts', { ALLOW_EMPTY_PASSWORD: 'yes' })
  const REDIS_ADDR = `127.0.0.1:${redis.port}`
  backend = await startProgram('backend/main.ts', { VERSION, REDIS_ADDR, JWT_KEY: KEY })
})

after(async () => {
  await Promise.all([backend.stop(), redis.stop()])
})

describe('answers of every kind', () => {
  test('the version is reported exactly as given, as compact JSON of exact length in plain text', async () => {
    const { status, headers, text } = await call('GET', '/api/version')
    assert.deepEqual({ status, text }, { status: 200, text: '{"version":"1.0.0."}\n' })
    assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(headers.get('content-length'), '21')
    assert.equal(headers.get('x-version'), VERSION)
    assert.equal(headers.get('vary'), 'Origin')
  })

  test('an unknown path is 404 with the text "404 page not found"', async () => {
    for (const path of ['/', '/api', '/api/', '/api/version/', '/api/nothing', '/status']) {
      await expectError(call('GET', path), 404, '404 page not found')
    }
  })

  test('handlers take any method', async () => {
    assert.equal((await call('POST', '/api/version')).status, 200)
    assert.equal((await call('OPTIONS', '/api/health')).status, 200)
    await expectError(call('GET', '/api/register'), 400, 'Invalid request')
    const head = await call('HEAD', '/api/version')
    assert.deepEqual([head.status, head.text, head.headers.get('content-length')], [200, '', '21'])
  })

  test('a request that is no HTTP is answered with the version too', async () => {
    const { connect } = await import('node:net')
    const socket = connect(backend.port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    await once(socket, 'close')
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 [^]*X-Version: 1\.0\.0\.\r\n/)
  })

  test('each request leaves one line on standard output', async () => {
    await call('GET', '/api/version?mark=7')
    await backend.until(/^\S+Z 127\.0\.0\.1 GET \/api\/version\?mark=7 200 \d+\.\dms$/m)
  })

  test('a connection is kept for the next request', async () => {
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const reused: boolean[] = []
    for (let round = 0; round < 2; round += 1) {
      const request = openRequest(`${backend.url}/api/version`, { agent }).end()
      const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
      response.resume()
      await once(response, 'end')
      reused.push(request.reusedSocket)
      await new Promise((resolve) => setImmediate(resolve))
    }
    agent.destroy()
    assert.deepEqual(reused, [false, true])
  })
})

describe('register and login', () => {
  test('a registered user has a group, and cannot be registered again', async () => {
    await register('twice', 'secret')
    await expectError(
      call('POST', '/api/register', { body: { username: 'twice', password: 'x' } }),
      409,
      'User exists',
    )
  })

  test('of two registrations of one name at once, one wins', async () => {
    const body = { username: 'race', password: 'x' }
    const answers = await Promise.all([1, 2].map(() => call('POST', '/api/register', { body })))
    assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200, 409]))
  })

  test('a body that is missing, no JSON, no object, or with a name that is no text is 400', async () => {
    for (const path of ['/api/register', '/api/login']) {
      await expectError(call('POST', path), 400, 'Invalid request')
      for (const raw of ['{', 'null', '[]', '"text"', '{"username":7,"password":"x"}', ' '.repeat(70_000)]) {
        await expectError(call('POST', path, { raw }), 400, 'Invalid request')
      }
    }
  })

  test('unknown members are ignored, and names are not checked', async () => {
    const odd = { username: ' ü/{}\r\n"*', password: '', colour: 'red' }
    assert.equal((await call('POST', '/api/register', { body: odd })).status, 200)
    assert.equal((await call('POST', '/api/login', { body: odd })).status, 200)
  })

  test('the token is a JWT as the walkthrough shows it', async () => {
    await register('jonathan', '123')
    const token = await login('jonathan', '123')
    const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString())
    assert.equal(header, '{"alg":"HS256","typ":"JWT"}')
    assert.match(claims ?? '', /^\{"exp":\d{10},"iss":"demo-app","username":"jonathan"\}$/)
    assert.equal(token.split('.')[0], 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9')
    assert.equal(tokens.verify(token), 'jonathan')
  })

  test('an unknown user and a wrong password are told alike', async () => {
    await register('known', 'right')
    for (const body of [
      { username: 'known', password: 'wrong' },
      { username: 'nobody', password: 'right' },
    ]) {
      await expectError(call('POST', '/api/login', { body }), 401, 'Invalid credentials')
    }
  })
})

describe('with a token', () => {
  test('without a good token every such path is 401', async () => {
    for (const [method, path] of [
      ['GET', '/api/profile'],
      ['GET', '/api/users'],
      ['DELETE', '/api/users/x'],
      ['PUT', '/api/users/x'],
      ['GET', '/api/users/x'],
    ] as const) {
      await expectError(call(method, path), 401, 'Unauthorized')
      await expectError(call(method, path, { token: 'nonsense' }), 401, 'Unauthorized')
    }
  })

  test('the profile tells group and name', async () => {
    const group = await register('profiled', 'p')
    const { text } = await call('GET', '/api/profile', { token: await login('profiled', 'p') })
    assert.equal(text, `{"group":"${group}","username":"profiled"}\n`)
  })

  test('the list has every user with name before group, and their number', async () => {
    const group = await register('listed', 'p')
    const { text } = await call('GET', '/api/users', { token: tokens.sign('anybody') })
    const list = JSON.parse(text) as { readonly total: number; readonly users: readonly unknown[] }
    assert.equal(list.total, list.users.length)
    assert.match(text, /^\{"total":\d+,"users":\[/)
    assert.ok(text.includes(`{"username":"listed","group":"${group}"}`), text)
  })

  test('a deleted user is gone, keeps the token, and has an empty group', async () => {
    const name = 'to be/deleted'
    await register(name, 'p')
    const token = await login(name, 'p')
    const path = `/api/users/${encodeURIComponent(name)}`
    assert.equal((await call('DELETE', path, { token })).text, '{"message":"user deleted"}\n')
    await expectError(call('DELETE', path, { token }), 404, 'User not found')
    await expectError(
      call('POST', '/api/login', { body: { username: name, password: 'p' } }),
      401,
      'Invalid credentials',
    )
    assert.equal((await call('GET', '/api/profile', { token })).text, `{"group":"","username":"${name}"}\n`)
  })

  test('a changed password replaces the old one', async () => {
    await register('changing', 'old')
    const token = tokens.sign('somebody')
    const answer = await call('PUT', '/api/users/changing', { token, body: { password: 'new' } })
    assert.equal(answer.text, '{"message":"password updated"}\n')
    await login('changing', 'new')
    const body = { username: 'changing', password: 'old' }
    await expectError(call('POST', '/api/login', { body }), 401, 'Invalid credentials')
  })

  test('a password that is missing or empty is 400 before an unknown user is 404', async () => {
    const token = tokens.sign('somebody')
    for (const raw of ['', '{', '{}', '{"password":""}', '{"password":1}']) {
      await expectError(call('PUT', '/api/users/unknown', { token, raw }), 400, 'Invalid request')
    }
    await expectError(
      call('PUT', '/api/users/unknown', { token, body: { password: 'p' } }),
      404,
      'User not found',
    )
  })

  test('other methods on one user are 405', async () => {
    for (const method of ['GET', 'POST', 'PATCH']) {
      await expectError(call(method, '/api/users/x', { token: tokens.sign('x') }), 405, 'Method not allowed')
    }
  })

  test('the bare token is taken without the word Bearer', async () => {
    const headers = { Authorization: tokens.sign('bare') }
    const response = await fetch(`${backend.url}/api/profile`, { headers })
    assert.equal(response.status, 200)
  })
})

test('health tells the state of the store, the time and the version', async () => {
  const { status, text } = await call('GET', '/api/health')
  assert.equal(status, 200)
  assert.match(
    text,
    /^\{"status":"ok","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z","version":"1\.0\.0\."\}\n$/,
  )
})

test('a token of one version is good at the other', async () => {
  const two = await startProgram('backend/main.ts', {
    VERSION: '2.0.0',
    REDIS_ADDR: `127.0.0.1:${redis.port}`,
  })
  const three = await startProgram('backend/main.ts', { REDIS_ADDR: `127.0.0.1:${redis.port}` })
  await call('POST', '/api/register', { body: { username: 'wanderer', password: 'p' }, to: two })
  const { text } = await call('POST', '/api/login', {
    body: { username: 'wanderer', password: 'p' },
    to: two,
  })
  const { token } = JSON.parse(text) as { readonly token: string }
  assert.equal((await call('GET', '/api/profile', { token, to: three })).status, 200)
  assert.equal((await call('GET', '/api/version', { to: three })).text, '{"version":"dev"}\n')
  await Promise.all([two.stop(), three.stop()])
})

test('the backend serves without its store, and finds it by itself when it comes, goes and comes again', async () => {
  const port = await freePort()
  const alone = await startProgram('backend/main.ts', { VERSION, REDIS_ADDR: `127.0.0.1:${port}` })
  const status = async (): Promise<string> => {
    const { text } = await call('GET', '/api/health', { to: alone })
    return (JSON.parse(text) as { readonly status: string }).status
  }
  assert.equal(await status(), 'degraded')
  const body = { username: 'u', password: 'p' }
  await expectError(call('POST', '/api/register', { body, to: alone }), 503, 'Store unavailable')
  for (let round = 0; round < 2; round += 1) {
    const store = await startProgram('redis/main.ts', { ALLOW_EMPTY_PASSWORD: 'yes', PORT: String(port) })
    assert.equal(await status(), 'ok')
    // A new store is empty, and a list without users says null.
    const list = await call('GET', '/api/users', {
      token: createTokens('lateen-demo-app-signing-key', Date.now).sign('x'),
      to: alone,
    })
    assert.equal(list.text, '{"total":0,"users":null}\n')
    await store.stop()
    assert.equal(await status(), 'degraded')
  }
  await alone.stop()
})

test('at SIGTERM the requests in hand are finished, and the program ends by itself with status 0', async () => {
  const leaving = await startProgram('backend/main.ts', { VERSION, REDIS_ADDR: `127.0.0.1:${redis.port}` })
  const request = openRequest(`${leaving.url}/api/register`, { method: 'POST', agent: false })
  const body = JSON.stringify({ username: 'last', password: 'p' })
  request.setHeader('Content-Length', body.length)
  request.write(body.slice(0, 5))
  await once(request, 'socket')
  await call('GET', '/api/version', { to: leaving })
  const stopped = leaving.stop()
  request.end(body.slice(5))
  const [response] = (await once(request, 'response')) as [
    NodeJS.ReadableStream & { readonly statusCode: number },
  ]
  response.resume()
  assert.equal(response.statusCode, 200)
  assert.equal(await stopped, 0)
})
