import { DOWNSTREAM_EVENTS } from '../exchange/flow.ts'
import type { HttpContext } from '../exchange/types.ts'
import { createServerConnection, type ServerConnectionHandle } from '../http1/server-connection.ts'
import type { AcceptedSocket } from './accept.ts'

/** The connections of one listener, so that it can be drained and closed. */
export interface ConnectionSet {
  readonly serveHttp: (accepted: AcceptedSocket, context: HttpContext) => void
  /** Anything else that ends by itself or by force. */
  readonly add: (connection: Drainable) => () => void
  readonly size: () => number
  /** Idle connections are closed, the others after their response. */
  readonly drain: () => void
  readonly destroy: () => void
}

export interface Drainable {
  readonly drain: () => void
  readonly destroy: () => void
}

export function createConnectionSet(): ConnectionSet {
  const connections = new Set<Drainable>()
  return {
    serveHttp(accepted, context) {
      const handle: ServerConnectionHandle = createServerConnection({
        socket: accepted.socket,
        context,
        events: DOWNSTREAM_EVENTS,
        onClose: () => connections.delete(handle),
      })
      connections.add(handle)
      accepted.receiver.receive = handle.receive
    },
    add(connection) {
      connections.add(connection)
      return () => connections.delete(connection)
    },
    size: () => connections.size,
    drain() {
      for (const connection of connections) connection.drain()
    },
    destroy() {
      for (const connection of connections) connection.destroy()
    },
  }
}
