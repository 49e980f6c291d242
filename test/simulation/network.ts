import { Socket } from 'node:net'
import type { Network } from '../../src/proxy/net/network.ts'
import { readAccepted } from '../../src/proxy/net/network.ts'
import { createHandle, type Handle } from './handle.ts'
import type { Kernel } from './kernel.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * Node's own sockets over the kernel in memory: only the handle below them, which is otherwise libuv's, is made here.
 * So back-pressure, half-close, `close` and errors are Node's by construction; kernel.test.ts compares what is left.
 */
export interface SimulatedNetwork extends Network {
  /** Sockets of the proxy that are open. */
  readonly sockets: () => Iterable<Socket>
}

/** @param from the address that outgoing connections have */
export function createSimulatedNetwork(scheduler: Scheduler, kernel: Kernel, from: string): SimulatedNetwork {
  const sockets = new Set<Socket>()

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
    sockets: () => sockets,
    listen: async (listen) => {
      const close = kernel.listen(listen.port, {
        accept(end) {
          const handle = createHandle(scheduler, kernel, { end, from, owner: 'proxy downstream' })
          const raw = new Socket(options(handle, { pauseOnCreate: true }))
          scheduler.at(0, () => listen.onConnection(raw))
        },
      })
      return { port: listen.port, close }
    },
    read: (accepted, onread) => track(readAccepted(accepted, onread)),
    connect(connect) {
      const handle = createHandle(scheduler, kernel, { end: undefined, from, owner: 'proxy upstream' })
      const socket = track(new Socket(options(handle, { manualStart: true, onread: connect.onread })))
      return socket.connect({ host: connect.address, port: connect.port })
    },
    listenUdp: () => Promise.reject(new Error('there are no datagrams here')),
    connectUdp: () => {
      throw new Error('there are no datagrams here')
    },
    originalDestination: () => undefined,
  }
}

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
