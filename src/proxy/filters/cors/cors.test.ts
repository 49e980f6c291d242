import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { CorsPolicy } from '../../../model/index.ts'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  ok,
  rawServer,
  respondWith,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../../testing.ts'

const POLICY: CorsPolicy = {
  allowOrigins: [{ kind: 'regex', value: 'https://.*\\.example' }],
  allowMethods: ['GET', 'PUT'],
  allowHeaders: ['x-a', 'x-b'],
  exposeHeaders: ['x-c'],
  maxAgeSeconds: 60,
  allowCredentials: false,
  forwardUnmatched: true,
}

describe('CORS', () => {
  let proxy: TestProxy
  let port = 0
  let requests = 0
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    requests = 0
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  async function serve(policy: Partial<CorsPolicy>): Promise<void> {
    const server = await rawServer(
      respondWith(() => {
        requests++
        return ok('fine', 'Access-Control-Allow-Origin: own\r\n')
      }),
    )
    closers.push(server.close)
    const service = serviceObject('s', { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const workload = workloadObject('s-1', {
      address: '127.0.0.1',
      services: { [service.key]: { ports: { '80': server.port }, ready: true } },
    })
    const filters = [{ kind: 'cors', ...POLICY, ...policy } as const]
    const route = routeObject('r', { port, action: forwardTo(service), filters })
    proxy.accept(changesOf([meshObject(), service, workload, listenerObject(port), route]))
    await until(() => proxy.isBound(), 'the port is bound')
  }

  /** The answer's status line and CORS fields, sorted. */
  async function answer(method: string, ...lines: readonly string[]): Promise<readonly string[]> {
    const head = [`${method} / HTTP/1.1`, 'Host: a', 'Connection: close', ...lines, '', ''].join('\r\n')
    const [status = '', ...fields] =
      (await exchangeBytes(port, head)).split('\r\n\r\n')[0]?.split('\r\n') ?? []
    return [status, ...fields.filter((field) => field.startsWith('access-control-')).toSorted()]
  }

  const ASK = 'Access-Control-Request-Method: PUT'

  test('a preflight of an allowed origin is answered by the proxy', async () => {
    await serve({})
    assert.deepEqual(await answer('OPTIONS', 'Origin: https://a.example', ASK), [
      'HTTP/1.1 200 OK',
      'access-control-allow-headers: x-a,x-b',
      'access-control-allow-methods: GET,PUT',
      'access-control-allow-origin: https://a.example',
      'access-control-expose-headers: x-c',
      'access-control-max-age: 60',
    ])
    assert.equal(requests, 0)
  })

  test('an answer to an allowed origin says so, in the place of what the application says', async () => {
    await serve({ allowCredentials: true })
    assert.deepEqual(await answer('GET', 'Origin: https://a.example'), [
      'HTTP/1.1 200 OK',
      'access-control-allow-credentials: true',
      'access-control-allow-origin: https://a.example',
      'access-control-expose-headers: x-c',
    ])
  })

  test('with credentials a wild card becomes what was asked for', async () => {
    await serve({ allowCredentials: true, allowMethods: ['*'], allowHeaders: ['*'] })
    assert.deepEqual(
      await answer('OPTIONS', 'Origin: https://a.example', ASK, 'Access-Control-Request-Headers: x-q'),
      [
        'HTTP/1.1 200 OK',
        'access-control-allow-credentials: true',
        'access-control-allow-headers: x-q',
        'access-control-allow-methods: PUT',
        'access-control-allow-origin: https://a.example',
        'access-control-expose-headers: x-c',
        'access-control-max-age: 60',
      ],
    )
  })

  test('another origin, or none, is the application’s business', async () => {
    await serve({})
    const own = ['HTTP/1.1 200 OK', 'access-control-allow-origin: own']
    assert.deepEqual((await answer('GET', 'Origin: https://elsewhere.test')).map(lower), own)
    assert.deepEqual((await answer('OPTIONS', 'Origin: https://elsewhere.test', ASK)).map(lower), own)
    assert.deepEqual((await answer('OPTIONS', ASK)).map(lower), own)
    assert.equal(requests, 3)
  })

  test('where unmatched preflights are ignored, they get an answer that allows nothing', async () => {
    await serve({ forwardUnmatched: false })
    assert.deepEqual(await answer('OPTIONS', 'Origin: https://elsewhere.test', ASK), ['HTTP/1.1 200 OK'])
    assert.equal(requests, 0)
  })
})

function lower(line: string): string {
  return line.startsWith('HTTP/') ? line : line.toLowerCase()
}
