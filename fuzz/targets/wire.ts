import assert from 'node:assert/strict'
import { type Random, randomIndex } from '../../src/base/index.ts'
import {
  createFrameParser,
  synStreamFrame,
  dataFrame,
} from '../../src/local-cluster/apiserver/streaming/spdy/frames.ts'
import { encodeQuestion, parseQuery, refusal } from '../../src/local-cluster/dns/message.ts'
import { checkModelObject, type Route } from '../../src/model/index.ts'
import {
  createChunkedDecoder,
  decodeChunked,
  isChunkedBad,
  isChunkedDone,
} from '../../src/proxy/http1/chunked.ts'
import { createFraming, requestFraming, responseFraming } from '../../src/proxy/http1/framing.ts'
import { createHeadBlock, fieldEntries } from '../../src/proxy/http1/head-block.ts'
import { readTarget } from '../../src/proxy/http1/request-target.ts'
import { SCAN, scanRequestHead, scanResponseHead } from '../../src/proxy/http1/scan-head.ts'
import { compileRoute, createRouteTable } from '../../src/routing/index.ts'
import { judgeByLlhttp } from '../llhttp.ts'
import { type FuzzTarget, mayThrow, textOf } from '../target.ts'

const HEAD_WORDS = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  'Host: a\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'chunked',
  ', ',
  'HTTP/1.1',
  'HTTP/1.0',
  'GET',
  '\0',
  '\x7f',
  '\x80',
  '0x',
  '+',
  ';',
  '#',
  'content-length',
  '\x0b',
  '\r\n ',
]

interface Scanned {
  readonly outcome: number
  readonly entries: readonly (readonly [string, string])[]
  readonly length: number
  readonly line: string
  readonly refusal: string | undefined
}

type Scan = typeof scanRequestHead

function scanWhole(scan: Scan, input: Buffer): Scanned {
  const block = createHeadBlock()
  const bytes = Buffer.from(input)
  return describe(scan, block, scan(block, bytes, 0, bytes.length), bytes)
}

/** The same bytes, arriving in pieces. */
function scanInPieces(scan: Scan, input: Buffer, random: Random): Scanned {
  const block = createHeadBlock()
  const bytes = Buffer.from(input)
  let outcome: number = SCAN.more
  for (let end = 0; end < bytes.length && outcome === SCAN.more;) {
    end = Math.min(bytes.length, end + 1 + randomIndex(random, 12))
    outcome = scan(block, bytes, 0, end)
  }
  return describe(scan, block, outcome, bytes)
}

function describe(
  scan: Scan,
  block: ReturnType<typeof createHeadBlock>,
  outcome: number,
  bytes: Buffer,
): Scanned {
  if (outcome !== SCAN.done) return { outcome, entries: [], length: 0, line: '', refusal: undefined }
  const framing = createFraming()
  const refusal =
    scan === scanRequestHead
      ? (requestFraming(block, framing) ?? readTarget(block, { method: '', authority: '', path: '' }))
      : responseFraming(block, framing, false)
  const line = `${bytes.toString('latin1', 0, block.secondEnd)} ${block.status} ${framing.kind} ${framing.length} ${framing.keepAlive}`
  return { outcome, entries: fieldEntries(block), length: block.length, line, refusal }
}

function headTarget(scan: Scan, kind: 'request' | 'response', seeds: readonly string[]): FuzzTarget {
  return {
    seeds,
    words: HEAD_WORDS,
    check(input, random) {
      const whole = scanWhole(scan, input)
      const pieces = scanInPieces(scan, input, random)
      // A line that has not ended is looked at again only when it ends, so what is wrong in it is told later.
      const isLater = pieces.outcome === SCAN.more && whole.outcome > SCAN.more
      if (!isLater) assert.deepEqual(pieces, whole, 'in pieces it reads differently')
      if (whole.outcome !== SCAN.done || whole.refusal !== undefined) return
      const head = input.subarray(0, whole.length)
      const theirs = judgeByLlhttp(kind, head)
      // A tab after a value is blank space (RFC 9112, 5), but not to llhttp after this one.
      if (theirs.kind === 'refused' && /transfer-encoding:[^\r\n]*\t/i.test(head.toString('latin1'))) return
      if (theirs.kind === 'refused') {
        assert.fail(`taken, but llhttp says ${theirs.code} (${theirs.reason})`)
      }
      if (theirs.kind === 'taken')
        assert.deepEqual(forwarded(theirs.fields), whole.entries, 'llhttp reads other fields')
    },
  }
}

/** What `connection` names stays on this side (RFC 9110, 7.6.1). */
function forwarded(fields: readonly string[]): [string, string][] {
  const entries = lowered(fields)
  const named = entries.flatMap(([name, value]) =>
    name === 'connection' ? value.split(',').map((one) => one.trim().toLowerCase()) : [],
  )
  return entries.filter(([name]) => !named.includes(name) || OPTIONS.has(name))
}

/** What a name in `connection` means of itself. */
const OPTIONS: ReadonlySet<string> = new Set(['close', 'keep-alive', 'upgrade', 'te'])

function lowered(fields: readonly string[]): [string, string][] {
  const entries: [string, string][] = []
  for (let index = 0; index < fields.length; index += 2) {
    entries.push([(fields[index] ?? '').toLowerCase(), (fields[index + 1] ?? '').replace(/[ \t]+$/, '')])
  }
  return entries
}

export const requestHead = headTarget(scanRequestHead, 'request', [
  'GET /a?b=c HTTP/1.1\r\nHost: a.b:80\r\nX-One:  1 \r\n\r\n',
  'POST http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, x-hop\r\n\r\n',
  'PUT /x HTTP/1.0\r\nContent-Length: 10\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nAccept:\r\n\r\n',
])
export const responseHead = headTarget(scanResponseHead, 'response', [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n',
  'HTTP/1.1 404\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.0 301 Moved  Away\r\nConnection: close\r\n\r\n',
])

export const chunked: FuzzTarget = {
  seeds: ['3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n', '0\r\n\r\n', 'ffff\r\n'],
  words: ['\r\n', '\n', '0\r\n\r\n', ';', '0x1', '-1', 'ffffffffffffffff', '00000000000000001\r\na', ': '],
  check(input, random) {
    const whole = decode(input, () => input.length)
    assert.deepEqual(
      decode(input, () => 1 + randomIndex(random, 9)),
      whole,
      'in pieces it reads differently',
    )
    if (whole.end !== 'done') return
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const theirs = judgeByLlhttp('request', Buffer.concat([Buffer.from(head), input.subarray(0, whole.at)]))
    if (theirs.kind === 'refused') assert.fail(`taken, but llhttp says ${theirs.code} (${theirs.reason})`)
    if (theirs.kind === 'taken') assert.equal(theirs.body, whole.data, 'llhttp reads another body')
  },
}

function decode(input: Buffer, sizeOf: () => number) {
  const decoder = createChunkedDecoder()
  const bytes = Buffer.from(input)
  let data = ''
  let at = 0
  while (at < bytes.length && !isChunkedBad(decoder) && !isChunkedDone(decoder)) {
    const end = Math.min(bytes.length, at + sizeOf())
    while (at < end && !isChunkedBad(decoder) && !isChunkedDone(decoder)) {
      at = decodeChunked(decoder, bytes, at, end)
      data += bytes.toString('latin1', decoder.dataStart, decoder.dataEnd)
    }
  }
  if (isChunkedBad(decoder)) return { end: 'bad', at: 0, data: '' } as const
  return { end: isChunkedDone(decoder) ? 'done' : 'more', at, data } as const
}

const ROUTE =
  '{"type":"route","key":"HTTPRoute/demo/app/0","scope":{"kind":"gateway","listeners":["Gateway/demo/gw/http"]},"domains":["*","a.b"],' +
  '"matches":[{"order":[0,-3,"x"],"path":{"kind":"segment-prefix","value":"/app"},"method":{"kind":"exact","value":"GET"},"headers":' +
  '[{"name":"x","match":{"kind":"present"},"invert":true}],"query":[{"name":"Q","match":{"kind":"regex","value":".*"}}]}],"filters":' +
  '[{"kind":"request-headers","set":[{"name":"a","value":""}],"add":[],"remove":["b"]}],"action":{"kind":"forward","destinations":' +
  '[{"weight":1,"target":{"kind":"service","service":"demo/a","port":80,"subset":"v1"},"filters":[]}],"timeouts":{}},' +
  '"origin":{"kind":"HTTPRoute","namespace":"demo","name":"app","rule":0}}'

/** What comes over xDS: checked, and what the check lets through must compile and serve. */
export const model: FuzzTarget = {
  seeds: [
    ROUTE,
    ROUTE.replace('{"kind":"segment-prefix","value":"/app"}', '{"kind":"regex","value":"/a(b|c)*"}'),
  ],
  words: [
    'null',
    '[]',
    '{}',
    '"exact"',
    '"regex"',
    '"prefix"',
    '"kind":',
    '"(a+)+$"',
    '"*."',
    '""',
    '-1',
    '1e9',
    '"__proto__":',
    '"type":"service"',
    '"type":"workload"',
    '"weight":0',
  ],
  check(input) {
    const value = mayThrow(
      () => JSON.parse(textOf(input)) as unknown,
      (error) => error instanceof SyntaxError,
    )
    const checked = checkModelObject(value)
    if (!checked.ok || checked.value.type !== 'route') return
    const route: Route = checked.value
    if (!compileRoute(route).ok) return
    const table = createRouteTable()
    table.set(route)
    for (const path of ['/', '/app', '/app/x?Q=1', '*', '/abcbc']) {
      const request = {
        method: 'GET',
        scheme: 'http',
        authority: 'a.b:80',
        path,
        port: 80,
        header: () => undefined,
      }
      const match = table.match(request)
      assert.equal(
        table.explain(request).winner?.route,
        match?.route.key,
        'explained differently than decided',
      )
    }
    table.delete(route.key)
    assert.equal(table.size(), 0)
  },
}

export const dns: FuzzTarget = {
  seeds: [
    encodeQuestion(7, 'a.demo.svc.cluster.local', 'A'),
    encodeQuestion(8, 'x', 'AAAA'),
    Buffer.alloc(12),
  ],
  words: ['\xc0\x0c', '\xc0\x00', '\x3f', '\x00\x01', '\x00\x29', '\xff\xff', '\x00'],
  check(input) {
    const query = parseQuery(input)
    if (query.kind === 'refused') assert.ok(query.bytes.length <= 65_535)
    if (input.length >= 12) refusal(input, 1)
  },
}

export const spdy: FuzzTarget = {
  seeds: [
    Buffer.concat([synStreamFrame(1, Buffer.from('abc')), dataFrame(1, Buffer.from('hello'), true)]),
    Buffer.from('800300060000000400000001', 'hex'),
  ],
  words: ['\x80\x03\x00\x01', '\x80\x03\x00\x04', '\x00\xff\xff\xff', '\x01\x00\x00\x00', '\x00\x00\x00\x01'],
  check(input, random) {
    const whole = mayThrow(() => createFrameParser().push(input), isPlain)
    const parser = createFrameParser()
    const pieces = mayThrow(() => {
      const frames = []
      for (let at = 0; at < input.length;) {
        const end = Math.min(input.length, at + 1 + randomIndex(random, 16))
        frames.push(...parser.push(input.subarray(at, end)))
        at = end
      }
      return frames
    }, isPlain)
    assert.equal(pieces === undefined, whole === undefined, 'in pieces it is refused or taken differently')
  },
}

const isPlain = (error: Error): boolean => !(error instanceof RangeError || error instanceof TypeError)
