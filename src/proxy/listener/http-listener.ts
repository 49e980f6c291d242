import type { TLSSocket } from 'node:tls'
import { DOWNSTREAM_EVENTS } from '../exchange/flow.ts'
import type { HttpContext } from '../exchange/types.ts'
import { createServerConnection } from '../http1/server-connection.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { detectPreface } from '../http2/preface.ts'
import type { AcceptedSocket } from './accept.ts'
import type { DetectedConnection } from './detect.ts'
import { serveHttp2 } from './http2-downstream.ts'

/** The connections of one listener, so that it can be drained and closed. */
export interface ConnectionSet {
  /** HTTP of either version: the client's first bytes tell which. */
  readonly serveHttp: (accepted: AcceptedSocket, context: HttpContext) => void
  /** The same when they have been read. */
  readonly serveDetected: (
    found: DetectedConnection,
    protocol: 'http1' | 'http2',
    context: HttpContext,
  ) => void
  /** Anything else that ends by itself or by force. */
  readonly add: (connection: Drainable) => () => void
  readonly size: () => number
  /** A part of this set that can be drained by itself. */
  readonly part: () => ConnectionSet
  /** It has been drained, and all are gone. */
  readonly isOver: () => boolean
  /** Idle connections are closed, the others after their response. */
  readonly drain: () => void
  readonly destroy: () => void
}

export interface Drainable {
  readonly drain: () => void
  readonly destroy: () => void
}

/** For a client that has connected and says nothing; Envoy's idle timeout of a connection. */
const SILENCE_MS = 3_600_000
/** For the rest of a preface that has begun. */
const PREFACE_MS = 60_000

export function createConnectionSet(): ConnectionSet {
  const connections = new Set<Drainable>()
  const parts = new Set<ConnectionSet>()
  let isDrained = false

  function serveHttp1(accepted: AcceptedSocket, context: HttpContext): void {
    const handle = createServerConnection({
      socket: accepted.socket,
      context,
      events: DOWNSTREAM_EVENTS,
      onClose: () => connections.delete(handle),
    })
    connections.add(handle)
    accepted.receiver.receive = handle.receive
  }

  function serveVersion2(accepted: AcceptedSocket, context: HttpContext): void {
    const { socket } = accepted
    const isEncrypted = (socket as Partial<TLSSocket>).encrypted === true
    const handle = serveHttp2({ socket, context, isEncrypted, onClose: () => connections.delete(handle) })
    connections.add(handle)
    accepted.receiver.receive = handle.receive
  }

  function serve(accepted: AcceptedSocket, protocol: 'http1' | 'http2', context: HttpContext): void {
    if (protocol === 'http1') serveHttp1(accepted, context)
    else serveVersion2(accepted, context)
  }

  /** Waits for the bytes that tell the version; those that came are given to its codec. */
  function awaitFirstBytes(accepted: AcceptedSocket, context: HttpContext): void {
    const { socket, receiver } = accepted
    const { wheel } = context.thread
    const timer = createWheelTimer(() => socket.destroy())
    let early: Buffer | undefined
    const pending: Drainable = { drain: () => socket.end(), destroy: () => socket.destroy() }
    // What began as a preface and ends before it is one is no request either.
    const onEnd = () => socket.end()
    const onError = () => {}
    const onClose = () => {
      connections.delete(pending)
      wheel.clear(timer)
    }

    function decide(protocol: 'http1' | 'http2', bytes: Buffer, start: number, end: number): void {
      onClose()
      socket.off('end', onEnd)
      socket.off('error', onError)
      socket.off('close', onClose)
      serve(accepted, protocol, context)
      receiver.receive(bytes, start, end)
    }

    receiver.receive = (bytes, start, end) => {
      if (early === undefined) {
        const verdict = detectPreface(bytes, start, end)
        if (verdict !== 'more') {
          decide(verdict === 'http2' ? 'http2' : 'http1', bytes, start, end)
          return
        }
        early = Buffer.copyBytesFrom(bytes, start, end - start)
        wheel.set(timer, PREFACE_MS)
        return
      }
      early = Buffer.concat([early, bytes.subarray(start, end)])
      const verdict = detectPreface(early, 0, early.length)
      if (verdict !== 'more') decide(verdict === 'http2' ? 'http2' : 'http1', early, 0, early.length)
    }
    connections.add(pending)
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
    wheel.set(timer, SILENCE_MS)
  }

  return {
    serveHttp: awaitFirstBytes,
    serveDetected(found, protocol, context) {
      const { accepted, first } = found
      serve(accepted, protocol, context)
      if (first) accepted.receiver.receive(first, 0, first.length)
      accepted.socket.resume()
    },
    add(connection) {
      connections.add(connection)
      return () => connections.delete(connection)
    },
    size() {
      let size = connections.size
      for (const part of parts) size += part.size()
      return size
    },
    part() {
      for (const part of parts) if (part.isOver()) parts.delete(part)
      const added = createConnectionSet()
      parts.add(added)
      return added
    },
    isOver: () => isDrained && connections.size === 0,
    drain() {
      isDrained = true
      for (const part of parts) part.drain()
      for (const connection of connections) connection.drain()
    },
    destroy() {
      for (const part of parts) part.destroy()
      for (const connection of connections) connection.destroy()
    },
  }
}
