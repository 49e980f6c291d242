/** `node echo-load.ts websocket|grpc-stream PORT SECONDS`: messages to and fro; prints what it saw as JSON. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { percentile } from '../figures.ts'
import { frame, FRAME, greeting, literal, PREFACE, readFrames, windowUpdate } from './echo-frames.ts'
import { GRPC_MESSAGE } from './upstream.ts'

const [, , protocol, port, secondsText] = process.argv
const seconds = Number(secondsText)
const WEBSOCKETS = 32
const CONNECTIONS = 8
const STREAMS = 8
const END_HEADERS = 4
const MESSAGE_BYTES = 100
const TIMES_MAX = 1_000_000

const times: number[] = []
let messages = 0

function answered(since: number): number {
  const now = performance.now()
  messages += 1
  if (times.length < TIMES_MAX) times.push(now - since)
  return now
}

async function open(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
  await once(socket, 'connect')
  socket.on('error', (error) => {
    throw error
  })
  return socket
}

/** One message under way on each of many connections. */
async function loadWebSocket(): Promise<void> {
  const socket = await open()
  const key = randomBytes(16).toString('base64')
  const words = `host: bench.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13`
  socket.write(`GET / HTTP/1.1\r\n${words}\r\nsec-websocket-key: ${key}\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!head.toString('latin1').startsWith('HTTP/1.1 101'))
    throw new Error(`no upgrade: ${head.toString('latin1')}`)
  const masked = Buffer.concat([Buffer.from([0x82, 0x80 | MESSAGE_BYTES]), randomBytes(4 + MESSAGE_BYTES)])
  let since = performance.now()
  let missing = MESSAGE_BYTES + 2
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length
    if (missing > 0) return
    missing = MESSAGE_BYTES + 2
    since = answered(since)
    socket.write(masked)
  })
  socket.write(masked)
}

/** One message under way on each stream. */
async function loadStreams(): Promise<void> {
  const socket = await open()
  const message = Buffer.from(GRPC_MESSAGE, 'latin1')
  const head = Buffer.concat([
    Buffer.from([0x83, 0x86]), // POST, http
    literal(':path', '/bench.Echo/Stream'),
    literal(':authority', 'bench.example'),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ])
  const state = new Map<number, { since: number; missing: number }>()
  readFrames(socket, 0, {
    onHeaders: () => {},
    onData(stream, payload) {
      const one = state.get(stream)
      if (one === undefined) return
      one.missing -= payload.length
      socket.write(windowUpdate(stream, payload.length))
      if (one.missing > 0) return
      one.missing = message.length
      one.since = answered(one.since)
      socket.write(frame(FRAME.data, 0, stream, message))
    },
  })
  socket.write(PREFACE, 'latin1')
  socket.write(greeting())
  for (let i = 0; i < STREAMS; i++) {
    const stream = 2 * i + 1
    state.set(stream, { since: performance.now(), missing: message.length })
    socket.write(frame(FRAME.headers, END_HEADERS, stream, head))
    socket.write(frame(FRAME.data, 0, stream, message))
  }
}

const connections = protocol === 'websocket' ? WEBSOCKETS : CONNECTIONS
const load = protocol === 'websocket' ? loadWebSocket : loadStreams
await Promise.all(Array.from({ length: connections }, load))
const started = performance.now()
const atStart = messages
setTimeout(() => {
  const elapsed = (performance.now() - started) / 1000
  const p50Ms = percentile(times, 0.5)
  const p99Ms = percentile(times, 0.99)
  process.stdout.write(
    JSON.stringify({ requests: messages, perSecond: (messages - atStart) / elapsed, p50Ms, p99Ms }),
    () => process.exit(0),
  )
}, seconds * 1000)
