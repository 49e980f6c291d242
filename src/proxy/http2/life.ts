import { SEND_STALL_MS, sendingMark, unsentBytes } from '../net/unsent.ts'
import { waitingBytes, writeOut } from './outbox.ts'
import { ERROR, STREAM_ID_MAX } from './protocol.ts'
import type { Http2Options } from './options.ts'
import { DRAIN_PING, KEEP_ALIVE_PING } from './receive-control.ts'
import { failConnection, writeGoAway, writePing, writeReset } from './send-control.ts'
import { endEarly, noteBroken, PHASE } from './stream-state.ts'
import { listStreams } from './stream-table.ts'
import type { Connection } from './types.ts'

/** Steps of a graceful end: announced, then final (RFC 9113, 6.8). */
export const DRAIN = { none: 0, announced: 1, final: 2 } as const

const TICK_MS_MAX = 15_000
const TICK_MS_MIN = 10

/** How often a connection looks at its clocks: a fraction of the shortest. */
export function tickMs(options: Http2Options): number {
  const times = [options.headTimeoutMs, options.stallTimeoutMs, options.idleTimeoutMs, TICK_MS_MAX * 4]
  if (options.keepAliveIntervalMs > 0) times.push(options.keepAliveIntervalMs, options.keepAliveTimeoutMs)
  return Math.max(TICK_MS_MIN, Math.min(...times) / 4)
}

export function onTick(connection: Connection): void {
  const { options, thread, socket } = connection
  const now = thread.clock.monotonic()
  if (connection.phase === PHASE.closed) {
    if (connection.lingering !== undefined) endIfSilent(connection, connection.lingering)
    else socket.destroy()
    return
  }
  if (connection.incompleteSince > 0 && now - connection.incompleteSince >= options.headTimeoutMs)
    return failConnection(connection, ERROR.protocol, 'request_header_timeout')
  if (connection.drainPhase === DRAIN.announced && now - connection.drainingSince >= options.drainNoticeMs)
    finishDraining(connection)
  checkStalls(connection, now)
  if (options.keepAliveIntervalMs > 0) keepAlive(connection, now)
  if (connection.streams.size === 0 && now - connection.lastUsed >= options.idleTimeoutMs) {
    endGracefully(connection)
    return
  }
  if (connection.phase !== PHASE.open && connection.phase !== PHASE.preface) return
  const next = connection.drainPhase === DRAIN.announced ? options.drainNoticeMs : tickMs(options)
  thread.wheel.set(connection.timer, Math.min(next, tickMs(options)))
}

/** A peer that takes nothing keeps our memory: streams without a window are broken off, a connection that is full ends. */
function checkStalls(connection: Connection, now: number): void {
  const { options, socket } = connection
  if (!socket.writableNeedDrain) {
    connection.congestedSince = 0
  } else if (connection.congestedSince === 0) {
    connection.congestedSince = now
  } else if (now - connection.congestedSince >= options.stallTimeoutMs) {
    connection.closedReason = 'http2.peer_reads_nothing'
    socket.destroy()
    return
  }
  for (const stream of listStreams(connection.streams)) {
    if (stream.pendingBytes === 0 || now - stream.stalledSince < options.stallTimeoutMs) continue
    const { id } = stream
    noteBroken(connection, id)
    writeReset(connection, id, ERROR.cancel)
    endEarly(stream, { kind: 'reset', code: ERROR.cancel, detail: 'http2.stream_stalled' })
  }
}

function keepAlive(connection: Connection, now: number): void {
  const { options } = connection
  if (connection.pingSentAt > 0) {
    // Anything that arrives after it is as good as its answer.
    if (connection.lastReceived >= connection.pingSentAt) connection.pingSentAt = 0
    else if (now - connection.pingSentAt >= options.keepAliveTimeoutMs) {
      connection.closedReason = 'http2.keepalive_timeout'
      connection.socket.destroy()
      return
    }
  }
  if (connection.pingSentAt === 0 && now - connection.lastReceived >= options.keepAliveIntervalMs) {
    connection.pingSentAt = now
    writePing(connection, 0, KEEP_ALIVE_PING, 0)
  }
}

/**
 * Begins a graceful end. A server first announces it without refusing anything, since requests may be on their way; after a
 * round trip it says which stream was the last that it serves.
 */
export function drain(connection: Connection): void {
  if (connection.phase === PHASE.closed || connection.drainPhase !== DRAIN.none) return
  if (!connection.isServer || connection.phase === PHASE.preface) {
    connection.drainPhase = DRAIN.final
    endIfDrained(connection)
    return
  }
  connection.drainPhase = DRAIN.announced
  connection.drainingSince = connection.thread.clock.monotonic()
  writeGoAway(connection, STREAM_ID_MAX, ERROR.none, '')
  writePing(connection, 0, DRAIN_PING, 0)
  connection.thread.wheel.set(
    connection.timer,
    Math.min(connection.options.drainNoticeMs, tickMs(connection.options)),
  )
}

export function finishDraining(connection: Connection): void {
  if (connection.drainPhase !== DRAIN.announced || connection.phase === PHASE.closed) return
  connection.drainPhase = DRAIN.final
  connection.lastServed = connection.lastPeerStream
  if (connection.streams.size > 0) writeGoAway(connection, connection.lastServed, ERROR.none, '')
  endIfDrained(connection)
}

/** Ends the connection when its last stream is over and no other is to come. */
export function endIfDrained(connection: Connection): void {
  if (connection.phase === PHASE.closed || connection.streams.size > 0) return
  if (connection.drainPhase === DRAIN.final || connection.peerGoingAway) endGracefully(connection)
}

function endGracefully(connection: Connection): void {
  connection.phase = PHASE.closed
  connection.closedReason = 'drained'
  writeGoAway(connection, connection.lastPeerStream, ERROR.none, '')
  connection.lingering = { mark: -1, since: connection.thread.clock.monotonic() }
  connection.thread.wheel.set(connection.timer, LINGER_MS)
  endWritten(connection)
}

/** Streams are over when their end is put together; the socket ends when a slow peer has let all of it go out. */
export function endWritten(connection: Connection): void {
  writeOut(connection)
  if (waitingBytes(connection.out) === 0) connection.socket.end()
}

/** A slow peer still gets what was sent to it: only one that takes nothing, or has nothing to take, is cut off. */
function endIfSilent(connection: Connection, lingering: { mark: number; since: number }): void {
  const { socket, out } = connection
  const now = connection.thread.clock.monotonic()
  const mark = sendingMark(socket)
  if (mark !== lingering.mark) {
    lingering.mark = mark
    lingering.since = now
  } else if (unsentBytes(socket) + waitingBytes(out) === 0 || now - lingering.since >= SEND_STALL_MS) {
    socket.destroy()
    return
  }
  connection.thread.wheel.set(connection.timer, LINGER_MS)
}

/** How long the peer has to close its side. */
const LINGER_MS = 5000
