import type { HeadBlock } from '../http1/head-block.ts'
import { ERROR } from './protocol.ts'
import { abandon, finishStream, flushStream, sendData, sendEnd, sendHead, sendInformational } from './send.ts'
import { pauseStream, resumeStream } from './receive-data.ts'
import { addStream } from './stream-table.ts'
import type { Connection, OutgoingHead, Stream } from './types.ts'

export function createStream(connection: Connection, id: number): Stream {
  const { endpoints } = connection
  const stream: Stream = {
    connection,
    id,
    owner: undefined,
    nextInSlot: undefined,
    remoteAddress: endpoints.remoteAddress,
    remotePort: endpoints.remotePort,
    localAddress: endpoints.localAddress,
    localPort: endpoints.localPort,
    head: undefined,
    method: '',
    scheme: '',
    authority: '',
    path: '',
    protocol: '',
    status: 0,
    contentLength: -1,
    headBytes: 0,
    hasBody: false,
    state: 0,
    bodyLeft: -1,
    receiveWindow: connection.streamWindow,
    taken: 0,
    paused: false,
    held: undefined,
    sendWindow: connection.peerWindow,
    pending: undefined,
    pendingBytes: 0,
    pendingEnd: undefined,
    queued: false,
    owesDrained: false,
    stalledSince: 0,
    frameStart: 0,
    frameEpoch: 0,
    informational: 0,
    sendHead: sendHeadOf,
    sendInformational: sendInformationalOf,
    sendData: sendDataOf,
    sendEnd: sendEndOf,
    flush: flushOf,
    pause: pauseOf,
    resume: resumeOf,
    done: doneOf,
    reset: resetOf,
  }
  addStream(connection.streams, stream)
  connection.accounts.streamsOpened++
  return stream
}

/* One function of each for all streams: the stream is `this`. Closures made for each would cost as much as the stream. */

function sendHeadOf(this: Stream, head: OutgoingHead): void {
  sendHead(this, head)
}

function sendInformationalOf(this: Stream, status: number, block: HeadBlock | undefined): void {
  sendInformational(this, status, block)
}

function sendDataOf(this: Stream, bytes: Buffer, start: number, end: number): void {
  sendData(this, bytes, start, end)
}

function sendEndOf(this: Stream, trailers: string): void {
  sendEnd(this, trailers)
}

function flushOf(this: Stream): boolean {
  return flushStream(this)
}

function pauseOf(this: Stream): void {
  pauseStream(this)
}

function resumeOf(this: Stream): void {
  resumeStream(this)
}

function doneOf(this: Stream): void {
  finishStream(this)
}

function resetOf(this: Stream, code: number = ERROR.cancel): void {
  abandon(this, code)
}
