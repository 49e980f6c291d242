import type { Socket } from 'node:net'
import type { Clock } from '../../base/index.ts'
import type { ChunkedDecoder } from '../http1/chunked.ts'
import type { BlockPool, HeadBlock } from '../http1/head-block.ts'
import type { OutBuffer } from '../http1/out-buffer.ts'
import type { TimerWheel, WheelTimer } from '../net/timer-wheel.ts'
import type { Decoder } from './hpack/decoder.ts'
import type { Encoder } from './hpack/encoder.ts'
import type { Piece } from './byte-queue.ts'
import type { HeadAssembly } from './hpack/head-assembly.ts'
import type { Http2Options } from './options.ts'

/** What all HTTP/2 connections of a thread share; everything in it is used within one call. */
export interface Http2Thread {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly blocks: BlockPool
  /** For heads and trailers that are done with when the event that brings them returns. */
  readonly lentBlock: HeadBlock
  readonly assembly: HeadAssembly
  /** A field section on its way out. */
  readonly section: OutBuffer
  readonly trailers: ChunkedDecoder
  /** Memory for frames, for reuse. */
  readonly chunks: Buffer[]
  /** How many there are, those in use included. */
  readonly chunksMade: { count: number }
  /** Connections with frames to be written at the end of the turn. */
  readonly dirty: Connection[]
  /** Calls back when what has arrived is dealt with: one write then carries all frames of a connection. */
  readonly defer: (callback: () => void) => void
  readonly writeDirty: () => void
}

export interface Endpoints {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

/** Why a stream is over before both sides have said all. */
export type StreamEnd =
  /** The peer has not worked on it: a request can be sent again on another connection. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'reset'; readonly code: number; readonly detail: string }
  /** What the peer sent makes no message. */
  | { readonly kind: 'malformed'; readonly detail: string }
  /** The connection has ended. */
  | { readonly kind: 'connection'; readonly detail: string }

/** What a connection reports of its streams; both sides use the same. */
export interface StreamEvents {
  /**
   * A request (server) or the final response (client) has begun; its parts are in the stream. On the client the head
   * block is lent: it holds until the event returns.
   */
  readonly head: (stream: Stream) => void
  /** Client: a response 1xx before the final one; the block is lent. */
  readonly informational: (stream: Stream, status: number, block: HeadBlock) => void
  readonly data: (stream: Stream, bytes: Buffer, start: number, end: number) => void
  /**
   * The peer has said all. A request whose head was all of it has no end of its own.
   * @param trailers lines, each ending in CR LF
   */
  readonly end: (stream: Stream, trailers: string) => void
  /** The frames at hand that belong to the stream have been reported. */
  readonly flush: (stream: Stream) => void
  /** What was to be sent is on its way, after `flush` has said that it is not. */
  readonly drained: (stream: Stream) => void
  /** It is over too early; nothing more is reported. */
  readonly closed: (stream: Stream, end: StreamEnd) => void
  /** Server: the head is to be answered with this status; the answer is sent on the stream. */
  readonly refused: (stream: Stream, status: number, details: string) => void
  /** Server: a malformed request was answered by breaking off its stream, before there was anything to report. */
  readonly malformed: (stream: Stream, details: string) => void
}

/** One request and its response on a connection. */
export interface Stream {
  readonly connection: Connection
  /** Negative on the client until its head is sent. */
  id: number
  /** Whatever the user of the codec attaches. */
  owner: unknown
  /** In the connection's table. */
  nextInSlot: Stream | undefined
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number

  /** Of the request (server). On the client only while `head` is reported: of the response. */
  head: HeadBlock | undefined
  method: string
  scheme: string
  authority: string
  path: string
  /** Of an extended CONNECT: `websocket`; else empty. */
  protocol: string
  /** Of the response. */
  status: number
  /** As `content-length` says; −1 when nothing does. */
  contentLength: number
  /** Server: what the head takes of the connection's share. */
  headBytes: number
  /** The head was not the end of the message. */
  hasBody: boolean

  state: number
  /** What is still to come of the announced length; −1 when none was announced. */
  bodyLeft: number
  /** Of what arrives: what the peer may still send, and what was taken but not yet allowed anew. */
  receiveWindow: number
  taken: number
  paused: boolean
  held: HeldInput | undefined
  /** Of what goes out: what the peer allows, and what waits for that. */
  sendWindow: number
  pending: Piece[] | undefined
  pendingBytes: number
  pendingEnd: string | undefined
  /** In the connection's line of streams that may send. */
  queued: boolean
  /** `flush` has said no; `drained` is owed. */
  owesDrained: boolean
  /** Since when it waits for the peer to allow more. */
  stalledSince: number
  /** Where its last frame begins in the chunk of this epoch. */
  frameStart: number
  frameEpoch: number
  informational: number

  readonly sendHead: (this: Stream, head: OutgoingHead) => void
  readonly sendInformational: (this: Stream, status: number, head: HeadBlock | undefined) => void
  readonly sendData: (this: Stream, bytes: Buffer, start: number, end: number) => void
  readonly sendEnd: (this: Stream, trailers: string) => void
  /** @returns false when the peer is slow: stop until `drained` */
  readonly flush: (this: Stream) => boolean
  /** No `data` until `resume`; the peer is stopped by its window. */
  readonly pause: (this: Stream) => void
  readonly resume: (this: Stream) => void
  /** Server: the response is complete; what is left of the request is not wanted. */
  readonly done: (this: Stream) => void
  /** Breaks off; nothing more is reported. */
  readonly reset: (this: Stream, code?: number) => void
}

/** What arrived for a reader that has paused; its size is bounded by the window. */
export interface HeldInput {
  readonly pieces: Piece[]
  /** The end has come as well, with these trailers. */
  end: string | undefined
}

/** A head to be sent; the fields of a response or of a request are set. */
export interface OutgoingHead {
  /** Fields to forward. */
  readonly block: HeadBlock | undefined
  /** Further lines, each ending in CR LF. */
  readonly lines: string
  /** Response. */
  readonly status: number
  /** Request; its pseudo-header fields are those of the stream. */
  readonly request: RequestParts | undefined
}

export interface RequestParts {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  readonly path: string
  /** Extended CONNECT; else empty. */
  readonly protocol: string
}

export interface Connection {
  readonly isServer: boolean
  readonly isEncrypted: boolean
  readonly socket: Socket
  readonly thread: Http2Thread
  readonly options: Http2Options
  readonly events: StreamEvents
  readonly endpoints: Endpoints
  readonly decoder: Decoder
  readonly encoder: Encoder
  readonly out: Outbox
  readonly timer: WheelTimer
  readonly work: { events: number }
  readonly streams: StreamTable
  /** Of the heads of open streams. */
  headBytes: number
  /** Streams that have something to send and are allowed to. */
  readonly queue: Stream[]
  /** Streams that we broke off lately: their frames may still be on the way. */
  readonly broken: Set<number>
  phase: number
  /** The stream whose frames are being reported. */
  current: Stream | undefined

  /** The frame being read. */
  frameLength: number
  frameType: number
  frameFlags: number
  frameStream: number
  /** Of a DATA frame: bytes and padding still to come; the length of the padding is to come first. */
  dataLeft: number
  padLeft: number
  padLengthDue: boolean
  dataStream: Stream | undefined
  /** A frame, or the preface, of which only the beginning has arrived. */
  partial: Buffer
  partialLength: number
  /** A field section of which only the beginning has arrived, and its stream; 0 when there is none. */
  section: Buffer
  sectionLength: number
  sectionStream: number
  sectionEndsStream: boolean
  sectionFrames: number
  sectionDependsOnItself: boolean
  awaitsContinuation: boolean
  /** Since when the preface, a frame or a section is incomplete. */
  incompleteSince: number

  /** Highest stream that the peer has opened, and that we have opened. */
  lastPeerStream: number
  nextStream: number
  /** The last stream that will be served; those after it are ignored. */
  lastServed: number
  /** GOAWAY has come: no new streams. */
  peerGoingAway: boolean
  drainPhase: number
  drainingSince: number
  settingsReceived: boolean
  settingsAcked: boolean

  /** What the peer has set. */
  peerWindow: number
  peerFrameBytes: number
  peerStreams: number
  peerConnect: boolean
  sendWindow: number
  receiveWindow: number
  taken: number
  streamWindow: number

  readonly accounts: Accounts

  lastReceived: number
  lastUsed: number
  pingSentAt: number
  congestedSince: number
  /** Of a graceful end: how far sending has come, and since when it has stood still. */
  lingering?: { mark: number; since: number }
  closedReason: string
  /** Told when the last stream is over, and when the peer allows more or fewer streams. */
  readonly changed: () => void
  /** The peer has read the first GOAWAY. */
  readonly noticed: () => void
  /** Streams that ended whole, the latest ones. */
  readonly ended: Int32Array
  endedCount: number
}

/**
 * The open streams of a connection by number. A `Map` would do but for the garbage it leaves: each time it is rebuilt, which
 * steady insertion and deletion force every few dozen requests, its old table goes on pointing at the streams of that
 * moment and at the next table; once one such table is old, young collections keep all streams that ever were.
 * Measured on a relay with 96 requests in flight: 250 MB and a third of the time in collections.
 */
export interface StreamTable {
  /** Lists of streams, linked by `nextInSlot`. */
  slots: (Stream | undefined)[]
  size: number
}

/**
 * Frames of one connection on their way out. They are put together in chunks and written once per turn of the event
 * loop, so that the responses of many streams share a system call.
 */
export interface Outbox {
  /** Being filled. */
  chunk: Buffer | undefined
  length: number
  /** Another one for every chunk and every write: a place in a chunk of an earlier epoch is out of reach. */
  epoch: number
  /** Filled, not yet given to the socket. */
  readonly full: { readonly chunk: Buffer; readonly length: number }[]
  fullBytes: number
  /** Given to the socket, and perhaps still in use by it. */
  readonly inFlight: Buffer[]
  /** Where the frame begins that ends the chunk. */
  lastFrame: number
  /** Since everything was last taken by the kernel. */
  frames: number
  controlFrames: number
  /** In the thread's list of connections to be written. */
  isDirty: boolean
  /** The socket has done with what it was given. */
  readonly written: () => void
}

/** Of what only attackers do much of. */
export interface Accounts {
  /** In a row. */
  emptyFrames: number
  priorityFrames: number
  windowUpdates: number
  dataFramesSent: number
  streamsOpened: number
  resetTokens: number
  resetTokensAt: number
}
