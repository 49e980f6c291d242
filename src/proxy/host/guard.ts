import type { EventEmitter } from 'node:events'
import type { Clock } from '../../base/index.ts'
import type { ProxyThread } from '../exchange/types.ts'
import { createHttp2Thread } from '../http2/connection.ts'
import type { BoundListener, ConnectOptions, ListenOptions, Network, OnRead } from '../net/network.ts'
import { createTimerWheel } from '../net/timer-wheel.ts'

/** Runs callbacks of one instance; what one throws ends that instance and no other. */
export interface Guard {
  readonly run: (call: () => void) => void
}

export function createGuard(onCrash: (error: unknown) => void): Guard {
  let crashed = false
  return {
    run(call) {
      try {
        call()
      } catch (error) {
        if (crashed) return
        crashed = true
        onCrash(error)
      }
    },
  }
}

/** Everything that calls back into an instance comes from its sockets or its clock; these are the ones guarded. */
export function guardNetwork(network: Network, guard: Guard): Network {
  return {
    listen: (options: ListenOptions): Promise<BoundListener> =>
      network.listen({ ...options, onConnection: (socket) => guard.run(() => options.onConnection(socket)) }),
    read: (socket, onread) => guardSocket(network.read(socket, guardReads(onread, guard)), guard),
    connect: (options: ConnectOptions) =>
      guardSocket(network.connect({ ...options, onread: guardReads(options.onread, guard) }), guard),
    listenUdp: (options) =>
      network.listenUdp({
        ...options,
        onSockets: (sockets) =>
          guard.run(() => options.onSockets(sockets.map((socket) => guardSocket(socket, guard)))),
        onLeaving: (isLeaving) => guard.run(() => options.onLeaving(isLeaving)),
        onLeave: () => guard.run(options.onLeave),
      }),
    connectUdp: (target, local) => guardSocket(network.connectUdp(target, local), guard),
    originalDestination: network.originalDestination,
  }
}

function guardReads({ buffer, callback }: OnRead, guard: Guard): OnRead {
  return {
    buffer,
    callback(bytes, chunk) {
      // After a failure nothing more is read for the instance.
      let goOn = false
      guard.run(() => {
        goOn = callback(bytes, chunk)
      })
      return goOn
    },
  }
}

/** Listeners of events are called by `emit`, so guarding it guards them all. */
export function guardSocket<S extends EventEmitter>(socket: S, guard: Guard): S {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  socket.emit = ((event: string | symbol, ...args: unknown[]) => {
    let heard = false
    guard.run(() => {
      heard = emit(event, ...args)
    })
    return heard
  }) as S['emit']
  return socket
}

export function guardClock(clock: Clock, guard: Guard): Clock {
  return { ...clock, after: (ms, callback) => clock.after(ms, () => guard.run(callback)) }
}

/** Buffers are shared by all; timers and deferred writes are not, so that what one throws is known to be its own. */
export function guardThread(thread: ProxyThread, clock: Clock, guard: Guard): ProxyThread {
  const wheel = createTimerWheel(clock)
  const defer = (callback: () => void) => void setImmediate(() => guard.run(callback))
  return { ...thread, clock, wheel, http2: createHttp2Thread({ clock, wheel, blocks: thread.blocks, defer }) }
}
