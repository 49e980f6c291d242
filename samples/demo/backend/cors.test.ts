import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startProgram } from '../testing/program.ts'
import type { Program } from '../testing/program.ts'

const ALLOWED = 'http://allowed.example:8080'
let backend: Program

before(async () => {
  const ALLOWED_HOSTS = ` ${ALLOWED} ,, http://other.example`
  backend = await startProgram('backend/main.ts', {
    ALLOWED_HOSTS,
    REDIS_ADDR: '127.0.0.1:1',
    VERSION: '2.0.0',
  })
})

after(() => backend.stop())

async function ask(method: string, path: string, headers: Record<string, string>): Promise<Response> {
  const response = await fetch(backend.url + path, { method, headers })
  await response.arrayBuffer()
  return response
}

const CORS = ['origin', 'credentials', 'methods', 'headers'].map((name) => `access-control-allow-${name}`)
const corsOf = (response: Response): readonly (string | null)[] =>
  CORS.map((name) => response.headers.get(name))

test('an origin on the list, and http://localhost:3001 always, may read the answer', async () => {
  for (const origin of [ALLOWED, 'http://other.example', 'http://localhost:3001']) {
    const response = await ask('GET', '/api/version', { Origin: origin })
    assert.deepEqual(corsOf(response), [origin, 'true', null, null])
    assert.equal(response.headers.get('vary'), 'Origin')
  }
  assert.equal(corsOf(await ask('GET', '/api/nothing', { Origin: ALLOWED }))[0], ALLOWED)
})

test('any other origin is served as well, without these headers', async () => {
  for (const origin of ['http://allowed.example', 'https://allowed.example:8080', 'null']) {
    const response = await ask('GET', '/api/version', { Origin: origin })
    assert.equal(response.status, 200)
    assert.deepEqual(corsOf(response), [null, null, null, null])
  }
})

test('a preflight of an allowed origin is granted what it asks for', async () => {
  for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS']) {
    const asked = {
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': 'authorization, Content-Type',
    }
    const response = await ask('OPTIONS', '/api/users/x', { Origin: ALLOWED, ...asked })
    assert.equal(response.status, 204)
    assert.deepEqual(corsOf(response), [ALLOWED, 'true', method, 'authorization, Content-Type'])
    const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'
    assert.equal(response.headers.get('vary'), vary)
    assert.equal(response.headers.get('x-version'), '2.0.0')
  }
})

test('a preflight for another method, header or origin is 204 and grants nothing', async () => {
  const method = { 'Access-Control-Request-Method': 'PUT' }
  for (const headers of [
    { Origin: ALLOWED, 'Access-Control-Request-Method': 'PATCH' },
    { Origin: ALLOWED, ...method, 'Access-Control-Request-Headers': 'x-user' },
    { Origin: 'http://stranger.example', ...method },
    { ...method },
  ]) {
    const response = await ask('OPTIONS', '/api/users', headers)
    assert.equal(response.status, 204)
    assert.deepEqual(corsOf(response).slice(2), [null, null])
  }
})

test('OPTIONS that asks for no method is an ordinary request', async () => {
  assert.equal((await ask('OPTIONS', '/api/version', { Origin: ALLOWED })).status, 200)
})
