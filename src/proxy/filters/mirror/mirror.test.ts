import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  changesOf,
  createTestProxy,
  exchangeBytes,
  forwardTo,
  freePort,
  listenerObject,
  meshObject,
  rawServer,
  routeObject,
  serviceObject,
  type TestProxy,
  until,
  workloadObject,
} from '../../testing.ts'

describe('mirrors', () => {
  let proxy: TestProxy
  let port = 0
  let copies: { readonly head: string; readonly body: string }[] = []
  let copyPort = 0
  const closers: (() => void)[] = []

  beforeEach(async () => {
    port = await freePort()
    proxy = createTestProxy()
    copies = []
    copyPort = await httpServer((head, body) => {
      copies.push({ head, body })
      return 'nobody reads this'
    })
  })
  afterEach(() => {
    proxy.close()
    for (const close of closers.splice(0)) close()
  })

  /** An independent reader of requests. */
  async function httpServer(answer: (head: string, body: string) => string): Promise<number> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const fields = request.rawHeaders.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
        const head = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n${fields.join('')}`
        response.end(answer(head, Buffer.concat(chunks).toString()))
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    return (server.address() as { port: number }).port
  }

  async function serve(percent = 100, mirrorPort = copyPort): Promise<void> {
    const mainPort = await httpServer((_head, body) => `got ${body.length}`)
    const service = (name: string) =>
      serviceObject(name, { ports: [{ port: 80, name: 'http', protocol: 'http' }] })
    const [main, copy] = [service('main'), service('copy')]
    const workload = (of: typeof main, target: number) =>
      workloadObject(`${of.hostname}-1`, {
        address: '127.0.0.1',
        services: { [of.key]: { ports: { '80': target }, ready: true } },
      })
    const target = { kind: 'service', service: copy.key, port: 80 } as const
    const route = routeObject('r', {
      port,
      action: forwardTo(main),
      filters: [
        { kind: 'request-headers', set: [{ name: 'x-set', value: 'yes' }], add: [], remove: [] },
        { kind: 'mirror', percent, target },
      ],
    })
    const objects = [main, copy, workload(main, mainPort), workload(copy, mirrorPort)]
    const log = '%RESPONSE_CODE% %UPSTREAM_CLUSTER%\n'
    assert.deepEqual(proxy.accept(changesOf([meshObject(log), ...objects, listenerObject(port), route])), [])
    await until(() => proxy.isBound(), 'the port is bound')
  }

  const GET = 'GET /a?b HTTP/1.1\r\nHost: shop.example:8080\r\nConnection: close\r\n\r\n'

  test('a copy goes where the rule says, as the filters left the request, with its host marked', async () => {
    await serve()
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 200 [^]*got 0$/)
    await until(() => copies.length === 1, 'the copy arrives')
    assert.match(copies[0]?.head ?? '', /^GET \/a\?b HTTP\/1\.1\r\n/)
    assert.match(copies[0]?.head ?? '', /\r\nhost: shop\.example-shadow:8080\r\n/)
    assert.match(copies[0]?.head ?? '', /\r\nx-set: yes\r\n/)
    assert.deepEqual(proxy.logLines, ['200 outbound|80||main.demo.svc.cluster.local\n'])
  })

  test('bodies are copied whole, by length and in chunks, on new connections and kept ones', async () => {
    await serve()
    const body = 'x'.repeat(200_000)
    for (let i = 0; i < 3; i++) {
      const byLength = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
      assert.match(await exchangeBytes(port, byLength), /got 200000$/)
      const chunked = `PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`
      assert.match(await exchangeBytes(port, chunked), /got 11$/)
    }
    await until(() => copies.length === 6, 'all copies arrive')
    const bodies = copies.map((copy) => copy.body).toSorted((a, b) => a.length - b.length)
    assert.deepEqual(bodies.slice(0, 3), ['hello world', 'hello world', 'hello world'])
    assert.ok(bodies.slice(3).every((one) => one === body))
  })

  test('a mirror that is not there, or says nothing, holds nobody up', async () => {
    await serve(100, await freePort())
    assert.match(await exchangeBytes(port, GET), /^HTTP\/1\.1 200 /)
    const silent = await rawServer(() => {})
    closers.push(silent.close)
    proxy.close()
    proxy = createTestProxy()
    port = await freePort()
    await serve(100, silent.port)
    const body = 'x'.repeat(4_000_000)
    const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
    assert.match(await exchangeBytes(port, post), /got 4000000$/)
  })

  test('a share of the requests is copied', async () => {
    await serve(25)
    await Promise.all(Array.from({ length: 200 }, () => exchangeBytes(port, GET)))
    await until(() => copies.length > 19, 'copies arrive')
    // Five standard deviations.
    assert.ok(copies.length < 81, `${copies.length} of 200`)
  })
})
