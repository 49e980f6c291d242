import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FLAG, FRAME, PREFACE, SETTING, WINDOW_MAX } from './protocol.ts'
import {
  data,
  type Fields,
  frame,
  GET,
  goAway,
  headers,
  HELLO,
  number32,
  ping,
  POST,
  reset,
  section,
  settings,
  windowUpdate,
} from './testing-frames.ts'
import { openedMemoryServer, openMemoryServer } from './testing-peer.ts'

const without = (name: string, fields: Fields = GET): Fields => fields.filter(([each]) => each !== name)
const replaced = (name: string, value: string, fields: Fields = GET): Fields =>
  fields.map(([each, before]) => [each, each === name ? value : before])

type Case = readonly [rule: string, frames: () => readonly Buffer[]]

/** After each of these the connection ends with this code. */
const CONNECTION_ERRORS: Readonly<Record<string, readonly Case[]>> = {
  protocol: [
    ['3.4 the first frame is not SETTINGS', () => [PREFACE, ping()]],
    ['3.4 the preface is another one', () => [Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'), settings()]],
    ['5.1 DATA on an idle stream', () => [HELLO, data(1, 'x')]],
    ['5.1 RST_STREAM on an idle stream', () => [HELLO, reset(1, 8)]],
    ['5.1 WINDOW_UPDATE on an idle stream', () => [HELLO, windowUpdate(1, 1)]],
    ['5.1.1 a client opens an even stream', () => [HELLO, headers(2, GET)]],
    ['5.1.1 a stream below the last one', () => [HELLO, headers(5, GET), headers(3, GET)]],
    ['6.1 DATA on stream 0', () => [HELLO, data(0, 'x')]],
    [
      '6.1 more padding than the frame holds',
      () => [HELLO, headers(1, POST, 0), data(1, '\x05abc', FLAG.padded)],
    ],
    [
      '6.1 padding as long as the payload',
      () => [HELLO, headers(1, POST, 0), data(1, '\x04abc', FLAG.padded)],
    ],
    ['6.2 HEADERS on stream 0', () => [HELLO, headers(0, GET)]],
    [
      '6.2 padding of HEADERS longer than the frame',
      () => [HELLO, frame(FRAME.headers, FLAG.endHeaders | FLAG.padded, 1, '\xff\x82')],
    ],
    ['6.3 PRIORITY on stream 0', () => [HELLO, frame(FRAME.priority, 0, 0, Buffer.alloc(5))]],
    ['6.4 RST_STREAM on stream 0', () => [HELLO, reset(0, 8)]],
    ['6.5 SETTINGS on a stream', () => [HELLO, frame(FRAME.settings, 0, 1)]],
    ['6.5.2 ENABLE_PUSH is 2', () => [HELLO, settings([[SETTING.enablePush, 2]])]],
    ['6.5.2 MAX_FRAME_SIZE below 2^14', () => [HELLO, settings([[SETTING.maxFrameSize, 16_383]])]],
    ['6.5.2 MAX_FRAME_SIZE above 2^24-1', () => [HELLO, settings([[SETTING.maxFrameSize, 2 ** 24]])]],
    [
      'RFC 8441, 3 ENABLE_CONNECT_PROTOCOL is 2',
      () => [HELLO, settings([[SETTING.enableConnectProtocol, 2]])],
    ],
    [
      'RFC 8441, 3 ENABLE_CONNECT_PROTOCOL is taken back',
      () => [
        HELLO,
        settings([[SETTING.enableConnectProtocol, 1]]),
        settings([[SETTING.enableConnectProtocol, 0]]),
      ],
    ],
    [
      '6.6 a client sends PUSH_PROMISE',
      () => [HELLO, frame(FRAME.pushPromise, FLAG.endHeaders, 1, number32(2))],
    ],
    ['6.7 PING on a stream', () => [HELLO, frame(FRAME.ping, 0, 1, '12345678')]],
    ['6.8 GOAWAY on a stream', () => [HELLO, frame(FRAME.goAway, 0, 1, Buffer.alloc(8))]],
    ['6.9 WINDOW_UPDATE of nothing for the connection', () => [HELLO, windowUpdate(0, 0)]],
    ['6.10 CONTINUATION without HEADERS', () => [HELLO, frame(FRAME.continuation, FLAG.endHeaders, 1)]],
    ['6.10 CONTINUATION on stream 0', () => [HELLO, frame(FRAME.continuation, FLAG.endHeaders, 0)]],
    [
      '6.10 CONTINUATION after the end of a section',
      () => [HELLO, headers(1, POST, 0), frame(FRAME.continuation, FLAG.endHeaders, 1)],
    ],
    [
      '6.10 CONTINUATION of another stream',
      () => [
        HELLO,
        frame(FRAME.headers, FLAG.endStream, 1, section(GET)),
        frame(FRAME.continuation, FLAG.endHeaders, 3),
      ],
    ],
    [
      '6.10 another frame within a section',
      () => [HELLO, frame(FRAME.headers, FLAG.endStream, 1, section(GET)), ping()],
    ],
    [
      '5.5 an unknown frame within a section',
      () => [HELLO, frame(FRAME.headers, FLAG.endStream, 1, section(GET)), frame(99, 0, 0, 'x')],
    ],
  ],
  frameSize: [
    ['4.2 a frame above MAX_FRAME_SIZE', () => [HELLO, headers(1, POST, 0), data(1, Buffer.alloc(16_385))]],
    ['4.2 an unknown frame above MAX_FRAME_SIZE', () => [HELLO, frame(99, 0, 0, Buffer.alloc(16_385))]],
    [
      '6.4 RST_STREAM of three bytes',
      () => [HELLO, headers(1, POST, 0), frame(FRAME.resetStream, 0, 1, 'abc')],
    ],
    [
      '6.5 an acknowledgement with a payload',
      () => [HELLO, frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6))],
    ],
    ['6.5 SETTINGS of five bytes', () => [HELLO, frame(FRAME.settings, 0, 0, '12345')]],
    ['6.7 PING of seven bytes', () => [HELLO, frame(FRAME.ping, 0, 0, '1234567')]],
    ['6.8 GOAWAY of seven bytes', () => [HELLO, frame(FRAME.goAway, 0, 0, '1234567')]],
    ['6.9 WINDOW_UPDATE of three bytes', () => [HELLO, frame(FRAME.windowUpdate, 0, 0, 'abc')]],
    ['6.1 padded DATA without its length', () => [HELLO, headers(1, POST, 0), data(1, '', FLAG.padded)]],
    [
      '6.2 padded HEADERS without its length',
      () => [HELLO, frame(FRAME.headers, FLAG.padded | FLAG.endHeaders, 1)],
    ],
    [
      '6.2 HEADERS without its priority',
      () => [HELLO, frame(FRAME.headers, FLAG.priority | FLAG.endHeaders, 1, 'ab')],
    ],
  ],
  flowControl: [
    [
      '6.5.2 INITIAL_WINDOW_SIZE above 2^31-1',
      () => [HELLO, settings([[SETTING.initialWindowSize, 2 ** 31]])],
    ],
    ['6.9.1 the window of the connection above 2^31-1', () => [HELLO, windowUpdate(0, WINDOW_MAX)]],
    [
      '6.9.2 a change of INITIAL_WINDOW_SIZE takes a window above 2^31-1',
      () => [
        HELLO,
        headers(1, POST, 0),
        windowUpdate(1, WINDOW_MAX - 65_535),
        settings([[SETTING.initialWindowSize, 65_536]]),
      ],
    ],
  ],
  streamClosed: [
    ['5.1 DATA on a stream that has ended', () => [HELLO, headers(1, GET), data(1, 'x')]],
    ['5.1 HEADERS on a stream that has ended', () => [HELLO, headers(1, GET), headers(1, GET)]],
    [
      '5.1 DATA on a stream that the client broke off',
      () => [HELLO, headers(1, POST, 0), reset(1, 8), data(1, 'x')],
    ],
  ],
  compression: [
    ['4.3 a section that ends within a field', () => [HELLO, frame(FRAME.headers, 5, 1, '\x40\x05a')]],
    ['RFC 7541, 2.3.3 an index beyond the tables', () => [HELLO, frame(FRAME.headers, 5, 1, '\xff\x20')]],
    ['RFC 7541, 6.1 index 0', () => [HELLO, frame(FRAME.headers, 5, 1, '\x80')]],
    ['RFC 7541, 4.2 a change of size after a field', () => [HELLO, frame(FRAME.headers, 5, 1, '\x82\x20')]],
    ['RFC 7541, 6.3 a size above the limit', () => [HELLO, frame(FRAME.headers, 5, 1, '\x3f\xe2\x1f')]],
    [
      'RFC 7541, 5.2 the end marker in a string',
      () => [HELLO, frame(FRAME.headers, 5, 1, '\x00\x84\xff\xff\xff\xff\x00')],
    ],
    [
      '4.3 a section of a stream that is not served any more',
      () => [HELLO, headers(1, GET), frame(FRAME.headers, 5, 1, '\x80')],
    ],
  ],
}

for (const [code, cases] of Object.entries(CONNECTION_ERRORS)) {
  describe(`the connection ends with ${code}`, () => {
    for (const [rule, frames] of cases) {
      test(rule, () => {
        const peer = openMemoryServer()
        const answers = peer.send(...frames())
        const last = answers.at(-1) ?? 'nothing'
        assert.match(last, new RegExp(`^goAway 0 \\d+ ${code}$`), answers.join('\n'))
        assert.ok(peer.socket.ended)
        assert.deepEqual(peer.send(headers(9, GET)), [], 'nothing is answered after it')
      })
    }
  })
}

/** After each of these stream 1 is broken off with this code and stream 3 is served. */
const STREAM_ERRORS: Readonly<Record<string, readonly Case[]>> = {
  protocol: [
    ['8.2.1 an upper-case letter in a name', () => [headers(1, [...GET, ['X-a', 'b']])]],
    ['8.2.1 a blank in a name', () => [headers(1, [...GET, ['x a', 'b']])]],
    ['8.2.1 a control character in a name', () => [headers(1, [...GET, ['x\u0001', 'b']])]],
    ['8.2.1 a byte above 127 in a name', () => [headers(1, [...GET, ['x\u00e9', 'b']])]],
    ['8.2.1 a colon within a name', () => [headers(1, [...GET, ['x:a', 'b']])]],
    ['8.2.1 an empty name', () => [headers(1, [...GET, ['', 'b']])]],
    ['8.2.1 a NUL in a value', () => [headers(1, [...GET, ['x', 'a\0b']])]],
    ['8.2.1 a line feed in a value', () => [headers(1, [...GET, ['x', 'a\nb']])]],
    ['8.2.1 a carriage return in a value', () => [headers(1, [...GET, ['x', 'a\rb']])]],
    ['8.2.1 a value that begins with a blank', () => [headers(1, [...GET, ['x', ' a']])]],
    ['8.2.1 a value that ends with a tab', () => [headers(1, [...GET, ['x', 'a\t']])]],
    ['8.2.2 connection', () => [headers(1, [...GET, ['connection', 'close']])]],
    ['8.2.2 keep-alive', () => [headers(1, [...GET, ['keep-alive', 'timeout=5']])]],
    ['8.2.2 proxy-connection', () => [headers(1, [...GET, ['proxy-connection', 'close']])]],
    ['8.2.2 transfer-encoding', () => [headers(1, [...GET, ['transfer-encoding', 'chunked']])]],
    ['8.2.2 upgrade', () => [headers(1, [...GET, ['upgrade', 'websocket']])]],
    ['8.2.2 te of another value', () => [headers(1, [...GET, ['te', 'gzip']])]],
    ['8.2.2 te of a list', () => [headers(1, [...GET, ['te', 'trailers, gzip']])]],
    ['8.3 a pseudo-header field after a field', () => [headers(1, [['x', 'y'], ...GET])]],
    ['8.3 an unknown pseudo-header field', () => [headers(1, [...GET, [':x', 'y']])]],
    ['8.3 a pseudo-header field of responses', () => [headers(1, [...GET, [':status', '200']])]],
    ['8.3.1 :method is missing', () => [headers(1, without(':method'))]],
    ['8.3.1 :scheme is missing', () => [headers(1, without(':scheme'))]],
    ['8.3.1 :path is missing', () => [headers(1, without(':path'))]],
    ['8.3.1 :path is empty', () => [headers(1, replaced(':path', ''))]],
    ['8.3.1 :path does not begin with a slash', () => [headers(1, replaced(':path', 'x'))]],
    ['8.3.1 :path is * of another method than OPTIONS', () => [headers(1, replaced(':path', '*'))]],
    ['8.3.1 :path holds a blank', () => [headers(1, replaced(':path', '/a b'))]],
    ['8.3.1 :path holds a fragment', () => [headers(1, replaced(':path', '/a#b'))]],
    ['8.3.1 :path holds a byte above 127', () => [headers(1, replaced(':path', '/\u00e9'))]],
    ['8.3.1 :method is no token', () => [headers(1, replaced(':method', 'G T'))]],
    ['8.3.1 :method is empty', () => [headers(1, replaced(':method', ''))]],
    ['8.3.1 :scheme is another one', () => [headers(1, replaced(':scheme', 'ftp'))]],
    ['8.3.1 :method is repeated', () => [headers(1, [[':method', 'GET'], ...GET])]],
    ['8.3.1 :path is repeated', () => [headers(1, [[':path', '/'], ...GET])]],
    ['8.3.1 :scheme is repeated', () => [headers(1, [[':scheme', 'http'], ...GET])]],
    ['8.3.1 :authority is repeated', () => [headers(1, [[':authority', 'a.b'], ...GET])]],
    ['8.3.1 :authority has user information', () => [headers(1, replaced(':authority', 'u@a.b'))]],
    ['8.3.1 :authority is empty', () => [headers(1, replaced(':authority', ''))]],
    ['8.3.1 :authority has a path', () => [headers(1, replaced(':authority', 'a.b/c'))]],
    ['8.3.1 host disagrees with :authority', () => [headers(1, [...GET, ['host', 'c.d']])]],
    [
      '8.3.1 two hosts without :authority',
      () => [headers(1, [...without(':authority'), ['host', 'a.b'], ['host', 'a.b']])],
    ],
    ['8.5 CONNECT with a path', () => [headers(1, replaced(':method', 'CONNECT'))]],
    ['8.5 CONNECT without an authority', () => [headers(1, [[':method', 'CONNECT']])]],
    ['RFC 8441, 4 :protocol of another method', () => [headers(1, [[':protocol', 'websocket'], ...GET])]],
    [
      'RFC 8441, 4 extended CONNECT without :path',
      () => [
        headers(1, [
          [':method', 'CONNECT'],
          [':protocol', 'websocket'],
          [':scheme', 'http'],
          [':authority', 'a.b'],
        ]),
      ],
    ],
    [
      '8.1.1 content-length above the data',
      () => [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'ab', 1)],
    ],
    [
      '8.1.1 content-length below the data',
      () => [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'abcd', 1)],
    ],
    ['8.1.1 content-length without data', () => [headers(1, [...POST, ['content-length', '3']])]],
    [
      '8.1.1 content-length below data of two frames',
      () => [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'ab'), data(1, 'cd', 1)],
    ],
    [
      '8.1.1 content-length above the data, with trailers',
      () => [headers(1, [...POST, ['content-length', '3']], 0), data(1, 'ab'), headers(1, [['x', 'y']])],
    ],
    ['RFC 9110, 8.6 content-length with a sign', () => [headers(1, [...POST, ['content-length', '+3']], 0)]],
    ['RFC 9110, 8.6 content-length as a list', () => [headers(1, [...POST, ['content-length', '3, 3']], 0)]],
    [
      'RFC 9110, 8.6 content-length twice',
      () => [headers(1, [...POST, ['content-length', '3'], ['content-length', '3']], 0)],
    ],
    [
      'RFC 9110, 8.6 content-length beyond measure',
      () => [headers(1, [...POST, ['content-length', '9'.repeat(16)]], 0)],
    ],
    ['8.1 trailers without the end of the stream', () => [headers(1, POST, 0), headers(1, [['x', 'y']], 0)]],
    ['8.1 a pseudo-header field in trailers', () => [headers(1, POST, 0), headers(1, [[':path', '/']])]],
    ['8.1 an upper-case letter in trailers', () => [headers(1, POST, 0), headers(1, [['X', 'y']])]],
    ['8.1 connection in trailers', () => [headers(1, POST, 0), headers(1, [['connection', 'close']])]],
    ['6.9 WINDOW_UPDATE of nothing', () => [headers(1, POST, 0), windowUpdate(1, 0)]],
    [
      '5.3.1 of RFC 7540: a stream that depends on itself',
      () => [frame(FRAME.headers, 0x25, 1, Buffer.concat([number32(1), Buffer.from([0]), section(GET)]))],
    ],
    [
      '5.3.1 of RFC 7540: PRIORITY of a stream on itself',
      () => [
        headers(1, POST, 0),
        frame(FRAME.priority, 0, 1, Buffer.concat([number32(1), Buffer.from([0])])),
      ],
    ],
  ],
  flowControl: [
    ['6.9.1 the window of a stream above 2^31-1', () => [headers(1, POST, 0), windowUpdate(1, WINDOW_MAX)]],
  ],
  frameSize: [
    ['6.3 PRIORITY of four bytes', () => [headers(1, POST, 0), frame(FRAME.priority, 0, 1, 'abcd')]],
  ],
  streamClosed: [
    [
      '5.1 DATA on a half-closed stream',
      () => [settings([[SETTING.initialWindowSize, 0]]), headers(1, GET), data(1, 'x')],
    ],
    [
      '5.1 HEADERS on a half-closed stream',
      () => [settings([[SETTING.initialWindowSize, 0]]), headers(1, GET), headers(1, GET)],
    ],
  ],
}

for (const [code, cases] of Object.entries(STREAM_ERRORS)) {
  describe(`the stream ends with ${code}`, () => {
    for (const [rule, frames] of cases) {
      test(rule, () => {
        const peer = openedMemoryServer()
        const answers = peer.send(...frames())
        assert.ok(answers.includes(`resetStream 1 ${code}`), answers.join('\n'))
        assert.ok(!answers.some((line) => line.startsWith('goAway')), answers.join('\n'))
        const next = peer.send(headers(3, GET))
        assert.match(next[0] ?? '', /^headers 3 :status=200/, 'other streams are served')
        assert.equal(peer.handle.activeStreams() <= 1, true)
      })
    }
  })
}

/** What has to be taken, and the answers to it. */
const TAKEN: readonly (readonly [
  rule: string,
  frames: () => readonly Buffer[],
  answers: readonly string[],
])[] = [
  ['6.5.3 SETTINGS are acknowledged', () => [settings()], ['settings 0 ack']],
  ['6.5.2 unknown settings are ignored', () => [settings([[0xff, 1]])], ['settings 0 ack']],
  ['6.7 PING is answered with its payload', () => [ping()], ['ping 0 ack']],
  ['6.7 an answer to PING is not answered', () => [ping(FLAG.ack)], []],
  ['4.1 unknown frames are ignored', () => [frame(99, 0xff, 1, 'x')], []],
  ['4.1 unknown flags are ignored', () => [frame(FRAME.ping, 0xfe, 0, '12345678')], ['ping 0 ack']],
  [
    '4.1 the reserved bit is ignored',
    () => [frame(FRAME.ping, 0, 0, '12345678').fill(0x80, 5, 6)],
    ['ping 0 ack'],
  ],
  ['5.1 PRIORITY on an idle stream', () => [frame(FRAME.priority, 0, 1, Buffer.alloc(5))], []],
  [
    '5.1 PRIORITY on a stream that has ended',
    () => [headers(1, GET), frame(FRAME.priority, 0, 1, Buffer.alloc(5))],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '5.1 WINDOW_UPDATE on a stream that has ended',
    () => [headers(1, GET), windowUpdate(1, 1)],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '5.1 RST_STREAM on a stream that has ended',
    () => [headers(1, GET), reset(1, 8)],
    ['headers 1', 'data 1 1024 end'],
  ],
  ['5.1.1 numbers may be skipped', () => [headers(7, GET)], ['headers 7', 'data 7 1024 end']],
  [
    '6.1 padding is not part of the body',
    () => [headers(1, POST, 0), data(1, '\x03ab\0\0\0', FLAG.padded | FLAG.endStream)],
    ['headers 1', 'data 1 2 end'],
  ],
  [
    '6.1 a frame of padding alone',
    () => [headers(1, POST, 0), data(1, '\x03\0\0\0', FLAG.padded | FLAG.endStream)],
    ['headers 1 :status=200 content-type=application/octet-stream end'],
  ],
  [
    '6.2 padded HEADERS',
    () => [frame(FRAME.headers, 0xd, 1, Buffer.concat([Buffer.from([2]), section(GET), Buffer.alloc(2)]))],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '6.2 HEADERS with a priority',
    () => [frame(FRAME.headers, 0x25, 1, Buffer.concat([number32(0), Buffer.from([7]), section(GET)]))],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '6.10 a section in three frames',
    () => {
      const bytes = section(GET)
      return [
        frame(FRAME.headers, FLAG.endStream, 1, bytes.subarray(0, 5)),
        frame(FRAME.continuation, 0, 1, bytes.subarray(5, 9)),
        frame(FRAME.continuation, FLAG.endHeaders, 1, bytes.subarray(9)),
      ]
    },
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.1 trailers',
    () => [headers(1, POST, 0), data(1, 'ab'), headers(1, [['x-sum', '1']])],
    ['headers 1', 'data 1 2', 'headers 1 x-sum=1 end'],
  ],
  [
    '8.1 trailers that would change the message are left out',
    () => [
      headers(1, POST, 0),
      data(1, 'ab'),
      headers(1, [
        ['content-type', 'x'],
        ['x-sum', '1'],
      ]),
    ],
    ['headers 1', 'data 1 2', 'headers 1 x-sum=1 end'],
  ],
  [
    '8.1 trailers of which nothing is left',
    () => [headers(1, POST, 0), data(1, 'ab'), headers(1, [['host', 'x']])],
    ['headers 1', 'data 1 2 end'],
  ],
  ['8.2.2 te: trailers', () => [headers(1, [...GET, ['te', 'trailers']])], ['headers 1', 'data 1 1024 end']],
  [
    '8.3.1 OPTIONS *',
    () => [headers(1, replaced(':path', '*', replaced(':method', 'OPTIONS')))],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.3.1 host instead of :authority',
    () => [headers(1, [...without(':authority'), ['host', 'a.b']])],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.3.1 host equal to :authority, in another case',
    () => [headers(1, [...GET, ['host', 'A.b']])],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.3.1 an IPv6 authority with a port',
    () => [headers(1, replaced(':authority', '[::1]:80'))],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.1.1 content-length of 0 without data',
    () => [headers(1, [...POST, ['content-length', '0']])],
    ['headers 1', 'data 1 1024 end'],
  ],
  [
    '8.1.1 content-length that is right',
    () => [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'ab', 1)],
    ['headers 1', 'data 1 2 end'],
  ],
  [
    '8.1.1 content-length that is right, with trailers',
    () => [headers(1, [...POST, ['content-length', '2']], 0), data(1, 'ab'), headers(1, [['x', 'y']])],
    ['headers 1', 'data 1 2', 'headers 1 x=y end'],
  ],
  [
    '8.1 HEAD has no body',
    () => [headers(1, replaced(':method', 'HEAD'))],
    ['headers 1 :status=200 content-type=text/plain content-length=1024 server=lateen end'],
  ],
  [
    '6.8 GOAWAY of the client lets its streams be served',
    () => [headers(1, POST, 0), goAway(0, 0), data(1, 'ab', 1)],
    ['headers 1', 'data 1 2 end', 'goAway 0 1 none'],
  ],
  [
    '5.1 frames of a stream that was broken off are let pass',
    () => [
      headers(1, [...POST, ['content-length', 'x']], 0),
      data(1, 'ab'),
      headers(1, [['x', 'y']]),
      headers(3, GET),
    ],
    ['resetStream 1 protocol', 'headers 3', 'data 3 1024 end'],
  ],
  [
    '8.3.1 no host at all is answered with 400',
    () => [headers(1, without(':authority'))],
    ['headers 1 :status=400', 'data 1 19 end'],
  ],
  [
    '10.5.1 too many fields are answered with 431',
    () => [headers(1, [...GET, ...Array.from({ length: 101 }, () => ['a', 'b'] as const)])],
    ['headers 1 :status=431', 'data 1'],
  ],
]

describe('the server takes', () => {
  for (const [rule, frames, expected] of TAKEN) {
    test(rule, () => {
      const answers = openedMemoryServer().send(...frames())
      assert.equal(answers.length, expected.length, answers.join('\n'))
      expected.forEach((line, index) => {
        const answer = answers[index] ?? ''
        assert.ok(
          answer === line || (answer.startsWith(`${line} `) && line.length > 0),
          `${answer}\nis not\n${line}`,
        )
      })
    })
  }
})

test('what the client sends first is answered with our settings and the window of the connection', () => {
  assert.deepEqual(openMemoryServer().send(HELLO), [
    'settings 0',
    'windowUpdate 0 25100289',
    'settings 0 ack',
  ])
})

test('one stream more than the limit is refused, and one is taken again when another has ended', () => {
  const peer = openedMemoryServer({ maxConcurrentStreams: 2 })
  peer.send(headers(1, POST, 0), headers(3, POST, 0))
  assert.deepEqual(peer.send(headers(5, GET)), ['resetStream 5 refusedStream'])
  peer.send(data(1, 'x', 1))
  assert.match(peer.send(headers(7, GET))[0] ?? '', /^headers 7/)
})

test('extended CONNECT opens a tunnel in both directions', () => {
  const peer = openedMemoryServer()
  const connect: Fields = [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)]
  assert.match(peer.send(headers(1, connect, 0))[0] ?? '', /^headers 1 :status=200/)
  assert.deepEqual(peer.send(data(1, 'abc')), ['data 1 3'])
  assert.deepEqual(peer.send(data(1, '', 1)), ['data 1 0 end'])
  assert.equal(peer.handle.activeStreams(), 0)
})

test('the memory of a whole response is one write', () => {
  const peer = openedMemoryServer()
  const bytes = Buffer.concat([headers(1, GET), headers(3, GET), headers(5, GET), ping()])
  peer.push(bytes)
  assert.equal(peer.socket.written.length, 0)
  assert.equal(peer.answers().length, 7)
})

test('RFC 9110, 10.1.1: a body that waits for 100 is asked for by the user of the stream', () => {
  const expecting = headers(1, [...POST, ['expect', '100-continue']], 0)
  const wanting = openedMemoryServer({}, { head: (stream) => stream.sendInformational(100, undefined) })
  assert.deepEqual(wanting.send(expecting), ['headers 1 :status=100'])
  assert.match(openedMemoryServer().send(expecting)[0] ?? '', /^headers 1 :status=200/)
  const other = openedMemoryServer().send(headers(1, [...POST, ['expect', 'x']], 0))
  assert.match(other[0] ?? '', /^headers 1 :status=417/)
})
