import type { Duplex } from 'node:stream'
import {
  createFrameParser,
  dataFrame,
  goAwayFrame,
  pingFrame,
  RST,
  rstStreamFrame,
  type SpdyFrame,
  synReplyFrame,
  windowUpdateFrame,
} from './frames.ts'
import { createHeaderDecoder, createHeaderEncoder, type SpdyHeaders } from './header-block.ts'
import { createSpdyStream, type SpdyStream } from './stream.ts'

/** The server's side of a SPDY/3.1 connection, as Kubernetes' clients use it: they alone open streams. */
export interface SpdyConnection {
  /** Settles when the connection is over, for whatever reason; it never rejects. */
  readonly closed: Promise<void>
  /** Sends what is left, says goodbye and ends the connection. */
  readonly end: () => void
}

export interface SpdyConnectionOptions {
  readonly transport: Duplex
  /** Bytes that came with the upgrade. */
  readonly head: Uint8Array
  /** @returns the reason to refuse the stream, or undefined to accept it */
  readonly onStream: (stream: Duplex, headers: SpdyHeaders) => string | undefined
  /** Why the connection broke; not called for an orderly end. */
  readonly onError: (error: Error) => void
}

const STREAMS_MAX = 1024
const DATA_BYTES_MAX = 32 * 1024
/** How long a client may take to close its end after ours. */
const FAREWELL_MS = 2000

/**
 * The clients of Kubernetes neither send WINDOW_UPDATE nor wait for one, so nothing here waits for the peer's
 * windows either: a slow reader is felt as back-pressure of the transport. Ours are sent all the same, for clients
 * that count.
 */
export function serveSpdy(options: SpdyConnectionOptions): SpdyConnection {
  const { transport } = options
  // Every stream with something to send waits for the one transport.
  transport.setMaxListeners(0)
  const streams = new Map<number, SpdyStream>()
  const encoder = createHeaderEncoder()
  const decoder = createHeaderDecoder()
  let lastStreamId = 0

  const send = (bytes: Uint8Array, done: (error?: Error | null) => void = () => {}) => {
    if (transport.destroyed || transport.writableEnded) {
      done(new Error('the connection is closed'))
      return
    }
    if (transport.write(bytes)) {
      done()
      return
    }
    whenDrained(transport, done)
  }

  const open = async (frame: Extract<SpdyFrame, { readonly kind: 'syn-stream' }>) => {
    const headers = await decoder.convert(frame.headerBlock)
    const { streamId } = frame
    if (streamId % 2 === 0 || streamId <= lastStreamId) throw new Error(`stream ${streamId} is out of order`)
    lastStreamId = streamId
    if (streams.size >= STREAMS_MAX) return send(rstStreamFrame(streamId, RST.refusedStream))
    const stream = createSpdyStream(streamId, headers, {
      data: (bytes, done) => sendData(send, streamId, bytes, done),
      fin: (done) => send(dataFrame(streamId, new Uint8Array(), true), done),
      reset: () => send(rstStreamFrame(streamId, RST.cancel)),
      closed: () => streams.delete(streamId),
      consumed(bytes) {
        send(windowUpdateFrame(streamId, bytes))
        send(windowUpdateFrame(0, bytes))
      },
    })
    streams.set(streamId, stream)
    // Data that comes before the reply is thrown away by clients.
    send(synReplyFrame(streamId, await encoder.convert({})))
    if (frame.fin) stream.receiveEnd()
    if (options.onStream(stream.duplex, headers) !== undefined) stream.duplex.destroy()
  }

  const receive = async (frame: SpdyFrame): Promise<void> => {
    switch (frame.kind) {
      case 'syn-stream':
        return open(frame)
      case 'syn-reply':
      case 'headers':
        // Every block must pass the decoder, or the blocks after it cannot be read.
        await decoder.convert(frame.headerBlock)
        return
      case 'rst-stream':
        streams.get(frame.streamId)?.receiveReset()
        return
      case 'ping':
        // Clients number their pings oddly; an even one would be the answer to ours.
        if (frame.id % 2 === 1) send(pingFrame(frame.id))
        return
      case 'data': {
        const stream = streams.get(frame.streamId)
        if (stream === undefined) return
        if (frame.bytes.length > 0 && !stream.receive(frame.bytes)) await stream.drained()
        if (frame.fin) stream.receiveEnd()
        return
      }
      case 'go-away':
      case 'window-update':
      case 'other':
        return
    }
  }

  const run = async () => {
    const parser = createFrameParser()
    for (const frame of parser.push(options.head)) await receive(frame)
    for await (const chunk of transport) {
      for (const frame of parser.push(chunk as Uint8Array)) await receive(frame)
    }
  }
  const closed = run()
    .catch((error: unknown) => {
      if (!isEndOfTransport(error)) options.onError(error as Error)
    })
    .finally(() => {
      for (const stream of streams.values()) stream.receiveReset()
      encoder.close()
      decoder.close()
      transport.destroy()
    })
  return {
    closed,
    end() {
      if (transport.destroyed || transport.writableEnded) return
      transport.end(goAwayFrame(lastStreamId))
      transport.once('finish', () => void setTimeout(() => transport.destroy(), FAREWELL_MS).unref())
    },
  }
}

function sendData(
  send: (bytes: Uint8Array, done: (error?: Error | null) => void) => void,
  streamId: number,
  bytes: Uint8Array,
  done: (error?: Error | null) => void,
): void {
  const part = bytes.subarray(0, DATA_BYTES_MAX)
  const rest = bytes.subarray(DATA_BYTES_MAX)
  send(dataFrame(streamId, part, false), (error) => {
    if (error || rest.length === 0) done(error)
    else sendData(send, streamId, rest, done)
  })
}

/** Calls back once: when the transport takes more, or is gone. */
function whenDrained(transport: Duplex, done: (error?: Error | null) => void): void {
  const finish = (error?: Error) => {
    transport.removeListener('drain', onDrain)
    transport.removeListener('close', onClose)
    done(error)
  }
  const onDrain = () => finish()
  const onClose = () => finish(new Error('the connection is closed'))
  transport.once('drain', onDrain)
  transport.once('close', onClose)
}

function isEndOfTransport(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return (
    code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE' || code === 'ABORT_ERR'
  )
}
