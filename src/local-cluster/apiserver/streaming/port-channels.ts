import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { badRequest } from '../status-error.ts'

/**
 * Port-forward without SPDY, as clients other than client-go have it (JavaScript, Python): the ports stand in the query,
 * and each has two channels of one WebSocket, one for data and one for errors. The first byte of a message is the channel.
 */
export const PORT_CHANNELS_PROTOCOL = 'v4.channel.k8s.io'

/** A message's first byte numbers its channel, and a port has two. */
const PORTS_MAX = 128
const UNREAD_BYTES_MAX = 256 * 1024

export interface PortChannels {
  readonly port: number
  readonly data: Duplex
  readonly error: Duplex
}

/** @throws StatusError 400 for ports that are none, or too many */
export function askedPorts(query: URLSearchParams): readonly number[] {
  const ports = query
    .getAll('ports')
    .flatMap((text) => text.split(','))
    .map(Number)
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535
  if (ports.length === 0) throw badRequest('query parameter "port" is required')
  if (ports.length > PORTS_MAX || !ports.every(isPort)) {
    throw badRequest(
      `query parameter "port" holds something that is no port, or more than ${PORTS_MAX} of them`,
    )
  }
  return ports
}

/** Opens the channels of all ports; each begins with its port's number, in two bytes, the low one first. */
export function portChannels(webSocket: WebSocket, ports: readonly number[]): readonly PortChannels[] {
  const streams = ports.flatMap((port, index) =>
    [2 * index, 2 * index + 1].map((channel) => {
      const stream = channelStream(webSocket, channel)
      stream.write(Buffer.of(port & 0xff, port >> 8))
      return stream
    }),
  )
  webSocket.on('message', (message: Buffer) => {
    const stream = streams[message[0] ?? -1]
    const isOpen = stream !== undefined && !stream.readableEnded && !stream.destroyed
    if (isOpen && message.length > 1 && !stream.push(message.subarray(1))) webSocket.pause()
  })
  webSocket.on('error', () => webSocket.terminate())
  webSocket.on('close', () => {
    for (const stream of streams) stream.destroy()
  })
  return ports.flatMap((port, index) => {
    const [data, error] = [streams[2 * index], streams[2 * index + 1]]
    return data && error ? [{ port, data, error }] : []
  })
}

/** A write is done when the socket has taken it, so that a slow client slows the pod's program down. */
function channelStream(webSocket: WebSocket, channel: number): Duplex {
  const stream = new Duplex({
    readableHighWaterMark: UNREAD_BYTES_MAX,
    read: () => webSocket.resume(),
    write(chunk: Uint8Array, _encoding, done) {
      webSocket.send(Buffer.concat([Buffer.of(channel), chunk]), { binary: true }, (error) =>
        done(error ?? null),
      )
    },
  })
  stream.on('error', () => {}) // the client went away, which closes the others too
  return stream
}
