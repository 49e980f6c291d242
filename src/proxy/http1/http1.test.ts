import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  createChunkedDecoder,
  decodeChunked,
  forwardedTrailers,
  isChunkedBad,
  isChunkedDone,
} from './chunked.ts'
import { BODY, createFraming, requestFraming, responseFraming } from './framing.ts'
import {
  createHeadBlock,
  dropField,
  fieldEntries,
  fieldValue,
  type HeadBlock,
  resetHeadBlock,
  retainHead,
} from './head-block.ts'
import { hashName } from './known-fields.ts'
import { createOutBuffer } from './out-buffer.ts'
import { readTarget } from './request-target.ts'
import { SCAN, scanRequestHead, scanResponseHead } from './scan-head.ts'
import { putFields } from './write-head.ts'

function scanned(text: string | Buffer): { outcome: number; block: HeadBlock } {
  const bytes = Buffer.from(text as string, 'latin1')
  const block = createHeadBlock()
  return { outcome: scanRequestHead(block, bytes, 0, bytes.length), block }
}

/** What a server makes of a head: `ok`, or the first thing that is wrong with it. */
function verdict(text: string): string {
  const { outcome, block } = scanned(text)
  if (outcome !== SCAN.done) return Object.entries(SCAN).find(([, value]) => value === outcome)?.[0] ?? '?'
  return (
    requestFraming(block, createFraming()) ??
    readTarget(block, { method: '', authority: '', path: '' }) ??
    'ok'
  )
}

const request = (fields: string, line = 'GET / HTTP/1.1') => `${line}\r\n${fields}\r\n`

describe('a request head', () => {
  const REFUSED: readonly (readonly [why: string, text: string])[] = [
    ['a bare line feed ends the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['a bare line feed ends a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
    ['a bare carriage return is in a value', request('Host: a\r\nX: a\rb\r\n')],
    ['a bare carriage return ends the head', 'GET / HTTP/1.1\r\nHost: a\r\n\rX'],
    ['a line is folded', request('Host: a\r\nX: a\r\n b\r\n')],
    ['the first field begins with a blank', request(' Host: a\r\n')],
    ['a blank stands before the colon', request('Host : a\r\n')],
    ['a field has no name', request('Host: a\r\n: x\r\n')],
    ['a field has no colon', request('Host: a\r\nX\r\n')],
    ['a name holds a control character', request('Host: a\r\nX\u0001: b\r\n')],
    ['a name holds a byte above 127', request('Host: a\r\nX\u00e9: b\r\n')],
    ['a value holds a NUL', request('Host: a\r\nX: \u0000\r\n')],
    ['a value holds a DEL', request('Host: a\r\nX: \u007f\r\n')],
    ['the request line has two blanks', request('Host: a\r\n', 'GET  / HTTP/1.1')],
    ['the request line has a blank in the target', request('Host: a\r\n', 'GET /a b HTTP/1.1')],
    ['the request line has a tab', request('Host: a\r\n', 'GET\t/ HTTP/1.1')],
    ['the request line begins with a blank', request('Host: a\r\n', ' GET / HTTP/1.1')],
    ['the version is missing', request('Host: a\r\n', 'GET /')],
    ['the version is unknown', request('Host: a\r\n', 'GET / HTTP/1.2')],
    ['the version is in lower case', request('Host: a\r\n', 'GET / http/1.1')],
    ['the version is HTTP/2', request('Host: a\r\n', 'GET / HTTP/2.0')],
    ['the method holds a separator', request('Host: a\r\n', 'G(T / HTTP/1.1')],
    ['the target holds a byte above 127', request('Host: a\r\n', 'GET /\u00e9 HTTP/1.1')],
    ['the target holds a fragment', request('Host: a\r\n', 'GET /a#b HTTP/1.1')],
    ['there is no Host', request('X: a\r\n')],
    ['there are two Hosts', request('Host: a\r\nHost: a\r\n')],
    ['the Host is empty', request('Host:\r\n')],
    ['the Host has user information', request('Host: u@a\r\n')],
    ['the Host has a path', request('Host: a/b\r\n')],
    ['the Host is a list', request('Host: a, b\r\n')],
    ['the port of the Host is no number', request('Host: a:x\r\n')],
    ['the port of the Host is too large', request('Host: a:65536\r\n')],
    ['the absolute target disagrees with the Host', request('Host: a\r\n', 'GET http://b/ HTTP/1.1')],
    ['the absolute target has another scheme', request('Host: a\r\n', 'GET ftp://a/ HTTP/1.1')],
    ['the target is a star and the method not OPTIONS', request('Host: a\r\n', 'GET * HTTP/1.1')],
    ['the target is neither path nor URL', request('Host: a\r\n', 'GET a HTTP/1.1')],
    ['CONNECT names a path', request('Host: a\r\n', 'CONNECT / HTTP/1.1')],
    [
      'the length stands beside chunked',
      request('Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
    ],
    ['two lengths differ', request('Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n')],
    ['two lengths agree', request('Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n')],
    ['the length is a list', request('Host: a\r\nContent-Length: 1, 1\r\n')],
    ['the length has a sign', request('Host: a\r\nContent-Length: +1\r\n')],
    ['the length is negative', request('Host: a\r\nContent-Length: -1\r\n')],
    ['the length is hexadecimal', request('Host: a\r\nContent-Length: 0x10\r\n')],
    ['the length is empty', request('Host: a\r\nContent-Length:\r\n')],
    ['the length overflows', request('Host: a\r\nContent-Length: 99999999999999999999\r\n')],
    ['the coding is unknown', request('Host: a\r\nTransfer-Encoding: gzip\r\n')],
    ['the coding is a list', request('Host: a\r\nTransfer-Encoding: gzip, chunked\r\n')],
    [
      'chunked comes twice',
      request('Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'),
    ],
    ['chunked comes twice in one field', request('Host: a\r\nTransfer-Encoding: chunked, chunked\r\n')],
    ['chunked is followed by a vertical tab', request('Host: a\r\nTransfer-Encoding: chunked\u000b\r\n')],
    ['the coding is quoted', request('Host: a\r\nTransfer-Encoding: "chunked"\r\n')],
    ['the coding is empty', request('Host: a\r\nTransfer-Encoding:\r\n')],
    ['HTTP/1.0 is chunked', request('Host: a\r\nTransfer-Encoding: chunked\r\n', 'POST / HTTP/1.0')],
    [
      'Connection would take the length away',
      request('Host: a\r\nConnection: content-length\r\nContent-Length: 1\r\n'),
    ],
    ['Connection would take the Host away', request('Host: a\r\nConnection: close, Host\r\n')],
    [
      'Connection would take what the edge says of the client',
      request('Host: a\r\nConnection: X-Forwarded-For\r\n'),
    ],
    ['Connection is not a list of tokens', request('Host: a\r\nConnection: a b\r\n')],
  ]
  for (const [why, text] of REFUSED) {
    test(`is refused when ${why}`, () => {
      const result = verdict(text)
      assert.notEqual(result, 'ok')
      assert.notEqual(result, 'more')
    })
  }

  const TAKEN: readonly (readonly [what: string, text: string])[] = [
    ['the least', request('Host: a\r\n')],
    ['no blank after the colon', request('Host:a\r\n')],
    ['many blanks around a value', request('Host: \t a \t \r\nX:  b  \r\n')],
    ['an empty value', request('Host: a\r\nX:\r\n')],
    ['bytes above 127 in a value', request('Host: a\r\nX: \u00e9\r\n')],
    ['an IPv6 Host', request('Host: [::1]:80\r\n')],
    ['an absolute target that agrees', request('Host: a:80\r\n', 'GET http://A:80/x?y HTTP/1.1')],
    ['OPTIONS of the server', request('Host: a\r\n', 'OPTIONS * HTTP/1.1')],
    ['CONNECT with an authority', request('Host: a:443\r\n', 'CONNECT a:443 HTTP/1.1')],
    ['HTTP/1.0 without a Host', request('X: y\r\n', 'GET / HTTP/1.0')],
    ['chunked in capitals', request('Host: a\r\nTransfer-Encoding: CHUNKED\r\n')],
    ['a method that nobody knows', request('Host: a\r\n', 'BREW /pot HTTP/1.1')],
  ]
  for (const [what, text] of TAKEN) test(`may have ${what}`, () => assert.equal(verdict(text), 'ok'))

  test('is limited in bytes and in fields, whether or not its end has come', () => {
    assert.equal(verdict(request(`Host: a\r\nX: ${'x'.repeat(61 * 1024)}\r\n`)), 'tooLarge')
    assert.equal(scanned(`GET / HTTP/1.1\r\nX: ${'x'.repeat(60 * 1024)}`).outcome, SCAN.tooLarge)
    assert.equal(verdict(request(`Host: a\r\n${'X: y\r\n'.repeat(100)}`)), 'tooMany')
    assert.equal(verdict(request(`Host: a\r\n${'X: y\r\n'.repeat(99)}`)), 'ok')
  })

  test('is lower-cased in its names and otherwise goes out as it came', () => {
    const { block } = scanned(request('HOST: A\r\nX-Two:  b \r\nX-Three: c\r\nx-two: d\r\n'))
    dropField(block, 'x-three', hashName('x-three'))
    const out = createOutBuffer()
    putFields(out, block)
    assert.equal(out.bytes.toString('latin1', 0, out.length), 'host: A\r\nx-two: b\r\nx-two: d\r\n')
    assert.equal(fieldValue(block, 'x-two'), 'b,d')
    assert.equal(fieldValue(block, 'x-three'), undefined)
  })
})

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/)
const value = fc.stringMatching(/^[!-~]?[ -~]{0,30}$/).map((text) => text.trim())

test('a head that arrives in two parts, wherever it is cut, is the same head', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(token, value), { maxLength: 8 }), fc.nat(), (fields, at) => {
      const text = request(`Host: a\r\n${fields.map(([name, one]) => `X-${name}: ${one}\r\n`).join('')}`)
      const whole = scanned(text)
      assert.equal(whole.outcome, SCAN.done)
      const bytes = Buffer.from(text, 'latin1')
      const cut = at % bytes.length
      const block = createHeadBlock()
      assert.equal(scanRequestHead(block, bytes, 0, cut), SCAN.more)
      assert.equal(scanRequestHead(block, bytes, 0, bytes.length), SCAN.done)
      assert.deepEqual(fieldEntries(block), fieldEntries(whole.block))
      assert.equal(block.length, whole.block.length)
    }),
  )
})

test('a head that arrives byte by byte is the same head, and a wrong one is refused at whatever byte shows it', () => {
  for (const text of [
    request('Host: a\r\nX: b\r\n'),
    request('Host: a\r\nX : b\r\n'),
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
  ]) {
    const bytes = Buffer.from(text, 'latin1')
    const whole = createHeadBlock()
    const expected = scanRequestHead(whole, Buffer.from(bytes), 0, bytes.length)
    const block = createHeadBlock()
    let outcome: number = SCAN.more
    for (let end = 1; end <= bytes.length && outcome === SCAN.more; end++)
      outcome = scanRequestHead(block, bytes, 0, end)
    assert.equal(outcome, expected)
  }
})

test('a retained head reads the same after the buffer it came in was used again', () => {
  const bytes = Buffer.from(`junk${request('Host: a\r\nX: y\r\n')}rest`, 'latin1')
  const block = createHeadBlock()
  assert.equal(scanRequestHead(block, bytes, 4, bytes.length), SCAN.done)
  retainHead(block)
  bytes.fill(0)
  assert.deepEqual(fieldEntries(block), [
    ['host', 'a'],
    ['x', 'y'],
  ])
  resetHeadBlock(block)
  assert.equal(block.count, 0)
})

describe('a response head', () => {
  const framing = createFraming()
  function framed(text: string, bodyless = false): string {
    const bytes = Buffer.from(text, 'latin1')
    const block = createHeadBlock()
    const outcome = scanResponseHead(block, bytes, 0, bytes.length)
    if (outcome !== SCAN.done) return 'refused'
    return (
      responseFraming(block, framing, bodyless) ??
      `${block.status} ${framing.kind} ${framing.length} ${framing.keepAlive}`
    )
  }

  test('is framed by length, chunks, the end of the connection, or not at all', () => {
    assert.equal(framed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'), `200 ${BODY.length} 5 true`)
    assert.equal(
      framed('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      `200 ${BODY.chunked} 0 true`,
    )
    assert.equal(framed('HTTP/1.1 200 OK\r\n\r\n'), `200 ${BODY.untilClose} 0 false`)
    assert.equal(framed('HTTP/1.1 204 No Content\r\n\r\n', true), `204 ${BODY.none} 0 true`)
    assert.equal(framed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', true), `200 ${BODY.none} 5 true`)
    assert.equal(framed('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n'), `200 ${BODY.length} 5 false`)
    assert.equal(
      framed('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n'),
      `200 ${BODY.length} 5 false`,
    )
  })

  test('may leave out the reason', () => {
    assert.equal(framed('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'), `200 ${BODY.none} 0 true`)
    assert.equal(framed('HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'), `200 ${BODY.none} 0 true`)
  })

  test('is refused when it is ambiguous', () => {
    for (const text of [
      'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 2000 OK\r\n\r\n',
      'HTTP/1.1 099 OK\r\n\r\n',
      'HTTP/1.1  200 OK\r\n\r\n',
      'HTTP/2 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\n\r\n',
    ]) {
      assert.equal(framed(text), 'refused', text)
    }
    assert.match(
      framed('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'),
      /not_allowed/,
    )
    assert.match(framed('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'), /multiple/)
    assert.match(framed('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n'), /invalid/)
  })
})

describe('a chunked body', () => {
  /** Decodes in pieces cut at the given places. */
  function decoded(
    text: string,
    cuts: readonly number[] = [],
  ): { data: string; end: number | 'bad' | 'more'; trailers: string } {
    const bytes = Buffer.from(text, 'latin1')
    const decoder = createChunkedDecoder()
    let data = ''
    let start = 0
    for (const end of [...cuts, bytes.length].sort((a, b) => a - b)) {
      let i = start
      while (i < end) {
        i = decodeChunked(decoder, bytes, i, end)
        data += bytes.toString('latin1', decoder.dataStart, decoder.dataEnd)
        if (isChunkedBad(decoder)) return { data, end: 'bad', trailers: '' }
        if (isChunkedDone(decoder)) return { data, end: i, trailers: forwardedTrailers(decoder) }
      }
      start = end
    }
    return { data, end: 'more', trailers: '' }
  }

  test('ends where it ends and gives its data and the trailers that may pass', () => {
    const text = '3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n'
    assert.deepEqual(decoded(`${text}GET /`), {
      data: 'abc0123456789',
      end: text.length,
      trailers: 'x-sum: 1\r\n',
    })
  })

  test('is the same however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[ -~]{1,40}$/), { maxLength: 6 }),
        fc.array(fc.nat({ max: 300 }), { maxLength: 6 }),
        (chunks, cuts) => {
          const text = `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\nA: b\r\n\r\n`
          const whole = decoded(text)
          assert.equal(whole.data, chunks.join(''))
          assert.deepEqual(
            decoded(
              text,
              cuts.filter((cut) => cut < text.length),
            ),
            whole,
          )
        },
      ),
    )
  })

  for (const [why, text] of [
    ['a size is missing', '\r\nabc\r\n0\r\n\r\n'],
    ['a size has a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a size has a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a blank follows a size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a size is longer than any body', '1000000000000000\r\n'],
    ['a line feed ends a size', '3\nabc\r\n0\r\n\r\n'],
    ['a line feed is in an extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
    ['a chunk is longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['a chunk is shorter than its size', '4\r\nabc\r\n0\r\n\r\n'],
    ['a line feed ends a chunk', '3\r\nabc\n0\r\n\r\n'],
    ['a trailer is folded', '0\r\nA: b\r\n c\r\n\r\n'],
    ['a trailer has no name', '0\r\n: b\r\n\r\n'],
    ['a line feed ends a trailer', '0\r\nA: b\n\r\n'],
    ['extensions are endless', `3;${'x'.repeat(5000)}\r\nabc\r\n0\r\n\r\n`],
    ['trailers are endless', `0\r\nA: ${'x'.repeat(9000)}\r\n\r\n`],
  ] as const) {
    test(`is refused when ${why}`, () => assert.equal(decoded(text).end, 'bad'))
  }
})
