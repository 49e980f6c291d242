/** Envoy's circuit breakers: what a cluster may have under way, and how long its connections live. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import type { ConnectionLimits } from '../../model/index.ts'
import { ok, respondWith, until } from '../testing.ts'
import { createLoad, giveRetryBack, limitsOf, takeRetry } from './load.ts'
import { createPolicyBench, type PolicyBench } from './testing.ts'

describe('the connections of a cluster', () => {
  let bench: PolicyBench
  /** Requests that are not answered yet. */
  const held: { readonly path: string; readonly answer: () => void; readonly socket: Socket }[] = []
  let accepted = 0

  afterEach(() => {
    bench.close()
    held.length = 0
    accepted = 0
  })

  function hold(socket: Socket): void {
    accepted++
    let pending = ''
    socket.on('end', () => socket.end())
    socket.on('data', (chunk) => {
      pending += chunk.toString()
      const path = /^GET (\S+)/.exec(pending)?.[1]
      if (path === undefined || !pending.includes('\r\n\r\n')) return
      pending = ''
      held.push({ path, socket, answer: () => socket.write(ok(path)) })
    })
  }

  async function serve(connections: ConnectionLimits, more: { attempts?: number } = {}): Promise<void> {
    bench = await createPolicyBench({ traffic: { connections }, servers: [hold], ...more })
  }

  async function answerAll(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await until(() => held.length > i, `request ${i} has come`)
      held[i]?.answer()
    }
  }

  test('requests wait in order for one of the connections that there may be', async () => {
    await serve({ connectionsMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get('/2')
    await until(() => bench.stat('pending') === 1, 'the second waits')
    const third = bench.get('/3')
    await until(() => bench.stat('pending') === 2, 'the third waits')
    await answerAll(3)
    for (const answer of [first, second, third]) assert.match(await answer, /^HTTP\/1.1 200/)
    assert.deepEqual(
      held.map((one) => one.path),
      ['/1', '/2', '/3'],
    )
    assert.equal(accepted, 1)
    assert.equal(bench.stat('pending'), 0)
    assert.equal(bench.stat('requests'), 0)
  })

  test('a request too many is answered 503 UO, and says that the proxy is overloaded', async () => {
    await serve({ connectionsMax: 1, pendingMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get('/2')
    await until(() => bench.stat('pending') === 1, 'the second waits')
    const refused = await bench.get('/3')
    assert.match(refused, /^HTTP\/1.1 503/)
    assert.match(refused, /\r\nx-envoy-overloaded: true\r\n/)
    assert.match(
      refused,
      /upstream connect error or disconnect\/reset before headers\. reset reason: overflow$/,
    )
    await answerAll(2)
    await Promise.all([first, second])
    assert.ok(
      bench.proxy.logLines.some((line) =>
        line.includes('503 UO upstream_reset_before_response_started{overflow}'),
      ),
      bench.proxy.logLines.join(''),
    )
    assert.equal(bench.stat('pendingOverflows'), 1)
  })

  test('a request that waits and is given up leaves its place', async () => {
    await serve({ connectionsMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    const impatient = connect(bench.port, '127.0.0.1')
    impatient.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => bench.stat('pending') === 1, 'the second waits')
    impatient.resetAndDestroy()
    await until(() => bench.stat('pending') === 0, 'nobody waits')
    const third = bench.get('/3')
    await answerAll(2)
    await Promise.all([first, third])
    assert.deepEqual(
      held.map((one) => one.path),
      ['/1', '/3'],
    )
  })

  test('a connection that the server does not keep is not given to who waits', async () => {
    bench = await createPolicyBench({
      traffic: { connections: { connectionsMax: 1 } },
      servers: [
        (socket) => {
          accepted++
          socket.on('end', () => socket.end())
          socket.on('data', () =>
            held.push({
              path: '',
              socket,
              answer: () => socket.write(ok('once', 'Keep-Alive: timeout=0\r\n')),
            }),
          )
        },
      ],
    })
    const first = bench.get()
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get()
    await until(() => bench.stat('pending') === 1, 'the second waits')
    await answerAll(2)
    for (const answer of [first, second]) assert.match(await answer, /once$/)
    assert.equal(accepted, 2)
  })

  test('a connection that breaks makes room for another, and who waits gets that', async () => {
    await serve({ connectionsMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get('/2')
    await until(() => bench.stat('pending') === 1, 'the second waits')
    held[0]?.socket.destroy()
    assert.match(await first, /^HTTP\/1.1 503/)
    await until(() => held.length === 2, 'the second is on its way')
    held[1]?.answer()
    assert.match(await second, /^HTTP\/1.1 200/)
    assert.equal(accepted, 2)
  })

  test('more requests than may be under way are refused, also when they have waited', async () => {
    await serve({ requestsMax: 1 })
    const answers = ['/1', '/2', '/3'].map((path) => bench.get(path))
    await until(() => bench.stat('pendingOverflows') === 2, 'two are refused')
    await answerAll(1)
    const statuses = (await Promise.all(answers)).map((answer) => answer.slice(9, 12))
    assert.deepEqual(statuses.toSorted(), ['200', '503', '503'])
    const next = bench.get('/4')
    await answerAll(2)
    assert.match(await next, /^HTTP\/1.1 200/)
  })

  test('a connection carries as many requests as it may', async () => {
    await serve({ requestsPerConnectionMax: 2 })
    for (let i = 0; i < 4; i++) {
      const answer = bench.get()
      await until(() => held.length === i + 1, 'the request has come')
      held[i]?.answer()
      await answer
    }
    assert.equal(accepted, 2)
    assert.equal(bench.stat('connectionsUsedUp'), 2)
  })

  test('a connection without a request is closed after its idle timeout', async () => {
    await serve({ idleTimeoutMs: 30 })
    const answer = bench.get()
    await answerAll(1)
    await answer
    await until(() => bench.stat('connections') === 0, 'the connection is closed')
    assert.equal(bench.stat('connectionsIdledOut'), 1)
  })

  test('a connection that has lived its time is closed when it is free', async () => {
    await serve({ durationMaxMs: 30 })
    const answer = bench.get()
    await until(() => held.length === 1, 'the request has come')
    const born = performance.now()
    await until(() => performance.now() - born > 40, 'the time is over')
    held[0]?.answer()
    assert.match(await answer, /^HTTP\/1.1 200/)
    await until(() => bench.stat('connections') === 0, 'the connection is closed')
    assert.equal(bench.stat('connectionsOutlived'), 1)
  })

  test('a changed bound holds for the next request', async () => {
    await serve({ connectionsMax: 1, pendingMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    bench.follow({ connections: { connectionsMax: 2 } })
    const second = bench.get('/2')
    await until(() => held.length === 2, 'the second is on its way too')
    await answerAll(2)
    await Promise.all([first, second])
    assert.equal(accepted, 2)
  })
})

describe('the connections of HTTP/2 of a cluster', () => {
  const held: { readonly path: string; readonly answer: () => void }[] = []
  let sessions = 0
  let bench: PolicyBench
  const server = createServer((request, response) => {
    held.push({ path: request.url, answer: () => response.end(request.url) })
  })
  server.on('session', () => sessions++)

  afterEach(() => {
    bench.close()
    held.length = 0
    sessions = 0
  })

  async function serve(connections: ConnectionLimits): Promise<void> {
    bench = await createPolicyBench({
      traffic: { connections: { protocol: 'http2', ...connections } },
      servers: [(socket) => server.emit('connection', socket)],
    })
  }

  test('a port of plain HTTP is spoken to in HTTP/2 when the policy says so', async () => {
    await serve({})
    const answers = ['/1', '/2'].map((path) => bench.get(path))
    await until(() => held.length === 2, 'both have come')
    for (const one of held) one.answer()
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1.1 200/)
    assert.equal(sessions, 1)
  })

  test('a connection takes so many requests at once, and no more connections are opened than may be', async () => {
    await serve({ connectionsMax: 1, streamsMax: 1, pendingMax: 1 })
    const first = bench.get('/1')
    await until(() => held.length === 1, 'the first is on its way')
    const second = bench.get('/2')
    await until(() => bench.stat('pending') === 1, 'the second waits')
    assert.match(await bench.get('/3'), /^HTTP\/1.1 503/)
    held[0]?.answer()
    assert.match(await first, /^HTTP\/1.1 200/)
    await until(() => held.length === 2, 'the second is on its way')
    held[1]?.answer()
    assert.match(await second, /^HTTP\/1.1 200/)
    assert.equal(sessions, 1)
  })

  test('a connection that has carried all that it may, or was idle too long, gives way to another', async () => {
    await serve({ requestsPerConnectionMax: 1 })
    for (let i = 0; i < 2; i++) {
      const answer = bench.get()
      await until(() => held.length === i + 1, 'the request has come')
      held[i]?.answer()
      assert.match(await answer, /^HTTP\/1.1 200/)
    }
    assert.equal(sessions, 2)
    bench.follow({ connections: { protocol: 'http2', idleTimeoutMs: 30 } })
    const answer = bench.get()
    await until(() => held.length === 3, 'the request has come')
    held[2]?.answer()
    await answer
    await until(() => bench.stat('connections') === 0, 'the connection is closed')
  })
})

test('a connection of HTTP/2 whose server answers no PING is given up', async () => {
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const silent = (socket: Socket) => {
    socket.write(emptySettings)
    socket.resume()
  }
  const bench = await createPolicyBench({
    traffic: { connections: { protocol: 'http2', http2KeepAlive: { intervalMs: 20, timeoutMs: 20 } } },
    servers: [silent],
    attempts: 0,
  })
  try {
    assert.match(await bench.get(), /^HTTP\/1.1 503/)
    assert.equal(bench.stat('connections'), 0)
  } finally {
    bench.close()
  }
})

test('retries beyond their bound are not made: the answer goes to the client, with UO', async () => {
  const broken = respondWith(() => 'HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n')
  const bench = await createPolicyBench({
    traffic: { connections: { retriesMax: 0 } },
    servers: [broken],
    attempts: 3,
  })
  try {
    assert.match(await bench.get(), /^HTTP\/1.1 500/)
    assert.equal(bench.stat('retryOverflows'), 1)
    bench.follow({})
    assert.match(await bench.get(), /^HTTP\/1.1 500/)
    assert.equal(bench.stat('retriesTotal'), 3)
    assert.equal(bench.stat('retryLimitsReached'), 1)
    assert.equal(bench.stat('retries'), 0)
    assert.match(bench.proxy.logLines[0] ?? '', /500 UO via_upstream/)
  } finally {
    bench.close()
  }
})

test('a budget measures retries against the requests under way, and always leaves a few', () => {
  const load = createLoad(limitsOf({ retriesMax: 0 }, { percent: 20, concurrencyMin: 2 }))
  assert.deepEqual([takeRetry(load), takeRetry(load), takeRetry(load)], [true, true, false])
  load.requests = 10
  load.pending = 10
  assert.deepEqual([takeRetry(load), takeRetry(load), takeRetry(load)], [true, true, false])
  giveRetryBack(load)
  assert.equal(takeRetry(load), true)
})
