import { ERROR } from './protocol.ts'
import { failConnection, writeReset } from './send-control.ts'
import { endEarly, isClosed, noteBroken } from './stream-state.ts'
import type { Connection, Stream } from './types.ts'

/*
 * What is harmless now and then and an attack in masses. Each has an account; who overdraws it is told to calm down and
 * disconnected. The limits are Envoy's.
 */

/** HEADERS, CONTINUATION or DATA that carries nothing and ends nothing. */
export function noteEmptyFrame(connection: Connection): void {
  if (++connection.accounts.emptyFrames > connection.options.maxConsecutiveEmptyFrames)
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.inbound_empty_frames_flood')
}

export function notePriority(connection: Connection): void {
  const { maxPriorityFramesPerStream } = connection.options
  if (
    ++connection.accounts.priorityFrames >
    maxPriorityFramesPerStream * (1 + connection.accounts.streamsOpened)
  )
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.inbound_priority_frames_flood')
}

export function noteWindowUpdate(connection: Connection): void {
  const { maxWindowUpdatesPerDataFrame } = connection.options
  const { streamsOpened, dataFramesSent } = connection.accounts
  const limit = 5 + 2 * (streamsOpened + maxWindowUpdatesPerDataFrame * dataFramesSent)
  if (++connection.accounts.windowUpdates > limit)
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.inbound_window_update_frames_flood')
}

/**
 * A stream was broken off by the peer, or because of what the peer sent; SETTINGS count as well, as each makes work.
 * Breaking streams off costs the peer nothing and us a request each: the rapid reset attack (CVE-2023-44487), and its
 * variant that has the server break them off.
 */
export function noteReset(connection: Connection): void {
  const { options, thread, accounts } = connection
  const now = thread.clock.monotonic()
  const earned = ((now - accounts.resetTokensAt) * options.resetsPerSecond) / 1000
  accounts.resetTokens = Math.min(options.resetBurst, accounts.resetTokens + earned)
  accounts.resetTokensAt = now
  if (accounts.resetTokens < 1) {
    failConnection(connection, ERROR.enhanceYourCalm, 'http2.stream_reset_flood')
    return
  }
  accounts.resetTokens--
}

/** A stream error (RFC 9113, 5.4.2). */
export function breakByPeer(stream: Stream, code: number, detail: string): void {
  if (isClosed(stream)) return
  const { connection, id } = stream
  noteBroken(connection, id)
  writeReset(connection, id, code)
  endEarly(stream, { kind: 'malformed', detail })
  noteReset(connection)
}
