import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ERROR, FLAG, FRAME, SETTING } from './protocol.ts'
import { responseHead } from './testing.ts'
import {
  data,
  frame,
  GET,
  headers,
  number32,
  ping,
  POST,
  reset,
  section,
  settings,
  windowUpdate,
} from './testing-frames.ts'
import { type MemoryServer, openedMemoryServer } from './testing-peer.ts'
import type { Http2Options } from './options.ts'

/** More than any connection may live through. */
const ROUNDS_MAX = 20_000
/** What a connection may still hold in memory when it is told to calm down. */
const HELD_BYTES_MAX = 1024 * 1024

interface Flood {
  readonly name: string
  readonly before?: readonly Buffer[]
  readonly round: (index: number) => Buffer
  /** The client does not read either. */
  readonly stuck?: boolean
  readonly options?: Partial<Http2Options>
  readonly reason: string
  readonly roundsMax: number
}

const odd = (index: number): number => index * 2 + 1
const PRIORITY = Buffer.concat([number32(0), Buffer.from([0])])

const FLOODS: readonly Flood[] = [
  {
    name: 'rapid reset (CVE-2023-44487)',
    round: (index) => Buffer.concat([headers(odd(index), POST, 0), reset(odd(index), ERROR.cancel)]),
    reason: 'http2.stream_reset_flood',
    roundsMax: 501,
  },
  {
    name: 'streams that the server is made to break off',
    round: (index) => Buffer.concat([headers(odd(index), POST, 0), windowUpdate(odd(index), 0)]),
    reason: 'http2.stream_reset_flood',
    roundsMax: 501,
  },
  {
    name: 'malformed requests',
    round: (index) => headers(odd(index), [...GET, ['connection', 'close']]),
    reason: 'http2.stream_reset_flood',
    roundsMax: 501,
  },
  {
    name: 'streams above the limit',
    options: { maxConcurrentStreams: 1 },
    before: [headers(1, POST, 0)],
    round: (index) => headers(odd(index + 1), POST, 0),
    reason: 'http2.stream_reset_flood',
    roundsMax: 501,
  },
  {
    name: 'CONTINUATION without end (CVE-2024-27316)',
    before: [frame(FRAME.headers, FLAG.endStream, 1, section(GET))],
    round: () => frame(FRAME.continuation, 0, 1, section([['x', 'y']])),
    reason: 'http2.continuation_flood',
    roundsMax: 9,
  },
  {
    name: 'a field section larger than any head',
    options: { maxContinuations: 1000 },
    before: [frame(FRAME.headers, FLAG.endStream, 1, section(GET))],
    round: () => frame(FRAME.continuation, 0, 1, Buffer.alloc(16_384)),
    reason: 'http2.headers_too_large',
    roundsMax: 5,
  },
  {
    name: 'DATA that carries nothing',
    before: [headers(1, POST, 0)],
    round: () => data(1, ''),
    reason: 'http2.inbound_empty_frames_flood',
    roundsMax: 65,
  },
  {
    name: 'CONTINUATION that carries nothing',
    before: [frame(FRAME.headers, FLAG.endStream, 1, section(GET))],
    round: () => frame(FRAME.continuation, 0, 1),
    options: { maxContinuations: 1000 },
    reason: 'http2.inbound_empty_frames_flood',
    roundsMax: 65,
  },
  {
    name: 'PRIORITY',
    round: () => frame(FRAME.priority, 0, 1, PRIORITY),
    reason: 'http2.inbound_priority_frames_flood',
    roundsMax: 101,
  },
  {
    name: 'WINDOW_UPDATE',
    before: [headers(1, POST, 0)],
    round: () => windowUpdate(1, 1),
    reason: 'http2.inbound_window_update_frames_flood',
    roundsMax: 8,
  },
  {
    name: 'SETTINGS',
    round: (index) => settings([[SETTING.initialWindowSize, 1000 + index]]),
    reason: 'http2.stream_reset_flood',
    roundsMax: 501,
  },
  {
    name: 'SETTINGS of thousands of entries',
    round: () => settings(Array.from({ length: 2000 }, () => [SETTING.initialWindowSize, 1] as const)),
    reason: 'too many settings',
    roundsMax: 1,
  },
  {
    name: 'PING from a client that does not read',
    round: () => ping(),
    stuck: true,
    reason: 'http2.outbound_control_frames_flood',
    roundsMax: 2500,
  },
  {
    name: 'requests from a client that does not read',
    round: (index) => headers(odd(index), GET),
    stuck: true,
    options: { maxConcurrentStreams: 100_000 },
    before: [settings([[SETTING.initialWindowSize, 0]])],
    reason: 'http2.outbound_frames_flood',
    roundsMax: 11_000,
  },
]

/** @returns rounds until the connection ended */
function attack(server: MemoryServer, flood: Flood): number {
  if (flood.before !== undefined) server.send(...flood.before)
  if (flood.stuck === true) server.socket.stuck = true
  for (let index = 0; index < ROUNDS_MAX; index++) {
    server.push(flood.round(index))
    if (server.socket.ended || server.socket.destroyed) return index + 1
  }
  return ROUNDS_MAX
}

describe('a flood ends the connection, and costs a bounded amount of memory', () => {
  for (const flood of FLOODS) {
    test(flood.name, () => {
      const server = openedMemoryServer(flood.options)
      const rounds = attack(server, flood)
      assert.ok(rounds <= flood.roundsMax, `after ${rounds} rounds`)
      const written = server.socket.written.reduce((all, bytes) => all + bytes.length, 0)
      assert.ok(written < HELD_BYTES_MAX, `${written} bytes are waiting`)
      if (flood.stuck !== true) assert.match(server.answers().at(-1) ?? '', /^goAway 0 \d+ enhanceYourCalm$/)
      server.socket.destroy()
      assert.equal(server.reason(), flood.reason)
      assert.equal(server.handle.activeStreams(), 0)
    })
  }
})

describe('what is no flood goes on', () => {
  test('a client that breaks streams off now and then', () => {
    const server = openedMemoryServer()
    for (let index = 0; index < 3000; index++) {
      server.push(Buffer.concat([headers(odd(index), POST, 0), reset(odd(index), ERROR.cancel)]))
      server.clock.advance(50)
    }
    assert.equal(server.socket.ended, false)
  })

  test('a client that pings and reads the answers', () => {
    const server = openedMemoryServer()
    let answers = 0
    for (let index = 0; index < 5000; index++) {
      server.push(ping())
      if (index % 4000 === 3999) answers += server.answers().length
    }
    answers += server.answers().length
    assert.equal(answers, 5000)
  })

  test('a client that allows more after each frame of data', () => {
    const server = openedMemoryServer({}, { head: () => {} })
    server.send(headers(1, GET))
    const stream = server.streams[0]
    assert.ok(stream)
    stream.sendHead(responseHead(200, ''))
    const bytes = Buffer.alloc(10_000)
    for (let index = 0; index < 2000; index++) {
      stream.sendData(bytes, 0, bytes.length)
      const answers = server.send(windowUpdate(0, bytes.length), windowUpdate(1, bytes.length))
      assert.ok(answers.every((line) => line.startsWith('data')) || index === 0, answers.join('\n'))
    }
  })
})

test('requests without a window for their responses hold no more than their writers were allowed', () => {
  const server = openedMemoryServer({}, { head: () => {} })
  server.send(settings([[SETTING.initialWindowSize, 0]]))
  const bytes = Buffer.alloc(60_000)
  for (let index = 0; index < 1024; index++) server.push(headers(odd(index), GET))
  let allowed = 0
  for (const stream of server.streams) {
    stream.sendHead(responseHead(200, ''))
    while (stream.flush() && allowed < 100_000_000) {
      stream.sendData(bytes, 0, 1000)
      allowed += 1000
    }
  }
  assert.equal(allowed, 1024 * 1000, 'one piece each, then they wait')
})

test('bytes that come one by one for a reader that has paused share memory', () => {
  const server = openedMemoryServer({}, { head: (stream) => stream.pause() })
  server.send(headers(1, POST, 0))
  const one = data(1, 'x')
  for (let index = 0; index < 20_000; index++) server.push(one)
  const pieces = server.streams[0]?.held?.pieces ?? []
  assert.equal(
    pieces.reduce((all, { start, end }) => all + end - start, 0),
    20_000,
  )
  assert.ok(pieces.length <= 5, `${pieces.length} pieces`)
})

test('small requests that stand for large heads (HPACK bomb) share the memory of a connection', () => {
  const server = openedMemoryServer({ maxHeadBytes: 1024 * 1024 }, { head: () => {} })
  const large = Buffer.concat([Buffer.from([0x40, 1, 98, 0x7f, 0xb9, 0x16]), Buffer.alloc(3000, 97)])
  const first = frame(FRAME.headers, 5, 1, Buffer.concat([section(GET), large]))
  assert.deepEqual(server.send(first), [])
  const bomb = (id: number) =>
    frame(FRAME.headers, 5, id, Buffer.concat([section(GET), Buffer.alloc(18, 0xbe)]))
  const answers: string[] = []
  for (let index = 1; index < 60; index++) answers.push(...server.send(bomb(odd(index))))
  assert.ok(server.handle.activeStreams() < 21, `${server.handle.activeStreams()} heads of 54 KB are held`)
  assert.equal(answers[0], `resetStream ${odd(server.handle.activeStreams())} refusedStream`)
  for (const stream of server.streams) stream.reset()
  server.answers()
  assert.deepEqual(server.send(bomb(1001)), [], 'there is room again')
})
