import { connect } from 'node:net'
import { createFrameReader, data, HELLO, headers } from '../../src/proxy/http2/testing-frames.ts'
import { FLAG } from '../../src/proxy/http2/protocol.ts'
import type { Http2Case } from './cases.ts'

const SECOND_STREAM: Http2Case['fields'] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/second'],
  [':authority', 'a.example'],
]
const ANSWER_DEADLINE_MS = 10_000

/** A case on stream 1, frame by frame, and a plain second request on stream 3. */
export function framesOf(one: Http2Case): Buffer {
  const frames = [HELLO, headers(1, one.fields, one.data.length === 0 ? FLAG.endStream : 0)]
  for (const [index, payload] of one.data.entries()) {
    const isLast = index === one.data.length - 1 && one.trailers.length === 0
    frames.push(data(1, payload, isLast ? FLAG.endStream : 0))
  }
  if (one.trailers.length > 0) frames.push(headers(1, one.trailers))
  frames.push(headers(3, SECOND_STREAM))
  return Buffer.concat(frames)
}

/** Sends the case and reads until both streams are answered, or the connection is given up. @returns frames as lines */
export async function runHttp2Case(port: number, one: Http2Case): Promise<readonly string[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const read = createFrameReader(false)
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => {
      reject(new Error(`not answered; so far: ${lines.join('; ')}`))
    }, ANSWER_DEADLINE_MS)
    const stop = (): void => {
      clearTimeout(deadline)
      resolve()
    }
    socket.on('data', (bytes) => {
      lines.push(...read(bytes))
      if (isSettled(lines, 1) && isSettled(lines, 3)) stop()
    })
    socket.on('error', () => {})
    socket.on('close', stop)
    socket.write(framesOf(one))
  }).finally(() => socket.destroy())
  return lines
}

function isSettled(lines: readonly string[], stream: number): boolean {
  return lines.some(
    (line) =>
      line.startsWith(`resetStream ${stream} `) ||
      (line.endsWith(' end') && / (\d+) /.exec(line)?.[1] === String(stream)),
  )
}
