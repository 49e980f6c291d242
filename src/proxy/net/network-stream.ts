import { Duplex } from 'node:stream'
import type { Network, SocketTarget } from './network.ts'

const READ_BYTES = 4096

/**
 * A connection from a proxy's network as the runtime's own clients take it; for the few that are worth no codec of ours.
 * Half-open is not kept up: when the other side has ended, it is over.
 */
export function openStream(
  network: Network,
  target: SocketTarget & { readonly localAddress?: string },
): Duplex {
  const stream = new Duplex({
    allowHalfOpen: false,
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  const socket = network.connect({
    ...target,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes, buffer) => stream.push(Buffer.from(buffer.subarray(0, bytes))),
    },
  })
  socket.once('connect', () => stream.emit('connect'))
  socket.on('error', (error) => stream.destroy(error))
  let hasEnded = false
  socket.on('end', () => {
    hasEnded = true
    stream.push(null)
  })
  socket.on('close', () => {
    // What has come before the end is still to be read.
    if (!hasEnded) stream.destroy()
  })
  return stream
}
