import type { Socket } from 'node:net'
import { createChunkedDecoder } from '../http1/chunked.ts'
import { type BlockPool, createHeadBlock } from '../http1/head-block.ts'
import { createOutBuffer } from '../http1/out-buffer.ts'
import { createWheelTimer, type TimerWheel } from '../net/timer-wheel.ts'
import type { Clock } from '../../base/index.ts'
import { createDecoder } from './hpack/decoder.ts'
import { createEncoder } from './hpack/encoder.ts'
import { createHeadAssembly } from './hpack/head-assembly.ts'
import { endWritten, onTick, tickMs } from './life.ts'
import { HTTP2_DEFAULTS, type Http2Options } from './options.ts'
import { createOutbox, discard, settle, writeOut } from './outbox.ts'
import { ERROR, FRAME_BYTES_MAX, STREAM_ID_MAX, WINDOW_DEFAULT } from './protocol.ts'
import { pump, tellDrained } from './send.ts'
import { endStreams, failConnection, writeFirstSettings } from './send-control.ts'
import { PHASE } from './stream-state.ts'
import { createStreamTable } from './stream-table.ts'
import type { Accounts, Connection, Endpoints, Http2Thread, StreamEvents } from './types.ts'

/** One for all HTTP/2 connections of a thread. */
export function createHttp2Thread(options: {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly blocks: BlockPool
  /** @default setImmediate: after all sockets that had something to read */
  readonly defer?: (callback: () => void) => void
}): Http2Thread {
  const dirty: Connection[] = []
  const lentBlock = createHeadBlock()
  return {
    clock: options.clock,
    wheel: options.wheel,
    blocks: options.blocks,
    lentBlock,
    assembly: createHeadAssembly(lentBlock),
    section: createOutBuffer(),
    trailers: createChunkedDecoder(),
    chunks: [],
    chunksMade: { count: 0 },
    dirty,
    defer: options.defer ?? ((callback) => void setImmediate(callback)),
    writeDirty() {
      // Writing may report that a stream is drained, which may make other connections dirty: they are in the list too.
      for (let index = 0; index < dirty.length; index++) {
        const connection = dirty[index] as Connection
        connection.out.isDirty = false
        writeOut(connection)
      }
      dirty.length = 0
    },
  }
}

export interface ConnectionOptions {
  readonly socket: Socket
  /** Its writes are not complete when the call returns. */
  readonly isEncrypted?: boolean
  readonly thread: Http2Thread
  readonly events: StreamEvents
  readonly endpoints: Endpoints
  readonly options?: Partial<Http2Options>
  readonly work?: { events: number }
  /** A stream is over, or the peer allows more or fewer of them. */
  readonly onChange?: () => void
  readonly onNoticed?: () => void
  readonly onClose: (reason: string) => void
}

export function createConnection(isServer: boolean, given: ConnectionOptions): Connection {
  const { socket, thread } = given
  const options = { ...HTTP2_DEFAULTS, ...given.options }
  const now = thread.clock.monotonic()
  const connection: Connection = {
    isServer,
    isEncrypted: given.isEncrypted ?? false,
    socket,
    thread,
    options,
    events: given.events,
    endpoints: given.endpoints,
    decoder: createDecoder(),
    encoder: createEncoder(),
    out: createOutbox(() => settle(connection)),
    timer: createWheelTimer(() => onTick(connection)),
    work: given.work ?? { events: 0 },
    streams: createStreamTable(),
    headBytes: 0,
    queue: [],
    broken: new Set(),
    phase: isServer ? PHASE.preface : PHASE.open,
    current: undefined,
    frameLength: 0,
    frameType: 0,
    frameFlags: 0,
    frameStream: 0,
    dataLeft: 0,
    padLeft: 0,
    padLengthDue: false,
    dataStream: undefined,
    partial: EMPTY,
    partialLength: 0,
    section: EMPTY,
    sectionLength: 0,
    sectionStream: 0,
    sectionEndsStream: false,
    sectionFrames: 0,
    sectionDependsOnItself: false,
    awaitsContinuation: false,
    incompleteSince: now,
    lastPeerStream: 0,
    nextStream: 1,
    lastServed: STREAM_ID_MAX,
    peerGoingAway: false,
    drainPhase: 0,
    drainingSince: 0,
    settingsReceived: false,
    settingsAcked: false,
    peerWindow: WINDOW_DEFAULT,
    peerFrameBytes: FRAME_BYTES_MAX,
    peerStreams: PEER_STREAMS_FIRST,
    peerConnect: false,
    sendWindow: WINDOW_DEFAULT,
    // A peer that has not seen our settings yet goes by the default.
    receiveWindow: Math.max(options.connectionWindow, WINDOW_DEFAULT),
    taken: 0,
    streamWindow: Math.max(options.streamWindow, WINDOW_DEFAULT),
    accounts: createAccounts(options.resetBurst, now),
    lastReceived: now,
    lastUsed: now,
    pingSentAt: 0,
    congestedSince: 0,
    closedReason: '',
    ended: new Int32Array(ENDED_KEPT),
    endedCount: 0,
    changed: given.onChange ?? (() => {}),
    noticed: given.onNoticed ?? (() => {}),
  }
  thread.wheel.set(connection.timer, tickMs(options))
  return connection
}

function createAccounts(resetTokens: number, now: number): Accounts {
  return {
    emptyFrames: 0,
    priorityFrames: 0,
    windowUpdates: 0,
    dataFramesSent: 0,
    streamsOpened: 0,
    resetTokens,
    resetTokensAt: now,
  }
}

const EMPTY = Buffer.alloc(0)
/** What a client may assume before the server has said how many streams it takes. */
const PEER_STREAMS_FIRST = 100
const ENDED_KEPT = 64

/** Connects the codec to its socket, and sends what comes first. */
export function attach(connection: Connection, onClose: (reason: string) => void): void {
  const { socket, thread } = connection
  socket.on('drain', () => {
    connection.congestedSince = 0
    writeOut(connection)
    if (connection.lingering !== undefined) endWritten(connection)
    pump(connection)
    tellDrained(connection)
  })
  socket.on('end', () => {
    // No frame can come any more, so no stream can go on as it should.
    if (connection.phase !== PHASE.closed) failConnection(connection, ERROR.none, 'connection termination')
    else socket.end()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (connection.closedReason === '') connection.closedReason = error.code ?? error.message
  })
  socket.on('close', () => {
    connection.phase = PHASE.closed
    thread.wheel.clear(connection.timer)
    if (connection.closedReason === '') connection.closedReason = 'connection termination'
    endStreams(connection, connection.closedReason)
    discard(connection)
    onClose(connection.closedReason)
  })
  writeFirstSettings(connection)
}
