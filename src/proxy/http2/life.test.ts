import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SETTING } from './protocol.ts'
import { responseHead } from './testing.ts'
import { data, GET, headers, HELLO, ping, POST, settings } from './testing-frames.ts'
import { openedMemoryServer, openMemoryServer } from './testing-peer.ts'
import type { StreamEnd } from './types.ts'

describe('a graceful end', () => {
  test('is announced, serves what was on its way, and is final after a round trip', () => {
    const server = openedMemoryServer()
    server.send(headers(1, POST, 0))
    server.handle.drain()
    assert.deepEqual(server.answers(), ['goAway 0 2147483647 none', 'ping 0'])
    assert.match(
      server.send(headers(3, GET))[0] ?? '',
      /^headers 3 :status=200/,
      'it crossed the announcement',
    )
    assert.deepEqual(server.send(ping(1, 'draining')), ['goAway 0 3 none'])
    assert.deepEqual(server.send(headers(5, GET)), [], 'ignored from now on')
    assert.deepEqual(server.send(data(5, 'x')), [])
    assert.equal(server.socket.ended, false)
    assert.deepEqual(server.send(data(1, 'x', 1)), ['data 1 1 end', 'goAway 0 5 none'])
    assert.equal(server.socket.ended, true)
  })

  test('does not wait longer than agreed for the round trip', () => {
    const server = openedMemoryServer({ drainNoticeMs: 500 })
    server.send(headers(1, POST, 0))
    server.handle.drain()
    server.answers()
    server.clock.advance(600)
    assert.deepEqual(server.answers(), ['goAway 0 1 none'])
  })

  test('of a connection without streams ends after the notice', () => {
    const server = openedMemoryServer()
    server.handle.drain()
    server.send(ping(1, 'draining'))
    assert.equal(server.socket.ended, true)
  })

  test('keeps the table of fields that of the client', () => {
    const server = openedMemoryServer()
    server.send(headers(1, POST, 0))
    server.handle.drain()
    server.send(ping(1, 'draining'))
    const broken = Buffer.from([0, 0, 1, 1, 5, 0, 0, 0, 3, 0x80])
    assert.match(server.send(broken).at(-1) ?? '', /compression$/, 'sections of ignored streams are decoded')
  })
})

describe('time', () => {
  test('a client that does not finish its preface is disconnected', () => {
    const server = openMemoryServer({ headTimeoutMs: 1000 })
    server.push(HELLO.subarray(0, 10))
    server.clock.advance(1600)
    assert.equal(server.socket.ended, true)
  })

  test('a frame that does not become whole ends the connection; one that does, in time, does not', () => {
    const server = openedMemoryServer({ headTimeoutMs: 1000 })
    const bytes = headers(1, GET)
    server.push(bytes.subarray(0, 12))
    server.clock.advance(700)
    server.push(bytes.subarray(12))
    server.clock.advance(2000)
    assert.equal(server.socket.ended, false)
    server.push(headers(3, GET).subarray(0, 12))
    server.clock.advance(1600)
    assert.equal(server.socket.ended, true)
  })

  test('a connection without streams is closed when it has been idle; one with a stream is not', () => {
    const server = openedMemoryServer({ idleTimeoutMs: 60_000 })
    server.send(headers(1, POST, 0))
    server.clock.advance(200_000)
    assert.equal(server.socket.ended, false)
    server.send(data(1, '', 1))
    server.clock.advance(80_000)
    assert.equal(server.socket.ended, true)
    assert.match(server.answers().at(-1) ?? '', /^goAway 0 1 none/)
  })

  test('a silent peer is asked whether it is there, and given up when it does not answer', () => {
    const server = openedMemoryServer({ keepAliveIntervalMs: 1000, keepAliveTimeoutMs: 2000 })
    server.clock.advance(1600)
    assert.deepEqual(server.answers(), ['ping 0'])
    assert.deepEqual(server.send(ping(1, 'keepaliv')), [])
    server.clock.advance(1600)
    assert.deepEqual(server.answers(), ['ping 0'])
    server.clock.advance(3000)
    assert.equal(server.reason(), 'http2.keepalive_timeout')
  })

  test('a stream whose window stays shut is broken off', () => {
    const ends: StreamEnd[] = []
    const server = openedMemoryServer(
      { stallTimeoutMs: 10_000 },
      { head: () => {}, closed: (_stream, end) => void ends.push(end) },
    )
    server.send(settings([[SETTING.initialWindowSize, 0]]), headers(1, GET))
    const stream = server.streams[0]
    assert.ok(stream)
    stream.sendHead(responseHead(200, ''))
    stream.sendData(Buffer.alloc(10), 0, 10)
    server.answers()
    server.clock.advance(15_000)
    assert.deepEqual(server.answers(), ['resetStream 1 cancel'])
    assert.deepEqual(
      ends.map((end) => end.detail),
      ['http2.stream_stalled'],
    )
  })

  test('a peer that reads nothing is disconnected', () => {
    const server = openedMemoryServer({ stallTimeoutMs: 10_000 })
    server.socket.stuck = true
    server.socket.writableNeedDrain = true
    server.clock.advance(30_000)
    assert.equal(server.reason(), 'http2.peer_reads_nothing')
  })
})

test('streams under way are told when the connection ends', () => {
  const ends: string[] = []
  const server = openedMemoryServer(
    {},
    { head: () => {}, closed: (stream, end) => void ends.push(`${stream.id} ${end.kind}`) },
  )
  server.send(headers(1, POST, 0), headers(3, GET))
  server.socket.destroy()
  assert.deepEqual(ends, ['1 connection', '3 connection'])
  assert.equal(server.handle.activeStreams(), 0)
})
