import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Requests that may wait on one connection; no client of Kubernetes pipelines at all. */
const WAITING_MAX = 100

export interface Turns {
  /**
   * Resolves when the answers before it on its connection are sent.
   * @returns false when too many wait or the connection is gone; then there is nobody to answer
   */
  readonly take: (socket: Duplex, outgoing: ServerResponse) => Promise<boolean>
  /** Whether an answer has begun on the connection, so that nothing else may be written there. */
  readonly isAnswering: (socket: Duplex) => boolean
}

interface Line {
  readonly answers: ServerResponse[]
  readonly waiting: (() => void)[]
}

/**
 * Pipelined requests are handled one after another. Node hands over all that arrived in a piece at once, and keeps
 * every answer in memory until those before it are read: a kilobyte of requests for lists would cost a gigabyte.
 */
export function createTurns(): Turns {
  const lines = new WeakMap<Duplex, Line>()
  return {
    async take(socket, outgoing) {
      const line = lines.get(socket) ?? { answers: [], waiting: [] }
      lines.set(socket, line)
      if (line.answers.length >= WAITING_MAX) {
        socket.destroy()
        return false
      }
      line.answers.push(outgoing)
      outgoing.once('close', () => {
        line.answers.shift()
        line.waiting.shift()?.()
      })
      if (line.answers.length > 1) await new Promise<void>((resolve) => line.waiting.push(resolve))
      return !socket.destroyed
    },
    isAnswering: (socket) => lines.get(socket)?.answers[0]?.headersSent ?? false,
  }
}
