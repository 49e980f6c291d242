import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHttp2Client } from './client.ts'
import type { Http2Options } from './options.ts'
import { FLAG, FRAME, SETTING } from './protocol.ts'
import { NO_ENDPOINTS, sendRequest } from './testing.ts'
import {
  asSocket,
  createFrameReader,
  createMemorySocket,
  createMemoryThread,
  data,
  type Fields,
  frame,
  goAway,
  headers,
  number32,
  ping,
  reset,
  section,
  settings,
  windowUpdate,
} from './testing-frames.ts'
import type { Stream, StreamEvents } from './types.ts'

/** Writes down what is reported, a line per event, with the number of the stream. */
function recorder(): { readonly lines: string[]; readonly events: StreamEvents } {
  const lines: string[] = []
  const note = (stream: Stream, text: string) => void lines.push(`${stream.id} ${text}`)
  return {
    lines,
    events: {
      head: (stream) => note(stream, `head ${stream.status}${stream.hasBody ? '' : ' alone'}`),
      informational: (stream, status) => note(stream, `informational ${status}`),
      data: (stream, _bytes, start, end) => note(stream, `data ${end - start}`),
      end: (stream, trailers) => note(stream, `end ${JSON.stringify(trailers)}`),
      flush: () => {},
      drained: (stream) => note(stream, 'drained'),
      closed: (stream, end) => note(stream, `closed ${end.kind}`),
      refused: () => {},
      malformed: () => {},
    },
  }
}

function connect(options: Partial<Http2Options> = {}) {
  const socket = createMemorySocket()
  const memory = createMemoryThread()
  const read = createFrameReader(true)
  const { lines, events } = recorder()
  const handle = createHttp2Client({
    socket: asSocket(socket),
    thread: memory.thread,
    events,
    endpoints: NO_ENDPOINTS,
    options,
    onClose: () => {},
  })
  const peer = {
    socket,
    handle,
    clock: memory.clock,
    sent(): string[] {
      memory.turn()
      return read(Buffer.concat(socket.written.splice(0)))
    },
    /** What is reported when these arrive. */
    receive(...pieces: readonly Buffer[]): string[] {
      const bytes = Buffer.concat(pieces)
      handle.receive(bytes, 0, bytes.length)
      return lines.splice(0)
    },
    request(method = 'GET', ends = true): Stream {
      const stream = handle.open(undefined)
      sendRequest(stream, { method })
      if (ends) stream.sendEnd('')
      return stream
    },
  }
  return peer
}

const OK: Fields = [[':status', '200']]
const status = (value: string, fields: Fields = []): Fields => [[':status', value], ...fields]

/** A client with one request under way on stream 1, whose server has sent its settings. */
function asking(method = 'GET') {
  const peer = connect()
  peer.receive(settings())
  peer.request(method)
  peer.sent()
  return peer
}

const TAKEN: readonly (readonly [
  rule: string,
  frames: () => readonly Buffer[],
  reported: readonly string[],
  method?: string,
])[] = [
  ['8.1 a response of a head alone', () => [headers(1, OK)], ['1 head 200 alone', '1 end ""']],
  [
    '8.1 a response with a body',
    () => [headers(1, OK, 0), data(1, 'ab'), data(1, 'c', 1)],
    ['1 head 200', '1 data 2', '1 data 1', '1 end ""'],
  ],
  [
    '8.1 trailers',
    () => [headers(1, OK, 0), data(1, 'ab'), headers(1, [['grpc-status', '0']])],
    ['1 head 200', '1 data 2', '1 end "grpc-status: 0\\r\\n"'],
  ],
  [
    '8.1 responses before the final one',
    () => [headers(1, status('103'), 0), headers(1, status('100'), 0), headers(1, OK)],
    ['1 informational 103', '1 informational 100', '1 head 200 alone', '1 end ""'],
  ],
  [
    '8.1.1 content-length of a response to HEAD',
    () => [headers(1, [...OK, ['content-length', '9']])],
    ['1 head 200 alone', '1 end ""'],
    'HEAD',
  ],
  [
    '8.1.1 content-length of 304',
    () => [headers(1, status('304', [['content-length', '9']]))],
    ['1 head 304 alone', '1 end ""'],
  ],
  [
    '8.1.1 content-length that is right',
    () => [headers(1, [...OK, ['content-length', '2']], 0), data(1, 'ab', 1)],
    ['1 head 200', '1 data 2', '1 end ""'],
  ],
  [
    '6.1 padding',
    () => [headers(1, OK, 0), data(1, '\x02ab\0\0', FLAG.padded | FLAG.endStream)],
    ['1 head 200', '1 data 2', '1 end ""'],
  ],
  ['7 REFUSED_STREAM: the request was not worked on', () => [reset(1, 7)], ['1 closed refused']],
  ['7 any other code breaks off', () => [reset(1, 2)], ['1 closed reset']],
  ['7 an unknown code breaks off', () => [reset(1, 0xff)], ['1 closed reset']],
  [
    '8.1 RST_STREAM after the response changes nothing',
    () => [headers(1, OK), reset(1, 0)],
    ['1 head 200 alone', '1 end ""'],
  ],
  ['6.8 GOAWAY below the stream: the request was not worked on', () => [goAway(0, 0)], ['1 closed refused']],
  [
    '6.8 GOAWAY above the stream lets it be answered',
    () => [goAway(1, 0), headers(1, OK)],
    ['1 head 200 alone', '1 end ""'],
  ],
  ['6.8 GOAWAY may come twice', () => [goAway(2 ** 31 - 1, 0), goAway(0, 0)], ['1 closed refused']],
]

describe('the client takes', () => {
  for (const [rule, frames, reported, method] of TAKEN) {
    test(rule, () => assert.deepEqual(asking(method).receive(...frames()), reported))
  }
})

const MALFORMED: readonly (readonly [rule: string, frames: () => readonly Buffer[], method?: string])[] = [
  ['8.3.2 :status is missing', () => [headers(1, [['x', 'y']])]],
  ['8.3.2 :status is repeated', () => [headers(1, [...OK, ...OK])]],
  ['8.3.2 :status of two digits', () => [headers(1, status('20'))]],
  ['8.3.2 :status of letters', () => [headers(1, status('abc'))]],
  ['8.3.2 :status of 0', () => [headers(1, status('000'))]],
  ['8.3 a pseudo-header field of requests', () => [headers(1, [...OK, [':path', '/']])]],
  ['8.3 :status after a field', () => [headers(1, [['x', 'y'], ...OK])]],
  ['8.6 101', () => [headers(1, status('101'), 0)]],
  ['8.1 103 that ends the stream', () => [headers(1, status('103'))]],
  [
    '8.1 more than eight responses before the final one',
    () => Array.from({ length: 9 }, () => headers(1, status('103'), 0)),
  ],
  ['8.1 DATA before the head', () => [data(1, 'x')]],
  ['8.1 DATA after 103', () => [headers(1, status('103'), 0), data(1, 'x')]],
  ['8.1 trailers without the end', () => [headers(1, OK, 0), headers(1, [['x', 'y']], 0)]],
  ['8.1 :status in trailers', () => [headers(1, OK, 0), headers(1, OK)]],
  ['8.2.1 an upper-case letter', () => [headers(1, [...OK, ['X', 'y']])]],
  ['8.2.1 a line feed in a value', () => [headers(1, [...OK, ['x', 'a\nb']])]],
  ['8.2.2 connection', () => [headers(1, [...OK, ['connection', 'close']])]],
  ['8.2.2 transfer-encoding', () => [headers(1, [...OK, ['transfer-encoding', 'chunked']])]],
  [
    '8.1.1 content-length above the data',
    () => [headers(1, [...OK, ['content-length', '3']], 0), data(1, 'ab', 1)],
  ],
  [
    '8.1.1 content-length below the data',
    () => [headers(1, [...OK, ['content-length', '1']], 0), data(1, 'ab', 1)],
  ],
  ['8.1.1 content-length without data', () => [headers(1, [...OK, ['content-length', '1']])]],
  ['8.1.1 content-length that is no number', () => [headers(1, [...OK, ['content-length', '1, 1']], 0)]],
  ['8.1.1 a body in a response to HEAD', () => [headers(1, OK, 0), data(1, 'a', 1)], 'HEAD'],
  ['8.1.1 a body of 204', () => [headers(1, status('204'), 0), data(1, 'a', 1)]],
  ['6.9 WINDOW_UPDATE of nothing', () => [windowUpdate(1, 0)]],
]

describe('the client breaks off', () => {
  for (const [rule, frames, method] of MALFORMED) {
    test(rule, () => {
      const peer = asking(method)
      const reported = peer.receive(...frames())
      assert.equal(reported.at(-1), '1 closed malformed')
      assert.deepEqual(peer.sent(), ['resetStream 1 protocol'])
      assert.ok(peer.handle.canOpen(), 'the connection goes on')
    })
  }
})

const CONNECTION_ERRORS: readonly (readonly [rule: string, code: string, frames: () => readonly Buffer[]])[] =
  [
    ['3.4 the first frame is not SETTINGS', 'protocol', () => [ping()]],
    ['5.1 HEADERS on an idle stream', 'protocol', () => [settings(), headers(3, OK)]],
    ['5.1 HEADERS on an even stream', 'protocol', () => [settings(), headers(2, OK)]],
    ['5.1 DATA on an idle stream', 'protocol', () => [settings(), data(3, 'x')]],
    ['5.1 DATA on a stream that has ended', 'streamClosed', () => [settings(), headers(1, OK), data(1, 'x')]],
    [
      '5.1 HEADERS on a stream that has ended',
      'streamClosed',
      () => [settings(), headers(1, OK), headers(1, OK)],
    ],
    ['6.5.2 a server allows push', 'protocol', () => [settings([[SETTING.enablePush, 1]])]],
    [
      '6.6 PUSH_PROMISE',
      'protocol',
      () => [
        settings(),
        frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.concat([number32(2), section(OK)])),
      ],
    ],
    [
      '6.10 another frame within a section',
      'protocol',
      () => [settings(), frame(FRAME.headers, 0, 1, section(OK)), ping()],
    ],
    [
      '4.3 a section that cannot be decoded',
      'compression',
      () => [settings(), frame(FRAME.headers, FLAG.endHeaders, 1, '\x80')],
    ],
    [
      '4.2 a frame too large',
      'frameSize',
      () => [settings(), headers(1, OK, 0), data(1, Buffer.alloc(16_385))],
    ],
  ]

describe('the client ends the connection', () => {
  for (const [rule, code, frames] of CONNECTION_ERRORS) {
    test(rule, () => {
      const peer = connect()
      peer.request()
      peer.sent()
      const reported = peer.receive(...frames())
      assert.match(peer.sent().at(-1) ?? '', new RegExp(`^goAway 0 0 ${code}$`))
      assert.equal(reported.at(-1), reported.includes('1 end ""') ? reported.at(-1) : '1 closed connection')
      assert.equal(peer.handle.canOpen(), false)
    })
  }
})

test('a request may be sent before anything has come, and numbers rise in the order of the heads', () => {
  const peer = connect()
  const first = peer.handle.open('a')
  const second = peer.handle.open('b')
  sendRequest(second, {})
  sendRequest(first, {})
  assert.deepEqual([second.id, first.id], [1, 3])
  assert.deepEqual(peer.sent().slice(0, 2), ['settings 0', 'windowUpdate 0 25100289'])
})

test('what is sent last ends the stream, in the same frame', () => {
  const peer = asking()
  const stream = peer.request('POST', false)
  stream.sendData(Buffer.from('abc'), 0, 3)
  stream.sendData(Buffer.from('de'), 0, 2)
  stream.sendEnd('')
  assert.deepEqual(peer.sent(), [
    'headers 3 :method=POST :scheme=http :authority=test.local :path=/',
    'data 3 5 end',
  ])
  const other = peer.request('POST', false)
  peer.sent()
  other.sendEnd('')
  assert.deepEqual(peer.sent(), ['data 5 0 end'], 'a frame of its own when the last one has left')
})

test('the number of streams follows what the server allows', () => {
  const peer = connect()
  peer.receive(settings([[SETTING.maxConcurrentStreams, 2]]))
  peer.request()
  peer.request()
  assert.equal(peer.handle.canOpen(), false)
  peer.receive(headers(1, OK))
  assert.equal(peer.handle.canOpen(), true)
  peer.receive(settings([[SETTING.maxConcurrentStreams, 0]]))
  assert.equal(peer.handle.canOpen(), false)
})

test('a connection that is told to go takes no requests and ends after the last response', () => {
  const peer = asking()
  peer.receive(goAway(1, 0))
  assert.equal(peer.handle.canOpen(), false)
  assert.equal(peer.socket.ended, false)
  peer.receive(headers(1, OK))
  assert.equal(peer.socket.ended, true)
})

test('a stream that is given up is broken off, and its late frames are let pass', () => {
  const peer = asking()
  const stream = peer.request()
  peer.sent()
  stream.reset()
  assert.deepEqual(peer.sent(), ['resetStream 3 cancel'])
  assert.deepEqual(peer.receive(headers(3, OK, 0), data(3, 'x', 1), headers(1, OK)), [
    '1 head 200 alone',
    '1 end ""',
  ])
})

test('a stream that is given up before its head is sent leaves no trace', () => {
  const peer = asking()
  peer.handle.open(undefined).reset()
  assert.deepEqual(peer.sent(), [])
  assert.equal(peer.handle.activeStreams(), 1)
})

test('extended CONNECT is known to be possible after the settings', () => {
  const peer = connect()
  assert.equal(peer.handle.canConnect(), false)
  peer.receive(settings([[SETTING.enableConnectProtocol, 1]]))
  assert.equal(peer.handle.canConnect(), true)
})
