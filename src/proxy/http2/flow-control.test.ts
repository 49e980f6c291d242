import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Http2Options } from './options.ts'
import { SETTING } from './protocol.ts'
import { responseHead } from './testing.ts'
import { data, GET, headers, POST, reset, settings, windowUpdate } from './testing-frames.ts'
import { type MemoryServer, openedMemoryServer } from './testing-peer.ts'
import type { Stream, StreamEvents } from './types.ts'

/** Heads are left to the test. */
function serveMemory(events: Partial<StreamEvents> = {}, options: Partial<Http2Options> = {}): MemoryServer {
  return openedMemoryServer(options, { head: () => {}, ...events })
}

const SIXTY = Buffer.alloc(60_000, 'a')
const sizes = (lines: readonly string[], stream: number) =>
  lines.filter((line) => line.startsWith(`data ${stream} `)).map((line) => Number(line.split(' ')[2]))
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)

test('no more is sent than the window of the stream allows; the rest follows when it opens', () => {
  const drained: number[] = []
  const peer = serveMemory({ drained: (stream) => void drained.push(stream.id) })
  peer.send(settings([[SETTING.initialWindowSize, 1000]]), headers(1, GET))
  const stream = peer.streams[0] as Stream
  stream.sendHead(responseHead(200, ''))
  stream.sendData(SIXTY, 0, 3000)
  assert.equal(stream.flush(), false)
  assert.equal(sum(sizes(peer.answers(), 1)), 1000)
  assert.deepEqual(peer.send(windowUpdate(1, 500)), ['data 1 500'])
  assert.deepEqual(drained, [])
  assert.deepEqual(peer.send(windowUpdate(1, 300)), ['data 1 300'])
  assert.deepEqual(peer.send(windowUpdate(1, 5000)), ['data 1 1200'])
  assert.deepEqual(drained, [1])
})

test('the window of the connection is shared in turns', () => {
  const peer = serveMemory()
  peer.send(headers(1, GET), headers(3, GET))
  for (const stream of peer.streams) {
    stream.sendHead(responseHead(200, ''))
    stream.sendData(SIXTY, 0, SIXTY.length)
    stream.sendEnd('')
  }
  const first = peer.answers()
  assert.equal(sum(sizes(first, 1)), 60_000)
  assert.equal(sum(sizes(first, 3)), 5535)
  peer.send(headers(5, GET))
  const third = peer.streams[2] as Stream
  third.sendHead(responseHead(200, ''))
  third.sendData(SIXTY, 0, SIXTY.length)
  third.sendEnd('')
  const second = peer.send(windowUpdate(0, 40_000))
  assert.ok(sum(sizes(second, 3)) > 16_000 && sum(sizes(second, 5)) > 16_000, second.join('\n'))
})

test('a smaller INITIAL_WINDOW_SIZE takes windows below zero, and they have to come back', () => {
  const peer = serveMemory()
  peer.send(headers(1, GET))
  const stream = peer.streams[0] as Stream
  stream.sendHead(responseHead(200, ''))
  stream.sendData(SIXTY, 0, 30_000)
  peer.answers()
  peer.send(settings([[SETTING.initialWindowSize, 10_000]]))
  stream.sendData(SIXTY, 0, 100)
  assert.deepEqual(peer.answers(), [])
  assert.deepEqual(peer.send(windowUpdate(1, 20_000)), [])
  assert.deepEqual(peer.send(windowUpdate(1, 50)), ['data 1 50'])
})

test('a reader that pauses gets nothing, the peer is stopped by its window, and all comes when it resumes', () => {
  let got = 0
  const ended: string[] = []
  const peer = serveMemory(
    {
      head: (stream) => stream.pause(),
      data(_stream, _bytes, start, end) {
        got += end - start
      },
      end: (_stream, trailers) => void ended.push(trailers),
    },
    { streamWindow: 70_000, connectionWindow: 100_000 },
  )
  const chunk = SIXTY.subarray(0, 16_000)
  const answers = peer.send(
    headers(1, POST, 0),
    ...Array.from({ length: 4 }, () => data(1, chunk)),
    data(1, '', 1),
  )
  assert.deepEqual(answers, [], 'no window is given while nobody reads')
  assert.equal(got, 0)
  peer.streams[0]?.resume()
  assert.equal(got, 64_000)
  assert.deepEqual(ended, [''])
  assert.ok(peer.answers().some((line) => line.startsWith('windowUpdate 0 ')))
})

test('more data than the windows allow is refused', () => {
  const options = { streamWindow: 70_000, connectionWindow: 100_000 }
  const peer = serveMemory({ head: (stream) => stream.pause() }, options)
  const chunk = SIXTY.subarray(0, 16_000)
  const four = (id: number) => Array.from({ length: 4 }, () => data(id, chunk))
  const answers = peer.send(headers(1, POST, 0), ...four(1), data(1, chunk))
  assert.deepEqual(answers, ['resetStream 1 flowControl', 'windowUpdate 0 64000'])
  const more = peer.send(headers(3, POST, 0), ...four(3), headers(5, POST, 0), ...four(5))
  assert.match(more.at(-1) ?? '', /^goAway 0 5 flowControl/)
})

test('what a broken stream held of the window of the connection is given back', () => {
  const options = { streamWindow: 100_000, connectionWindow: 100_000 }
  const peer = serveMemory({ head: (stream) => stream.pause() }, options)
  for (let id = 1; id < 41; id += 2) {
    const answers = peer.send(headers(id, POST, 0), data(id, SIXTY.subarray(0, 16_000)), reset(id, 8))
    assert.ok(!answers.some((line) => line.startsWith('goAway')), answers.join('\n'))
  }
})

test('a client that reads nothing is given no more than fits: writers are told to wait', () => {
  const peer = serveMemory({}, {})
  peer.send(settings([[SETTING.initialWindowSize, 2 ** 31 - 1]]), windowUpdate(0, 2 ** 30), headers(1, GET))
  peer.socket.stuck = true
  const stream = peer.streams[0] as Stream
  stream.sendHead(responseHead(200, ''))
  let written = 0
  while (stream.flush() && written < 10_000_000) {
    stream.sendData(SIXTY, 0, SIXTY.length)
    written += SIXTY.length
  }
  assert.ok(written <= 4 * SIXTY.length, `${written} bytes were taken`)
  peer.socket.unstick()
  stream.sendEnd('')
  assert.equal(sum(sizes(peer.answers(), 1)), written)
})

test('whatever the sizes and windows, all bytes arrive in order and no window is overdrawn', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      stream: fc.nat(2),
      size: fc.integer({ min: 1, max: 40_000 }),
    }),
    fc.record({
      kind: fc.constant('open' as const),
      stream: fc.integer({ min: -1, max: 2 }),
      size: fc.integer({ min: 1, max: 30_000 }),
    }),
    fc.record({ kind: fc.constant('settings' as const), stream: fc.constant(0), size: fc.nat(100_000) }),
    fc.record({ kind: fc.constant('stick' as const), stream: fc.constant(0), size: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const peer = serveMemory()
      peer.send(headers(1, GET), headers(3, GET), headers(5, GET))
      for (const stream of peer.streams) stream.sendHead(responseHead(200, ''))
      const written = [0, 0, 0]
      const sent = [0, 0, 0]
      const allowed = [65_535, 65_535, 65_535]
      let all = 65_535
      let initial = 65_535
      const take = (lines: readonly string[]) => {
        for (const [index] of sent.entries())
          sent[index] = (sent[index] ?? 0) + sum(sizes(lines, index * 2 + 1))
      }
      for (const { kind, stream, size } of steps) {
        if (kind === 'write') {
          peer.streams[stream]?.sendData(SIXTY, 0, size)
          written[stream] = (written[stream] ?? 0) + size
        } else if (kind === 'open') {
          if (stream < 0) all += size
          else allowed[stream] = (allowed[stream] ?? 0) + size
          take(peer.send(windowUpdate(stream < 0 ? 0 : stream * 2 + 1, size)))
        } else if (kind === 'settings') {
          allowed.forEach((before, index) => {
            allowed[index] = before + size - initial
          })
          initial = size
          take(peer.send(settings([[SETTING.initialWindowSize, size]])))
        } else if (peer.socket.stuck) peer.socket.unstick()
        else peer.socket.stuck = true
        // Frames that left before the window became smaller are within the window of their time.
        take(peer.answers())
        assert.ok(sum(sent) <= all)
      }
      if (peer.socket.stuck) peer.socket.unstick()
      take(peer.send(settings([[SETTING.initialWindowSize, 2_000_000]]), windowUpdate(0, 2_000_000)))
      take(peer.answers())
      assert.deepEqual(sent, written)
    }),
    { numRuns: 150 },
  )
})
