import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Network } from '../../src/proxy/net/network.ts'
import { readAccepted } from '../../src/proxy/net/network.ts'
import { createHandle, type Handle } from './handle.ts'
import type { End, Kernel } from './kernel.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * Node's own sockets over the kernel in memory: only the handle below them, which is otherwise libuv's, is made here.
 * So back-pressure, half-close, `close` and errors are Node's by construction; kernel.test.ts compares what is left.
 */
export interface SimulatedNetwork extends Network {
  /** Sockets of the proxy that are open; where TLS is put on one, both. */
  readonly sockets: () => Iterable<Socket>
}

interface HandleHolder {
  readonly _handle?: (Handle & { readonly _parent?: Handle }) | null
}

// The handshake's bound is set while a socket of TLS is made: it has to be virtual from the beginning.
// oxlint-disable-next-line typescript/unbound-method -- called with the socket as `this` below
const { setTimeout: realTimeout } = TLSSocket.prototype
TLSSocket.prototype.setTimeout = function (this: TLSSocket, ms: number, callback?: () => void) {
  const scheduler = (this as unknown as HandleHolder)._handle?._parent?.scheduler
  if (scheduler === undefined) return realTimeout.call(this, ms, callback)
  return withVirtualTimeout(this, scheduler).setTimeout(ms, callback) as TLSSocket
}

/** A socket of Node's on one side of a connection that is there. */
export function socketOf(scheduler: Scheduler, kernel: Kernel, end: End): Socket {
  const handle = createHandle(scheduler, kernel, { end, from: end.local.address, owner: end.owner })
  return new Socket(options(handle, { manualStart: true }))
}

/** @param from the address that outgoing connections have, unless they ask for another; names the owner of its ends */
export function createSimulatedNetwork(scheduler: Scheduler, kernel: Kernel, from: string): SimulatedNetwork {
  const sockets = new Set<Socket>()

  /** With those of TLS, which Node keeps to itself. */
  function* everySocket(): Generator<Socket> {
    for (const socket of sockets) {
      yield socket
      const secured = (socket as unknown as HandleHolder)._handle?.tls()
      const owner = secured && Object.getOwnPropertySymbols(secured).find(isOwner)
      const above = owner && (secured as unknown as Record<symbol, Socket | null>)[owner]
      if (above) yield above
    }
  }

  function track(socket: Socket): Socket {
    sockets.add(socket)
    const { _handle: handle } = socket as unknown as { readonly _handle: Handle }
    // Node only resets what is a handle of libuv's.
    socket.resetAndDestroy = () => {
      handle.abort()
      return socket.destroy()
    }
    socket.once('close', () => sockets.delete(socket))
    return withVirtualTimeout(socket, scheduler)
  }

  return {
    sockets: everySocket,
    listen: async (listen) => {
      const close = kernel.listen(listen.port, {
        accept(end) {
          const handle = createHandle(scheduler, kernel, { end, from, owner: `${from} downstream` })
          const raw = new Socket(options(handle, { pauseOnCreate: true }))
          scheduler.at(0, () => listen.onConnection(raw))
        },
      })
      return { port: listen.port, close }
    },
    read: (accepted, onread) => track(readAccepted(accepted, onread)),
    connect(connect) {
      const handle = createHandle(scheduler, kernel, {
        end: undefined,
        from: connect.localAddress ?? from,
        owner: `${from} upstream`,
      })
      const socket = track(new Socket(options(handle, { manualStart: true, onread: connect.onread })))
      return socket.connect({ host: connect.address, port: connect.port })
    },
    listenUdp: () => Promise.reject(new Error('there are no datagrams here')),
    connectUdp: () => {
      throw new Error('there are no datagrams here')
    },
    originalDestination(raw) {
      const local: { address?: string; port?: number } = {}
      ;(raw as unknown as HandleHolder)._handle?.getsockname(local)
      const { address = '', port = 0 } = local
      return kernel.network.redirect?.({ address, port }, raw.remoteAddress ?? '') === undefined
        ? undefined
        : { address, port }
    },
  }
}

const isOwner = (symbol: symbol): boolean => symbol.description === 'owner_symbol'

function options(handle: Handle, more: object): ConstructorParameters<typeof Socket>[0] {
  const all = { handle, allowHalfOpen: true, readable: true, writable: true, ...more }
  return all as unknown as ConstructorParameters<typeof Socket>[0]
}

/** A socket's own timeout goes by Node's timers, which know no other time than the real one. */
function withVirtualTimeout(socket: Socket, scheduler: Scheduler): Socket {
  let cancel = (): void => {}
  let ms = 0
  let read = -1
  const look = (): void => {
    const bytes = socket.bytesRead + socket.bytesWritten
    if (bytes === read) {
      socket.emit('timeout')
      return
    }
    read = bytes
    cancel = scheduler.after(ms, look)
  }
  socket.setTimeout = (timeout: number, callback?: () => void) => {
    cancel()
    ms = timeout
    if (callback !== undefined) socket.once('timeout', callback)
    read = socket.bytesRead + socket.bytesWritten
    if (ms > 0) cancel = scheduler.after(ms, look)
    return socket
  }
  socket.once('close', () => cancel())
  return socket
}
