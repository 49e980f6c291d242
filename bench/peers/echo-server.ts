/**
 * `node echo-server.ts websocket|grpc-stream|upload PORT`, on raw sockets: sends every message back; or answers each
 * request when it has its whole body, which nginx does not wait for.
 */
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { frame, FRAME, greeting, literal, PREFACE, readFrames, windowUpdate } from './echo-frames.ts'

const [, , protocol, port] = process.argv
const WEBSOCKET_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const END_HEADERS = 4
const STATUS_200 = Buffer.from([0x88])
const RESPONSE = Buffer.concat([STATUS_200, literal('content-type', 'application/grpc')])
const MASK_AT = 2
const MASK_BYTES = 4

createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  if (protocol === 'websocket') serveWebSocket(socket)
  else if (protocol === 'upload') serveUploads(socket)
  else serveStreams(socket)
}).listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 })

function serveWebSocket(socket: Socket): void {
  let head = ''
  let rest: Buffer = Buffer.alloc(0)
  const echo = (chunk: Buffer): void => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const answers: Buffer[] = []
    let at = 0
    while (bytes.length - at > MASK_AT + MASK_BYTES) {
      const length = (bytes[at + 1] ?? 0) & 0x7f
      const start = at + MASK_AT + MASK_BYTES
      if (bytes.length < start + length) break
      const answer = Buffer.allocUnsafe(MASK_AT + length)
      answer[0] = bytes[at] ?? 0
      answer[1] = length
      for (let i = 0; i < length; i++)
        answer[MASK_AT + i] = (bytes[start + i] ?? 0) ^ (bytes[at + MASK_AT + (i & 3)] ?? 0)
      answers.push(answer)
      at = start + length
    }
    rest = bytes.subarray(at)
    if (answers.length > 0) socket.write(answers.length === 1 ? (answers[0] ?? rest) : Buffer.concat(answers))
  }
  const onHead = (chunk: Buffer): void => {
    head += chunk.toString('latin1')
    if (!head.includes('\r\n\r\n')) return
    const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1]
    head = ''
    if (key === undefined) {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      return
    }
    const accept = createHash('sha1').update(`${key}${WEBSOCKET_ID}`).digest('base64')
    const words = `upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}`
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${words}\r\n\r\n`)
    socket.off('data', onHead)
    socket.on('data', echo)
  }
  socket.on('data', onHead)
}

function serveStreams(socket: Socket): void {
  socket.write(greeting())
  readFrames(socket, PREFACE.length, {
    onHeaders: (stream) => socket.write(frame(FRAME.headers, END_HEADERS, stream, RESPONSE)),
    onData(stream, payload) {
      if (payload.length === 0) return
      socket.write(frame(FRAME.data, 0, stream, payload))
      socket.write(windowUpdate(stream, payload.length))
    },
  })
}

function serveUploads(socket: Socket): void {
  let head = ''
  let missing = 0
  let sized = false
  let tail = ''
  const answer = (): void => {
    head = ''
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  }
  socket.on('data', (chunk: Buffer) => {
    let body = chunk.length
    if (head === '' || !head.includes('\r\n\r\n')) {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      body = head.length - end - 4
      const length = /^content-length: *(\d+)/im.exec(head)?.[1]
      sized = length !== undefined || !/^transfer-encoding:/im.test(head)
      missing = Number(length ?? 0)
      tail = head.slice(end + 4)
      head = head.slice(0, end + 4)
    } else if (!sized) tail = (tail + chunk.subarray(-5).toString('latin1')).slice(-5)
    missing -= body
    if (sized ? missing <= 0 : tail.endsWith('0\r\n\r\n')) answer()
  })
}
