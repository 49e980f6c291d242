import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import { HEADER_BYTES } from './message.ts'

export interface UpstreamAddress {
  readonly address: string
  readonly port: number
}

/** `192.0.2.1`, `2001:db8::1`, or either with a port as in `192.0.2.1:5353` and `[2001:db8::1]:5353`. */
export function parseUpstream(text: string): UpstreamAddress | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 }
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[\d.]+)):(?<port>\d{1,5})$/.exec(text)
  const address = match?.groups?.['v6'] ?? match?.groups?.['v4'] ?? ''
  const port = Number(match?.groups?.['port'])
  return isIP(address) !== 0 && port > 0 && port < 65_536 ? { address, port } : undefined
}

/** A socket per question: its port is as hard to guess as the id, and an unreachable server is noticed at once. */
export function askOverUdp(upstream: UpstreamAddress, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(upstream.address) === 6 ? 'udp6' : 'udp4')
    let isDone = false
    const finish = (settle: () => void) => {
      if (isDone) return
      isDone = true
      signal.removeEventListener('abort', onAbort)
      socket.close()
      settle()
    }
    const onAbort = () => finish(() => reject(asError(signal.reason)))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', (error) => finish(() => reject(error)))
    socket.on('message', (answer) => {
      if (isAnswerTo(query, answer)) finish(() => resolve(answer))
    })
    socket.connect(upstream.port, upstream.address, (error?: Error) => {
      if (error) finish(() => reject(error))
      else if (!isDone) socket.send(query)
    })
    if (signal.aborted) onAbort()
  })
}

export function askOverTcp(upstream: UpstreamAddress, query: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: upstream.address, port: upstream.port, signal })
    let received = Buffer.alloc(0)
    const finish = (settle: () => void) => {
      socket.destroy()
      settle()
    }
    socket.on('error', (error) => finish(() => reject(signal.aborted ? asError(signal.reason) : error)))
    socket.on('end', () => finish(() => reject(new Error('the connection was closed before the answer'))))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2) return
      const length = received.readUInt16BE(0)
      if (received.length < 2 + length) return
      const answer = received.subarray(2, 2 + length)
      if (isAnswerTo(query, answer)) finish(() => resolve(answer))
      else finish(() => reject(new Error('the answer belongs to another question')))
    })
    socket.write(framed(query))
  })
}

/** DNS over TCP puts the length before each message (RFC 7766). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length, 0)
  return Buffer.concat([length, message])
}

function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  return (
    answer.length >= HEADER_BYTES &&
    answer.readUInt16BE(0) === query.readUInt16BE(0) &&
    (answer.readUInt8(2) & 0x80) !== 0
  )
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
