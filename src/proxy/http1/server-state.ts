import type { Socket } from 'node:net'
import type { DownstreamEvents, DownstreamStream, Exchange, HttpContext } from '../exchange/types.ts'
import type { WheelTimer } from '../net/timer-wheel.ts'
import type { ChunkedDecoder } from './chunked.ts'
import type { HeadBlock } from './head-block.ts'
import type { PartialHead } from './partial-head.ts'

/** Where a connection is in the life of a request. */
export const AT = { head: 0, length: 1, chunked: 2, response: 3, tunnel: 4, discard: 5, closed: 6 } as const

/** A client that sent the end of its stream is answered, but silence is not waited for longer than this. */
export const HALF_CLOSED_WAIT_MS = 5_000
/** After a reply to a request that is still arriving: what is thrown away so that the client can read the reply. */
export const DISCARD_BYTES_MAX = 256 * 1024
export const DISCARD_TIMEOUT_MS = 2_000

export interface ServerConnection {
  readonly socket: Socket
  readonly context: HttpContext
  readonly events: DownstreamEvents
  readonly timer: WheelTimer
  stream: DownstreamStream
  at: number
  /** Being scanned, or of the exchange under way. */
  block: HeadBlock | undefined
  exchange: Exchange | undefined
  /** The part of a head that came without its end. */
  partial: PartialHead | undefined
  /** The head under way as it comes, where the case of its names is to be kept. */
  cased: PartialHead | undefined
  headSince: number
  /** The empty line that may stand before a request was there. */
  skippedLine: boolean
  /** Bytes of the next request, which came before the response to this one was out. */
  held: Buffer | undefined
  decoder: ChunkedDecoder | undefined
  bodyLeft: number
  keepAlive: boolean
  /** The response is chunked by us. */
  chunking: boolean
  /** The response lasts until the connection ends, so that only a reset tells that it was broken off. */
  endsWithConnection: boolean
  /** No further request is read. */
  ending: boolean
  ended: boolean
  lastUsed: number
  /** How far sending had come, and when that was seen to change; only looked at when the connection is to end. */
  sendingMark: number
  sendingSince: number
  discarded: number
  /** Asked to stop reading: by a slow upstream, or because of `held`. */
  pausedByFlow: boolean
  processing: boolean
  headOnly: boolean
}
