import { HEAD_LIMITS, type HeadLimits } from '../http1/head-block.ts'
import { TABLE_SIZE_DEFAULT } from './hpack/limits.ts'

/** Settings and limits of connections; the defaults are those of Envoy (1.36 and later) where it has them. */
export interface Http2Options {
  /** Bytes that the peer's encoder may keep in our memory. */
  readonly headerTableSize: number
  /** Streams that the peer may have open. */
  readonly maxConcurrentStreams: number
  /**
   * Bytes of the heads of all open streams. A field section of a few bytes can stand for 60 KiB that the peer has put into
   * the table once; without this a thousand such requests would take 60 MiB.
   */
  readonly maxHeadBytes: number
  /** Of one request; of a response to a client. */
  readonly requestHead: HeadLimits
  /** Bytes that the peer may send on a stream, and on all of them, before the reader takes them. */
  readonly streamWindow: number
  readonly connectionWindow: number
  /** Extended CONNECT (RFC 8441). */
  readonly allowConnect: boolean
  /** Frames that wait for a peer that does not read; of them answers to PING, SETTINGS and broken streams. */
  readonly maxOutboundFrames: number
  readonly maxOutboundControlFrames: number
  /**
   * HEADERS, CONTINUATION and DATA in a row that carry nothing. Envoy allows one; Node's servers send one before the
   * trailers of each response, so that those of a few streams stand in a row.
   */
  readonly maxConsecutiveEmptyFrames: number
  readonly maxPriorityFramesPerStream: number
  readonly maxWindowUpdatesPerDataFrame: number
  /** Frames of one field section after its first. */
  readonly maxContinuations: number
  readonly maxSettingsPerFrame: number
  /** Streams broken by the peer, or because of it: at once, and then per second. */
  readonly resetBurst: number
  readonly resetsPerSecond: number
  /** A PING is sent when nothing was received for so long; 0 never. */
  readonly keepAliveIntervalMs: number
  readonly keepAliveTimeoutMs: number
  /** For a connection without streams. */
  readonly idleTimeoutMs: number
  /** For the preface and for a field section to become complete. */
  readonly headTimeoutMs: number
  /** For a peer that opens no window, or reads nothing, while there is something to send. */
  readonly stallTimeoutMs: number
  /** Between the two GOAWAY of a graceful end, unless the peer answers sooner. */
  readonly drainNoticeMs: number
}

export const HTTP2_DEFAULTS: Http2Options = {
  headerTableSize: TABLE_SIZE_DEFAULT,
  maxConcurrentStreams: 1024,
  maxHeadBytes: 8 * 1024 * 1024,
  requestHead: HEAD_LIMITS,
  streamWindow: 16 * 1024 * 1024,
  connectionWindow: 24 * 1024 * 1024,
  allowConnect: true,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1000,
  maxConsecutiveEmptyFrames: 64,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  maxContinuations: 8,
  maxSettingsPerFrame: 32,
  resetBurst: 500,
  resetsPerSecond: 33,
  keepAliveIntervalMs: 0,
  keepAliveTimeoutMs: 20_000,
  idleTimeoutMs: 3_600_000,
  headTimeoutMs: 60_000,
  stallTimeoutMs: 300_000,
  drainNoticeMs: 1000,
}
