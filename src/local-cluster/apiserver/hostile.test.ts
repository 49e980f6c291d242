import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { at } from './json.ts'
import { startTestServer, type TestServer } from './testing.ts'

let its: TestServer
let port: number
before(async () => {
  its = await startTestServer()
  port = await its.server.listen({ host: '127.0.0.1', port: 0 })
})
after(() => its.stop())

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

interface Answer {
  readonly status: number
  readonly message: string
}

function send(
  method: string,
  path: string,
  body = Buffer.alloc(0),
  contentType = 'application/json',
): Promise<Answer> {
  const { certificate: cert, key } = its.pki.admin
  const headers = { 'content-type': contentType, 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      ca: its.pki.caCertificate,
      cert,
      key,
      headers,
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const status: unknown = JSON.parse(Buffer.concat(chunks).toString())
        resolve({ status: response.statusCode ?? 0, message: String(at(status, 'message')) })
      })
    })
    asked.end(body)
  })
}

const bodies: readonly { what: string; body: string | Buffer; status: number; message: RegExp }[] = [
  { what: 'cut off', body: '{"metadata":', status: 400, message: /json parse error/ },
  { what: 'not UTF-8', body: Buffer.from([0xff, 0xfe]), status: 400, message: /not valid UTF-8/ },
  { what: 'a list', body: '[1]', status: 400, message: /cannot unmarshal array into Go value/ },
  { what: 'empty', body: '', status: 400, message: /unexpected end of JSON input/ },
  {
    what: 'nested a million times',
    body: `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`,
    status: 400,
    message: /nested deeper than/,
  },
  {
    what: 'aimed at prototypes',
    body: '{"metadata":{"name":"p"},"data":{"__proto__":"x"}}',
    status: 400,
    message: /"__proto__" is not allowed/,
  },
  {
    what: 'of the wrong types',
    body: '{"metadata":{"name":5}}',
    status: 400,
    message: /cannot unmarshal number into Go struct field ObjectMeta\.metadata\.name of type string/,
  },
  {
    what: 'of another kind',
    body: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"q"}}',
    status: 400,
    message: /^Pod in version "v1" cannot be handled as a ConfigMap/,
  },
]

for (const { what, body, status, message } of bodies) {
  test(`a body that is ${what} is refused with ${status}`, async () => {
    const answer = await send('POST', CONFIG_MAPS, Buffer.from(body))
    assert.equal(answer.status, status)
    assert.match(answer.message, message)
  })
}

test('paths that walk or hide a slash are none', async () => {
  for (const path of [
    '/api/v1/namespaces/%2e%2e/pods',
    '/api/v1/namespaces/a%2fb/pods',
    '/api/v1//pods',
    '/api/v1/%00',
  ]) {
    assert.equal((await send('GET', path)).status, 404, path)
  }
})

test('methods, media types and parameters that do not exist have their own answers', async () => {
  assert.equal((await send('POST', '/api')).status, 405)
  assert.equal((await send('OPTIONS', CONFIG_MAPS)).status, 405)
  assert.equal((await send('POST', CONFIG_MAPS, Buffer.from('{}'), 'text/plain')).status, 415)
  assert.equal((await send('PATCH', `${CONFIG_MAPS}/x`, Buffer.from('{}'))).status, 415)
  assert.equal((await send('GET', `${CONFIG_MAPS}?limit=x`)).status, 400)
  assert.equal((await send('GET', `${CONFIG_MAPS}?continue=x`)).status, 400)
  assert.equal((await send('GET', `${CONFIG_MAPS}?labelSelector=a%20b`)).status, 400)
})

test('a connection on which nobody speaks does not hold up the end', { timeout: 8_000 }, async () => {
  const other = await startTestServer()
  const silent = connect(await other.server.listen({ host: '127.0.0.1', port: 0 }), '127.0.0.1')
  await once(silent, 'connect')
  silent.on('error', () => {}) // it is cut off
  const closed = once(silent, 'close')
  await other.stop()
  await closed
})
