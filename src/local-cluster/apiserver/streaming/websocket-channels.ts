import { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { TerminalSize } from '../node-api.ts'
import { createSizeParser, endStream, type RemoteChannels, type WantedStreams } from './remote-channels.ts'

/** Best first. Version 5 adds the half-close of stdin, which a copy into a container needs. */
export const WEBSOCKET_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const

/** The first byte of a message says which stream it belongs to. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
const UNREAD_BYTES_MAX = 256 * 1024
/** How long a client may take to answer the closing handshake. */
const FAREWELL_MS = 2000

export function webSocketChannels(
  webSocket: WebSocket,
  protocol: string,
  wanted: WantedStreams,
): RemoteChannels {
  const gone = new AbortController()
  // The first size comes with the first bytes, before anybody listens.
  let lastSize: TerminalSize | undefined
  const resizes: ((size: TerminalSize) => void)[] = []
  const parseSizes = createSizeParser()
  const stdin = wanted.stdin
    ? new Readable({ highWaterMark: UNREAD_BYTES_MAX, read: () => webSocket.resume() })
    : undefined
  stdin?.on('error', () => {})
  webSocket.on('message', (data: Buffer) => {
    const channel = data[0]
    const payload = data.subarray(1)
    if (channel === CHANNEL.stdin) {
      if (stdin !== undefined && !stdin.readableEnded && payload.length > 0 && !stdin.push(payload))
        webSocket.pause()
    } else if (channel === CHANNEL.resize) {
      lastSize = parseSizes(payload).at(-1) ?? lastSize
      if (lastSize !== undefined) for (const listener of resizes) listener(lastSize)
    } else if (
      channel === CHANNEL.close &&
      payload[0] === CHANNEL.stdin &&
      protocol === 'v5.channel.k8s.io'
    ) {
      stdin?.push(null)
    }
  })
  webSocket.on('error', () => webSocket.terminate())
  webSocket.on('close', () => {
    stdin?.destroy()
    gone.abort(new Error('the client went away'))
  })
  const stdout = wanted.stdout ? output(webSocket, CHANNEL.stdout) : undefined
  const stderr = wanted.stderr ? output(webSocket, CHANNEL.stderr) : undefined
  const errors = output(webSocket, CHANNEL.error)
  // As Kubernetes does: an empty message tells clients which wait for one that the connection stands.
  ;(stdout ?? stderr ?? errors).write(new Uint8Array())
  return {
    stdin,
    stdout,
    stderr,
    onResize(listener) {
      resizes.push(listener)
      if (lastSize !== undefined) listener(lastSize)
    },
    signal: gone.signal,
    async finish(status) {
      await Promise.all([endStream(stdout), endStream(stderr)])
      errors.end(Buffer.from(JSON.stringify(status)))
      await endStream(errors)
      // What nobody will read any more must not stand before the client's answer to the close.
      webSocket.removeAllListeners('message')
      webSocket.resume()
      webSocket.close(1000)
      setTimeout(() => webSocket.terminate(), FAREWELL_MS).unref()
    },
  }
}

/** A write is done when the socket has taken it, so that a slow client slows the command down. */
function output(webSocket: WebSocket, channel: number): Writable {
  const stream = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      webSocket.send(Buffer.concat([Buffer.of(channel), chunk]), { binary: true }, (error) =>
        done(error ?? null),
      )
    },
  })
  stream.on('error', () => {})
  return stream
}
