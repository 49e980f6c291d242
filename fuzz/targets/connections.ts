import assert from 'node:assert/strict'
import { type Random, randomIndex } from '../../src/base/index.ts'
import { proxyHeader } from '../../src/proxy/proxy-protocol/write.ts'
import { createMessageReader, type Message } from '../../test/simulation/http1-reader.ts'
import {
  createFrameReader,
  END_STREAM,
  type Frame,
  frameOf,
  headersOf,
  PREFACE,
  settingsOf,
  TYPE,
} from '../../test/simulation/http2-frames.ts'
import { createProxyStage, HTTP_PORT, TLS_PORT, type Wire } from '../proxy-stage.ts'
import type { FuzzTarget } from '../target.ts'
import { helloRecords } from './tls.ts'

/*
 * The state machines of whole connections, in a whole proxy: whatever one side sends, and wherever the network cuts it,
 * the same requests reach the server, the client gets the same answers, and the connections end in the same way.
 */

type Play = (pieces: readonly Buffer[]) => Promise<unknown>

/** Longer than any timeout that a play may meet. */
const END_MS = 70_000
/** Longer than the timeout of a request. */
const SETTLE_MS = 25_000
const CUTS = 3
const BYTE_BY_BYTE_MAX = 300

function cutTarget(play: Play, rest: Omit<FuzzTarget, 'check' | 'cost'>): FuzzTarget {
  return {
    ...rest,
    cost: 10,
    async check(input, random) {
      if (input.length === 0) return
      const whole = await play([input])
      for (const pieces of cutsOf(input, random)) {
        const lengths = pieces.map((piece) => piece.length).join(' ')
        assert.deepEqual(await play(pieces), whole, `cut into ${lengths.slice(0, 100)} it reads differently`)
      }
    },
  }
}

function* cutsOf(input: Buffer, random: Random): Generator<Buffer[]> {
  for (let count = 0; count < CUTS; count++) {
    const at = 1 + randomIndex(random, Math.max(1, input.length - 1))
    yield [input.subarray(0, at), input.subarray(at)].filter((piece) => piece.length > 0)
  }
  if (input.length <= BYTE_BY_BYTE_MAX) yield Array.from(input, (byte) => Buffer.from([byte]))
}

const ANSWER = 'HTTP/1.1 200 OK\r\nx-kind: plain\r\ncontent-length: 2\r\n\r\nok'

interface PlainServer {
  readonly onBytes: (wire: Wire, bytes: Buffer) => void
  /** From now on requests are answered, those that wait first. */
  readonly open: () => void
  readonly seen: () => readonly string[]
}

/**
 * A server of HTTP/1.1 that answers each whole request, but none before all pieces were sent: otherwise an answer might
 * come before what makes its request malformed, or after.
 */
function plainServer(): PlainServer {
  const wires = new Map<Wire, { reader: ReturnType<typeof createMessageReader>; answered: number }>()
  const seen: string[] = []
  let isOpen = false

  function answer(wire: Wire): void {
    const state = wires.get(wire)
    for (const message of state?.reader.messages.slice(state.answered) ?? []) {
      if (!message.isComplete || state === undefined) break
      state.answered++
      seen.push(describe(message))
      wire.stream.send(message.line.startsWith('HEAD ') ? ANSWER.slice(0, -2) : ANSWER)
    }
  }

  return {
    onBytes(wire, bytes) {
      let state = wires.get(wire)
      if (state === undefined)
        wires.set(wire, (state = { reader: createMessageReader('request'), answered: 0 }))
      const problem = state.reader.feed(bytes)
      assert.equal(problem, undefined, `the server cannot read what it gets: ${problem}`)
      if (isOpen) answer(wire)
    },
    open() {
      isOpen = true
      for (const wire of wires.keys()) answer(wire)
    },
    // Requests of several streams may come in another order.
    seen: () => seen.toSorted(),
  }
}

/** What does not depend on how often the message was looked at. */
function describe({ line, headers, body, trailers, isComplete }: Message): string {
  const fields = [...headers].filter(([name]) => !VARYING.has(name))
  return JSON.stringify([line, fields, body.toString('latin1'), [...trailers], isComplete])
}

const VARYING = new Set([
  'x-request-id',
  'date',
  'x-envoy-upstream-service-time',
  'traceparent',
  'x-b3-traceid',
])

async function sendAll(wire: Wire, pieces: readonly Buffer[], settle: () => Promise<void>): Promise<void> {
  await settle()
  for (const piece of pieces) {
    wire.stream.send(piece)
    await settle()
  }
}

/** Answers to a client of HTTP/1.1 whose requests are not known: only heads with a body of their own are read. */
function answersOf(bytes: Buffer, methods: readonly string[]): string[] {
  const reader = createMessageReader('response', (index) => methods[index] === 'HEAD')
  const problem = reader.feed(bytes)
  reader.end()
  return [...reader.messages.map(describe), problem ?? '']
}

/** A line that does not end is judged when it does, or at once when it came in one piece: so all lines end. */
const LINE_ENDS = Buffer.from('\r\n\r\n')

function http1Downstream(pieces: readonly Buffer[]): Promise<unknown> {
  return playHttp1(pieces, false)
}

/** The same behind a balancer that says in a header of its own whose connection it is. */
function behindBalancer(pieces: readonly Buffer[]): Promise<unknown> {
  return playHttp1(pieces, true)
}

async function playHttp1(pieces: readonly Buffer[], proxyProtocol: boolean): Promise<unknown> {
  const server = plainServer()
  const stage = await createProxyStage('http', server.onBytes, { proxyProtocol })
  const client = stage.connect(HTTP_PORT)
  await sendAll(client, [...pieces, LINE_ENDS], stage.settle)
  server.open()
  client.stream.finish('half-close')
  await stage.settle(END_MS)
  const methods = stage.log().map((line) => line.split(' ', 1)[0] ?? '')
  const result = {
    seen: server.seen(),
    answers: answersOf(client.received(), methods),
    ended: client.ended(),
    log: stage.log(),
  }
  await stage.close()
  return result
}

export const http1DownstreamConnection: FuzzTarget = cutTarget(http1Downstream, {
  seeds: [
    'GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
    'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\nHEAD /d HTTP/1.1\r\nHost: a\r\n\r\n',
    '\r\nGET http://b/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /y HTTP/1.0\r\n\r\n',
    'POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhiGET /f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'GET /g HTTP/1.1\r\nHost: a\r\n\r\nGET  HTTP/1.1\r\n\r\n',
  ],
  words: [
    '\r\n',
    '\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
    '5\r\nabcde\r\n',
    'Connection: close\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: websocket\r\nConnection: upgrade\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
})

const REQUESTS = ['GET /1', 'HEAD /2', 'POST /3'].map((line) => {
  const hasBody = line.startsWith('POST')
  return Buffer.from(`${line} HTTP/1.1\r\nhost: a\r\n${hasBody ? 'content-length: 4\r\n\r\nbody' : '\r\n'}`)
})

/** Each of three requests is answered with the bytes, cut in this way; a fourth shows what became of the pool. */
async function http1Upstream(pieces: readonly Buffer[]): Promise<unknown> {
  const answered = new Set<Wire>()
  const stage = await createProxyStage('http', (wire) => {
    if (answered.has(wire)) return
    answered.add(wire)
    void sendAll(wire, [...pieces, LINE_ENDS], () => new Promise((resolve) => setImmediate(resolve)))
  })
  const results: unknown[] = []
  for (const request of REQUESTS) {
    const client = stage.connect(HTTP_PORT)
    await stage.settle()
    client.stream.send(request)
    await settleTimes(stage.settle, pieces.length + 10)
    await stage.settle(SETTLE_MS)
    const method = request.toString('latin1', 0, request.indexOf(' '))
    results.push([answersOf(client.received(), [method]), client.ended()])
    client.stream.finish('close')
    for (const wire of stage.served) wire.stream.finish('close')
    await stage.settle(SETTLE_MS)
  }
  const result = { results, log: stage.log(), connections: stage.served.length }
  await stage.close()
  return result
}

async function settleTimes(settle: () => Promise<void>, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await settle()
}

export const http1UpstreamConnection: FuzzTarget = cutTarget(http1Upstream, {
  seeds: [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
    'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.0 200 OK\r\n\r\nuntil the end',
    'HTTP/1.1 503 Busy\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad',
  ],
  words: [
    '\r\n',
    '\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
    'Connection: close\r\n',
    'keep-alive: timeout=5\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
  ],
})

type Field = readonly [string, string]
const get = (path: string): Field[] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', path],
]
const post = (path: string): Field[] => [[':method', 'POST'], ...get(path).slice(1)]
const data = (stream: number, text: string, flags = 0): Buffer =>
  frameOf(TYPE.data, flags, stream, Buffer.from(text, 'latin1'))

/** By stream; how a body is cut, and when windows are opened, is no part of what is said. */
type Said = readonly (readonly [stream: number, lines: readonly string[]])[]

function sayOf(bytes: Buffer, hasPreface: boolean): Said {
  const said = new Map<number, string[]>()
  const note = (frame: Frame, line: string): void => {
    const lines = said.get(frame.stream) ?? []
    said.set(frame.stream, lines)
    const last = lines.at(-1)
    if (line.startsWith('data ') && last?.startsWith('data ') === true)
      lines[lines.length - 1] = last + line.slice(5)
    else lines.push(line)
  }
  // An answer that is whole before its request has ended is followed by a reset without an error: a matter of time.
  const noteReset = (frame: Frame): void => {
    const code = frame.payload.readUInt32BE(0)
    if (code !== 0) note(frame, `reset ${code}`)
  }
  try {
    for (const frame of createFrameReader(hasPreface).feed(bytes)) {
      if (frame.fields !== undefined)
        note(frame, `fields ${JSON.stringify(frame.fields.filter(([name]) => !VARYING.has(name)))}`)
      else if (frame.type === TYPE.data) note(frame, `data ${frame.payload.toString('latin1')}`)
      else if (frame.type === TYPE.reset) noteReset(frame)
      else if (frame.type === TYPE.goAway) note(frame, `go away ${frame.payload.readUInt32BE(4)}`)
      if (frame.endsStream) note(frame, 'end')
    }
  } catch (error) {
    assert.fail(`the proxy's frames make no sense: ${String(error)}`)
  }
  return [...said].toSorted(([a], [b]) => a - b)
}

async function http2Downstream(pieces: readonly Buffer[]): Promise<unknown> {
  const server = plainServer()
  const stage = await createProxyStage('http', server.onBytes)
  const client = stage.connect(HTTP_PORT)
  await sendAll(client, [Buffer.concat([PREFACE, settingsOf([])]), ...pieces], stage.settle)
  server.open()
  await stage.settle(SETTLE_MS)
  const answers = sayOf(client.received(), false)
  const result = { seen: [...server.seen()], answers, ended: client.ended(), log: stage.log().toSorted() }
  await stage.close()
  // What makes a message malformed may come when a server by its length has it whole.
  if (answers.some(([, lines]) => lines.some((line) => line.startsWith('reset ')))) result.seen = []
  // What was under way when the client broke a stream or the connection may have been answered before, or not.
  if (!isBroken(Buffer.concat(pieces), answers)) return result
  return { ended: result.ended, connection: answers.find(([stream]) => stream === 0) }
}

function isBroken(sent: Buffer, answers: Said): boolean {
  if (answers.some(([stream, lines]) => stream === 0 && lines.some((line) => line.startsWith('go away'))))
    return true
  try {
    return createFrameReader(false)
      .feed(sent)
      .some((frame) => frame.type === TYPE.reset)
  } catch {
    return true
  }
}

const FRAME_WORDS = [
  headersOf(1, get('/w'), true),
  headersOf(3, post('/w'), false),
  headersOf(5, [['x-sum', '1']], true),
  data(3, 'ab', END_STREAM),
  settingsOf([[4, 10]]),
  frameOf(TYPE.window, 0, 3, Buffer.from([0, 0, 0, 9])),
  frameOf(TYPE.ping, 0, 0, Buffer.alloc(8)),
  frameOf(TYPE.reset, 0, 1, Buffer.from([0, 0, 0, 8])),
  frameOf(TYPE.goAway, 0, 0, Buffer.alloc(8)),
].map((frame) => frame.toString('latin1'))

export const http2DownstreamConnection: FuzzTarget = cutTarget(http2Downstream, {
  seeds: [
    Buffer.concat([
      headersOf(1, get('/a'), true),
      headersOf(3, post('/b'), false),
      data(3, 'hello', END_STREAM),
    ]),
    Buffer.concat([
      headersOf(1, [...post('/c'), ['content-length', '4']], false),
      data(1, 'ab'),
      settingsOf([[4, 100]]),
      data(1, 'cd'),
      headersOf(1, [['x-sum', '1']], true),
      headersOf(3, [[':method', 'HEAD'], ...get('/d').slice(1)], true),
    ]),
    Buffer.concat([
      headersOf(1, get('/e'), true),
      headersOf(3, get('/f'), true),
      frameOf(TYPE.ping, 0, 0, Buffer.alloc(8)),
    ]),
  ],
  words: FRAME_WORDS,
})

/** Two requests; the server sends the bytes once it has both. */
async function http2Upstream(pieces: readonly Buffer[]): Promise<unknown> {
  const answered = new Set<Wire>()
  const stage = await createProxyStage('http2', (wire, bytes) => {
    if (answered.has(wire)) return
    answered.add(wire)
    assert.ok(bytes.length > 0)
    const all = [settingsOf([]), ...pieces]
    void sendAll(wire, all, () => new Promise((resolve) => setImmediate(resolve)))
  })
  const clients = [stage.connect(HTTP_PORT), stage.connect(HTTP_PORT)]
  await stage.settle()
  for (const client of clients) client.stream.send(REQUESTS[0] as Buffer)
  await settleTimes(stage.settle, pieces.length + 10)
  await stage.settle(SETTLE_MS)
  const result = {
    answers: clients.map((client) => [answersOf(client.received(), ['GET']), client.ended()]),
    log: stage.log().toSorted(),
  }
  await stage.close()
  return result
}

const OK: readonly Field[] = [[':status', '200']]

export const http2UpstreamConnection: FuzzTarget = cutTarget(http2Upstream, {
  seeds: [
    Buffer.concat([
      headersOf(1, [[':status', '103']], false),
      headersOf(1, [...OK, ['content-length', '2']], false),
      data(1, 'ab', END_STREAM),
      headersOf(3, OK, false),
      data(3, 'x'),
      headersOf(3, [['x-sum', '0']], true),
    ]),
    Buffer.concat([headersOf(1, OK, true), frameOf(TYPE.reset, 0, 3, Buffer.from([0, 0, 0, 7]))]),
    Buffer.concat([
      headersOf(1, OK, true),
      frameOf(TYPE.goAway, 0, 0, Buffer.alloc(8)),
      headersOf(3, OK, true),
    ]),
  ],
  words: [
    ...FRAME_WORDS,
    headersOf(1, OK, false).toString('latin1'),
    headersOf(3, OK, true).toString('latin1'),
  ],
})

async function tlsInspection(pieces: readonly Buffer[]): Promise<unknown> {
  const received: Buffer[] = []
  const stage = await createProxyStage('http', (_wire, bytes) => void received.push(bytes))
  const client = stage.connect(TLS_PORT)
  await sendAll(client, pieces, stage.settle)
  const before = client.ended()
  client.stream.finish('half-close')
  await stage.settle(END_MS)
  const result = {
    received: Buffer.concat(received).toString('latin1'),
    connections: stage.served.map((wire) => wire.ended()),
    ended: [before, client.ended()],
    log: stage.log(),
  }
  await stage.close()
  return result
}

export const tlsInspectionConnection: FuzzTarget = cutTarget(tlsInspection, {
  seeds: [...helloRecords, Buffer.concat([helloRecords[0] as Buffer, Buffer.from('more bytes')])],
  words: ['\x16\x03\x01', '\x00\x00', '\x00\x10', '\x01\x00', 'GET / HTTP/1.1\r\n\r\n', '\xff\xff'],
})

const PLAIN_GET = Buffer.from('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
const CLIENT = {
  source: { address: '192.0.2.7', port: 40_000 },
  destination: { address: '198.51.100.1', port: 443 },
}

export const proxyHeaderConnection: FuzzTarget = cutTarget(behindBalancer, {
  seeds: [
    Buffer.concat([proxyHeader('v1', CLIENT), PLAIN_GET]),
    Buffer.concat([proxyHeader('v2', CLIENT), PLAIN_GET, PLAIN_GET]),
    Buffer.concat([proxyHeader('v1'), PLAIN_GET]),
    Buffer.concat([proxyHeader('v2'), PLAIN_GET]),
    PLAIN_GET,
  ],
  words: ['PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', '\r\n', ' ', '65535', '\x21\x11\x00'],
})

const GRPC_ANSWER = Buffer.concat([
  headersOf(
    1,
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ],
    false,
  ),
  data(1, '\0\0\0\0\x02ok'),
  headersOf(1, [['grpc-status', '0']], true),
])

/** A browser's call of gRPC; a server of gRPC that answers when all of it is there. */
async function grpcWeb(pieces: readonly Buffer[]): Promise<unknown> {
  const stage = await createProxyStage('grpc', () => {})
  const client = stage.connect(HTTP_PORT)
  await sendAll(client, [...pieces, LINE_ENDS], stage.settle)
  for (const server of stage.served) {
    server.stream.send(settingsOf([]))
    server.stream.send(GRPC_ANSWER)
  }
  await stage.settle(SETTLE_MS)
  client.stream.finish('half-close')
  await stage.settle(END_MS)
  const calls = stage.served.map((server) => sayOf(server.received(), true))
  const answers = answersOf(client.received(), [])
  const isAnswered = answers.some(
    (answer) => answer.includes('HTTP/1.1 200') && !answer.includes('grpc-message'),
  )
  await stage.close()
  // Of a call that is broken off the server may have heard a part, or nothing.
  return { answers, ended: client.ended(), calls: isAnswered ? calls : undefined }
}

const webCall = (type: string, body: string): string =>
  `POST /app.Service/Call HTTP/1.1\r\nHost: a\r\nContent-Type: application/${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`

export const grpcWebConnection: FuzzTarget = cutTarget(grpcWeb, {
  seeds: [
    webCall('grpc-web+proto', '\0\0\0\0\x03abc'),
    webCall('grpc-web-text', 'AAAAAANhYmM='),
    webCall('grpc-web-text+proto', 'AAAAAAFhAAAAAAFi'),
    webCall('grpc', '\0\0\0\0\x03abc'),
  ],
  words: [
    '\r\n',
    'grpc-web-text',
    'grpc-web',
    '+proto',
    '=',
    'AAAA',
    '\0\0\0\0\x01',
    'Accept: application/grpc-web-text\r\n',
  ],
})

/** Every place at which the inputs to start from can be cut. */
export const PLAYS: Readonly<Record<string, { readonly play: Play; readonly target: FuzzTarget }>> = {
  'HTTP/1.1 from clients': { play: http1Downstream, target: http1DownstreamConnection },
  'HTTP/1.1 from servers': { play: http1Upstream, target: http1UpstreamConnection },
  'HTTP/2 from clients': { play: http2Downstream, target: http2DownstreamConnection },
  'HTTP/2 from servers': { play: http2Upstream, target: http2UpstreamConnection },
  'a PROXY header': { play: behindBalancer, target: proxyHeaderConnection },
  'gRPC-Web': { play: grpcWeb, target: grpcWebConnection },
  'TLS that is passed on': { play: tlsInspection, target: tlsInspectionConnection },
}
