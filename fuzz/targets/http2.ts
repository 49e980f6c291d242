import assert from 'node:assert/strict'
import { type Random, randomIndex } from '../../src/base/index.ts'
import { createHeadBlock } from '../../src/proxy/http1/head-block.ts'
import { createOutBuffer } from '../../src/proxy/http1/out-buffer.ts'
import { createHttp2Client } from '../../src/proxy/http2/client.ts'
import { createDecoder, type Decoder, decodeSection } from '../../src/proxy/http2/hpack/decoder.ts'
import { beginSection, createEncoder, putHeadFields } from '../../src/proxy/http2/hpack/encoder.ts'
import { beginHead, createHeadAssembly, SECTION } from '../../src/proxy/http2/hpack/head-assembly.ts'
import { sendRequest, NO_ENDPOINTS } from '../../src/proxy/http2/testing.ts'
import {
  asSocket,
  createMemorySocket,
  createMemoryThread,
  data,
  frame,
  GET,
  goAway,
  headers,
  HELLO,
  ping,
  POST,
  reset,
  section,
  settings,
  windowUpdate,
} from '../../src/proxy/http2/testing-frames.ts'
import { observe } from '../../src/proxy/http2/testing-observe.ts'
import type { Stream, StreamEvents } from '../../src/proxy/http2/types.ts'
import { createPlainDecoder, type Field } from '../plain-hpack.ts'
import type { FuzzTarget } from '../target.ts'

const assembly = createHeadAssembly(createHeadBlock())

/** What our decoder makes of a section, as far as a field section can be told from what is kept of it. */
function decodeOurs(decoder: Decoder, bytes: Buffer): boolean {
  beginHead(assembly, SECTION.request, createHeadBlock())
  return decodeSection(decoder, assembly, bytes, 0, bytes.length)
}

function plainLines(fields: readonly Field[]): string[] {
  return fields
    .filter(([name]) => !name.startsWith(':') && name !== 'cookie')
    .map(([name, value]) => `${name}: ${value}`)
}

function ourLines(): string[] {
  const { block } = assembly
  return block.bytes
    .toString('latin1', 0, block.length)
    .split('\r\n')
    .filter((line) => line !== '' && !line.startsWith('cookie: '))
}

/** The length of each section in a byte, then the section: several share the tables. */
function sectionsOf(input: Buffer): Buffer[] {
  const sections: Buffer[] = []
  for (let at = 0; at < input.length;) {
    const length = input[at] as number
    sections.push(input.subarray(at + 1, at + 1 + length))
    at += 1 + length
  }
  return sections
}

const counted = (hex: string): Buffer => {
  const bytes = Buffer.from(hex, 'hex')
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

export const hpack: FuzzTarget = {
  seeds: [
    Buffer.concat(
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ].map(counted),
    ),
    Buffer.concat(['488264025885aec3771a4b', '3fe11f4003612d620163', '20', '10012d0131be'].map(counted)),
  ],
  words: [
    '\x82',
    '\xbe',
    '\xbf',
    '\x40',
    '\x3f\xe1\x1f',
    '\x20',
    '\x00',
    '\x10',
    '\x60\x03a=b',
    '\x7f\x00',
    '\xff\x00',
    '\x84',
    '\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff',
  ],
  check(input) {
    const ours = createDecoder()
    const plain = createPlainDecoder()
    const encoder = createEncoder()
    const again = createDecoder()
    for (const bytes of sectionsOf(input)) {
      const fields = plain(bytes)
      assert.equal(decodeOurs(ours, bytes), fields !== undefined, 'one refuses what the other takes')
      if (fields === undefined) return
      assert.ok(ours.table.size <= ours.table.sizeMax)
      if (
        assembly.excess !== undefined ||
        fields.some(([name, value]) => /[\r\n]/.test(name + value) || name === '')
      )
        continue
      const authority = assembly.authority
      const expected = plainLines(fields)
      const read = ourLines()
      if (authority !== undefined && read[0] === `host: ${authority}`) read.shift()
      assert.deepEqual(read, expected, 'other fields')
      const out = createOutBuffer()
      beginSection(encoder, out)
      const { block } = assembly
      putHeadFields(encoder, out, block, 0)
      const before = [...block.bytes.subarray(0, block.length)]
      assert.ok(decodeOurs(again, out.bytes.subarray(0, out.length)), 'what we write we refuse')
      if (assembly.problem === undefined && assembly.cookiesLength === 0)
        assert.deepEqual(
          [...assembly.block.bytes.subarray(0, assembly.block.length)],
          before,
          'not what we wrote',
        )
    }
  },
}

const WORDS = [
  headers(1, GET),
  headers(3, POST, 0),
  data(3, 'ab', 1),
  data(3, '\x01a\0', 8),
  settings([[4, 10]]),
  windowUpdate(0, 5),
  windowUpdate(3, 5),
  ping(),
  reset(3, 8),
  goAway(0, 0),
  frame(1, 1, 5, section(GET).subarray(0, 9)),
  frame(9, 4, 5, section(GET).subarray(9)),
  '\0\0\0',
  '\xff\xff\xff\xff',
  '\x82',
  '\xbe',
].map((word) => (typeof word === 'string' ? word : word.toString('latin1')))

function inPieces(input: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < input.length;) {
    const next = at + 1 + randomIndex(random, 40)
    pieces.push(input.subarray(at, next))
    at = next
  }
  return pieces
}

/** A client's bytes, after its preface and settings. */
export const http2Server: FuzzTarget = {
  seeds: [
    Buffer.concat([
      headers(1, GET),
      headers(3, [...POST, ['content-length', '4']], 0),
      data(3, 'ab'),
      data(3, 'cd', 1),
    ]),
    Buffer.concat([
      headers(1, POST, 0),
      data(1, '\x02xy\0\0', 8),
      headers(1, [['x-sum', '1']]),
      ping(),
      settings([[4, 0]]),
      headers(5, GET),
      windowUpdate(5, 2000),
      reset(1, 8),
    ]),
  ],
  words: WORDS,
  check(input, random) {
    const whole = observe([HELLO, input])
    assert.deepEqual(observe([HELLO, ...inPieces(input, random)]), whole, 'in pieces it reads differently')
  },
}

/** Two requests, and what a client reports of a server's bytes. */
function observeClient(pieces: readonly Buffer[]): readonly string[] {
  const lines: string[] = []
  const over = new Map<Stream, number>()
  const note = (stream: Stream, line: string): void => {
    assert.ok(!over.has(stream), `stream ${stream.id} is over, and then: ${line}`)
    lines.push(`${stream.id} ${line}`)
  }
  const finish = (stream: Stream, line: string): void => {
    note(stream, line)
    over.set(stream, 1)
  }
  const events: StreamEvents = {
    head: (stream) => note(stream, `head ${stream.status}`),
    informational: (stream, status) => note(stream, `informational ${status}`),
    data(stream, bytes, start, end) {
      const text = bytes.toString('latin1', start, end)
      if (lines.at(-1)?.startsWith(`${stream.id} data `) === true) lines[lines.length - 1] += text
      else note(stream, `data ${text}`)
    },
    end: (stream, trailers) => finish(stream, `end ${trailers}`),
    closed: (stream, end) => finish(stream, `closed ${end.kind} ${end.detail}`),
    flush() {},
    drained: (stream) => note(stream, 'drained'),
    refused: () => assert.fail('a client refuses no head'),
    malformed: () => assert.fail('a client refuses no head'),
  }
  const socket = createMemorySocket()
  const client = createHttp2Client({
    socket: asSocket(socket),
    thread: createMemoryThread().thread,
    events,
    endpoints: NO_ENDPOINTS,
    onClose() {},
  })
  const streams = [client.open(undefined), client.open(undefined)]
  for (const stream of streams) {
    sendRequest(stream, { method: 'POST' })
    stream.sendEnd('')
  }
  for (const piece of pieces) if (piece.length > 0) client.receive(Buffer.from(piece), 0, piece.length)
  socket.destroy()
  assert.deepEqual(
    streams.filter((stream) => !over.has(stream)),
    [],
    'a request without an end',
  )
  return lines
}

const OK: readonly Field[] = [[':status', '200']]

export const http2Client: FuzzTarget = {
  seeds: [
    Buffer.concat([
      headers(1, [[':status', '103']], 0),
      headers(1, [...OK, ['content-length', '2']], 0),
      data(1, 'ab', 1),
      headers(3, OK, 0),
      data(3, 'x'),
      headers(3, [['grpc-status', '0']]),
    ]),
    Buffer.concat([headers(1, OK), goAway(1, 0), ping(), settings([[3, 1]]), reset(3, 7)]),
  ],
  words: [...WORDS, headers(1, OK, 0).toString('latin1'), headers(3, OK).toString('latin1')],
  check(input, random) {
    const whole = observeClient([settings(), input])
    assert.deepEqual(
      observeClient([settings(), ...inPieces(input, random)]),
      whole,
      'in pieces it reads differently',
    )
  },
}
