import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, ClientScript, RequestScript, Scenario } from './scenario.ts'
import { type Outcome, runScenario } from './world.ts'

/* What the simulation has found, one small scenario each, so that it stays found whatever the seeds come to. */

const ANSWER: Answer = {
  kind: 'answer',
  status: 200,
  body: { kind: 'length', bytes: 100 },
  isEarly: false,
  delayMs: 0,
  informational: 0,
  closes: false,
  isTwice: false,
  pauseMs: 0,
  hasTrailers: false,
}

function get(
  id: number,
  answers: readonly Partial<Answer>[],
  more: Partial<RequestScript> = {},
): RequestScript {
  return {
    id,
    method: 'GET',
    isVersion10: false,
    body: { kind: 'none', bytes: 0 },
    pauseMs: 0,
    expects: false,
    asksToClose: false,
    gapMs: 0,
    answers: answers.map((answer) => ({ ...ANSWER, ...answer })),
    ...more,
  }
}

function client(requests: readonly RequestScript[], more: Partial<ClientScript> = {}): ClientScript {
  return { protocol: 'http1', startMs: 0, pipelines: false, requests, ...more }
}

async function run(more: Partial<Scenario>): Promise<Outcome> {
  const outcome = await runScenario({
    seed: 1,
    config: { requestTimeoutMs: 5000, retries: { attempts: 2, retryOn: ['503'] }, traffic: {} },
    network: { latencyMaxMs: 1, pieceMax: 1500, capacity: 2000, refused: 0, hanging: 0 },
    hosts: 1,
    upstreamProtocol: 'http1',
    http2: { window: 65_535, streamsMax: 100 },
    clients: [],
    events: [],
    ...more,
  })
  assert.deepEqual(outcome.violations, [])
  return outcome
}

const arrivals = ({ trace }: Outcome, id: number): number =>
  trace.filter((line) => line.includes(`gets GET ${id},`)).length

test('a response that nobody wants and that does not end does not keep its connection', async () => {
  const stalled: Partial<Answer> = { status: 503, cut: { share: 0.9, how: 'stall' } }
  const outcome = await run({ clients: [client([get(1, [stalled, {}])])] })
  assert.equal(outcome.answered, 1)
})

test('a client of HTTP/1.0 gets a chunked response as it lasts until the connection ends', async () => {
  const outcome = await run({
    clients: [client([get(1, [{ body: { kind: 'chunked', bytes: 5000 } }], { isVersion10: true })])],
  })
  assert.equal(outcome.answered, 1)
})

test('a client that half-closes and reads nothing does not keep its connection for ever', async () => {
  await run({
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 12_000 } }])], {
        leave: { atMs: 50, how: 'half-close' },
        stall: { atMs: 1, ms: 1_000_000 },
      }),
    ],
  })
})

test('a client that takes long gets all of a response that ends its connection', async () => {
  const outcome = await run({
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 20_000 } }], { asksToClose: true })], {
        pace: { bytes: 300, everyMs: 200 },
      }),
    ],
  })
  assert.equal(outcome.answered, 1)
})

test('a request behind a response that broke off is not passed on', async () => {
  const broken: Partial<Answer> = {
    cut: { share: 0.9, how: 'reset' },
    delayMs: 50,
    body: { kind: 'chunked', bytes: 9000 },
  }
  // Two connections are kept by then, so that the second request could go out at once.
  const warmUp = [3, 4].map((id) => client([get(id, [{ delayMs: 20 }])]))
  const outcome = await run({
    clients: [...warmUp, client([get(1, [broken]), get(2, [{}])], { pipelines: true, startMs: 100 })],
  })
  assert.equal(arrivals(outcome, 1), 1)
  assert.equal(arrivals(outcome, 2), 0)
})

test('a response that breaks off does not take along the one before it', async () => {
  const config = { requestTimeoutMs: 300, retries: { attempts: 0, retryOn: [] }, traffic: {} }
  const stalled: Partial<Answer> = {
    body: { kind: 'length', bytes: 9000 },
    cut: { share: 0.5, how: 'stall' },
  }
  const outcome = await run({
    config,
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 12_000 } }]), get(2, [stalled])], {
        pipelines: true,
        pace: { bytes: 1000, everyMs: 200 },
      }),
    ],
  })
  assert.equal(outcome.answered, 1)
})

test('what a server of HTTP/2 answers without a body has none, whatever ends its stream', async () => {
  const empty: Partial<Answer> = { status: 204, body: { kind: 'none', bytes: 0 }, hasTrailers: true }
  const head = get(2, [{ body: { kind: 'chunked', bytes: 10 }, hasTrailers: true }], { method: 'HEAD' })
  const outcome = await run({
    upstreamProtocol: 'http2',
    clients: [client([get(1, [empty]), head, get(3, [{}])])],
  })
  assert.equal(outcome.answered, 3)
})

test('a connection of HTTP/2 that is drained gives a slow client all of the response first', async () => {
  const outcome = await run({
    http2: { window: 1_000_000, streamsMax: 100 },
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 60_000 } }])], {
        protocol: 'http2',
        pace: { bytes: 1000, everyMs: 200 },
      }),
    ],
    events: [{ kind: 'drain', atMs: 500 }],
  })
  assert.equal(outcome.answered, 1)
})

test('a stream that is broken off last in a connection that drains does not take along what waits there', async () => {
  const late: Partial<Answer> = { status: 503, body: { kind: 'length', bytes: 200_000 }, pauseMs: 1 }
  const outcome = await run({
    config: { requestTimeoutMs: 1000, retries: { attempts: 0, retryOn: [] }, traffic: {} },
    http2: { window: 1000, streamsMax: 100 },
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 70_000 } }]), get(2, [late], { gapMs: 58 })], {
        protocol: 'http2',
        pipelines: true,
        pace: { bytes: 5000, everyMs: 20 },
      }),
    ],
    events: [{ kind: 'drain', atMs: 510 }],
  })
  assert.equal(outcome.answered, 1)
})

/** Every request is copied; `answers` are those of the copies' host. */
function mirrored(answers: readonly Partial<Answer>[]): Pick<Scenario, 'mirror'> {
  return { mirror: { percent: 100, traffic: {}, answers: answers.map((one) => ({ ...ANSWER, ...one })) } }
}

const copies = ({ trace }: Outcome, id: number): number =>
  trace.filter((line) => line.includes('shadow: host') && line.includes(` ${id}, arrival`)).length

test('a copy that its host closes the kept connection on is not sent again', async () => {
  const outcome = await run({
    ...mirrored([{}, { kind: 'close' }]),
    clients: [client([get(2, [{}]), get(1, [{}], { gapMs: 50 })])],
  })
  assert.equal(outcome.answered, 2)
  assert.equal(copies(outcome, 1), 1)
})

test('a copy does not wait for the rest of a request that was answered before it was whole', async () => {
  const post = {
    method: 'POST',
    body: { kind: 'length', bytes: 200_000 },
    pauseMs: 40,
  } as const
  const outcome = await run({
    ...mirrored([{}]),
    network: { latencyMaxMs: 1, pieceMax: 20_000, capacity: 200_000, refused: 0, hanging: 0 },
    clients: [client([get(1, [{ isEarly: true }], post)], { protocol: 'http2' })],
  })
  assert.equal(outcome.answered, 1)
})

test('a sidecar that is closed closes the connection on which a request has come back', async () => {
  const lost = get(2, [{ kind: 'reset' }, { delayMs: 150 }], { method: 'DELETE' })
  const outcome = await run({ role: 'pair', clients: [client([get(1, [{}]), lost])] })
  assert.equal(outcome.answered, 2)
})

for (const role of [undefined, 'outbound', 'pair'] as const) {
  const names = { outbound: 'a sidecar', pair: 'two sidecars' }
  test(`who breaks off bytes behind ${role === undefined ? 'a gateway' : names[role]} is not taken for one that has ended`, async () => {
    const session = { startMs: 0, up: 1000, down: 1000, clientMs: 30, serverMs: 30 }
    const outcome = await run({
      ...(role !== undefined && { role }),
      sessions: [
        { ...session, id: 1, client: 'waits', server: 'reset' },
        { ...session, id: 2, client: 'reset', server: 'end', serverMs: 300 },
      ],
    })
    assert.ok(outcome.trace.some((line) => line.endsWith('hears reset in session 1')))
    assert.ok(outcome.trace.some((line) => line.endsWith('the server of session 2 hears reset')))
  })
}

test('a client whose server has lived its time does not keep its connection', async () => {
  await run({
    tls: { down: false, up: true },
    config: {
      requestTimeoutMs: 5000,
      retries: { attempts: 0, retryOn: [] },
      traffic: { connections: { durationMaxMs: 30 } },
    },
    sessions: [
      {
        id: 1,
        startMs: 0,
        up: 70_000,
        down: 200_000,
        client: 'end',
        clientMs: 0,
        server: 'end',
        serverMs: 1,
      },
    ],
  })
})

test('bodies of one connection that wait in turn for slow hosts are not mixed up', async () => {
  const post = { method: 'POST', isVersion10: false, pauseMs: 0, gapMs: 0 } as const
  const large = { ...post, body: { kind: 'chunked', bytes: 200_000 } } as const
  await run({
    seed: 4,
    hosts: 2,
    config: {
      requestTimeoutMs: 5000,
      retries: { attempts: 0, retryOn: [] },
      traffic: { connections: { connectionsMax: 1 } },
    },
    network: { latencyMaxMs: 0, pieceMax: 1100, capacity: 20_000, refused: 0, hanging: 0 },
    clients: [
      client(
        [
          get(1, [{ isEarly: true, delayMs: 150 }], { ...post, body: { kind: 'chunked', bytes: 10 } }),
          get(2, [{ body: { kind: 'chunked', bytes: 70_000 } }], large),
          get(3, [{ delayMs: 150, status: 503 }], large),
        ],
        { protocol: 'http2', pipelines: true },
      ),
    ],
  })
})

test('a client that goes while its upload is answered is missed, though a slow host had it stopped', async () => {
  const post = { method: 'POST' } as const
  const session = { startMs: 156, up: 10, down: 1000, client: 'waits', clientMs: 30, serverMs: 1 } as const
  await run({
    seed: 3,
    role: 'pair',
    config: {
      requestTimeoutMs: 5000,
      retries: { attempts: 0, retryOn: [] },
      traffic: {
        connectTimeoutMs: 50,
        connections: {
          connectionsMax: 1,
          pendingMax: 3,
          retriesMax: 2,
          requestsPerConnectionMax: 1,
          idleTimeoutMs: 20,
        },
      },
    },
    network: { latencyMaxMs: 1, pieceMax: 1007, capacity: 20_000, refused: 0, hanging: 0 },
    clients: [
      client([get(1, [{ body: { kind: 'length', bytes: 10 } }], { body: { kind: 'length', bytes: 10 } })], {
        startMs: 20,
        pipelines: true,
      }),
      client(
        [
          get(9, [{ body: { kind: 'until-close', bytes: 1000 }, isEarly: true, delayMs: 1 }], {
            ...post,
            body: { kind: 'length', bytes: 10 },
          }),
          get(10, [{ kind: 'silent', body: { kind: 'length', bytes: 10 } }], {
            ...post,
            body: { kind: 'chunked', bytes: 200_000 },
          }),
        ],
        { startMs: 147 },
      ),
    ],
    sessions: [
      { ...session, id: 1, server: 'reset' },
      { ...session, id: 2, startMs: 157, up: 5000, clientMs: 1, server: 'end' },
      {
        id: 3,
        startMs: 150,
        up: 1,
        down: 10,
        client: 'reset',
        clientMs: 300,
        server: 'after-client',
        serverMs: 0,
      },
    ],
  })
})

test('an answer that still waited for room when its connection ended has not been heard, so that its request may be sent again', async () => {
  await run({
    seed: 5_035_439,
    role: 'pair',
    upstreamProtocol: 'http2',
    http2: { window: 1_000_000, streamsMax: 100 },
    config: {
      requestTimeoutMs: 1000,
      retries: {
        attempts: 3,
        retryOn: ['connect-failure', 'refused-stream', '503'],
        perTryTimeoutMs: 200,
      },
      traffic: {},
    },
    network: { latencyMaxMs: 1, pieceMax: 7, capacity: 2000, refused: 0, hanging: 0 },
    clients: [
      client(
        [
          get(10, [{ body: { kind: 'length', bytes: 20_000 }, isTwice: true }], {
            method: 'PUT',
            body: { kind: 'length', bytes: 1 },
            gapMs: 8,
          }),
          get(11, [{ body: { kind: 'until-close', bytes: 1000 }, informational: 2, closes: true }], {
            method: 'PATCH',
            body: { kind: 'chunked', bytes: 10 },
          }),
        ],
        { startMs: 370, pipelines: true, protocol: 'http2' },
      ),
    ],
  })
})

test('a slow client gets its answer whole, though it has sent more behind it than is thrown away', async () => {
  const upload = { method: 'PATCH', body: { kind: 'chunked', bytes: 200_000 } } as const
  await run({
    upstreamProtocol: 'http2',
    network: { latencyMaxMs: 0, pieceMax: 1500, capacity: 20_000, refused: 0, hanging: 0 },
    clients: [
      client(
        [
          get(2, [{ body: { kind: 'length', bytes: 200_000 }, pauseMs: 30 }]),
          get(3, [{}], upload),
          get(4, [{}], upload),
        ],
        { pipelines: true, pace: { bytes: 5000, everyMs: 200 } },
      ),
    ],
    events: [{ kind: 'drain', atMs: 500 }],
  })
})

test('a kept connection goes on when the end of a response has come though it was paused', async () => {
  await run({
    upstreamProtocol: 'http1',
    http2: { window: 5000, streamsMax: 1 },
    network: { latencyMaxMs: 0, pieceMax: 100, capacity: 20_000, refused: 0, hanging: 0 },
    clients: [
      client(
        [
          get(1, [{ body: { kind: 'length', bytes: 70_000 } }]),
          get(2, [{ body: { kind: 'length', bytes: 1 } }], { gapMs: 29 }),
        ],
        { protocol: 'http2', pipelines: true },
      ),
    ],
    tls: { down: false, up: true },
  })
})
