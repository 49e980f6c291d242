import type { Socket } from 'node:net'
import type { Clock } from '../../base/index.ts'
import type { BoundListener, ConnectOptions, ListenOptions, Network } from '../net/network.ts'

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
      network.listen({
        ...options,
        onConnection: (socket) => guard.run(() => options.onConnection(guardSocket(socket, guard))),
      }),
    connect: (options: ConnectOptions) => {
      const { callback, buffer } = options.onread
      const guarded = {
        buffer,
        callback(bytes: number, chunk: Uint8Array) {
          let goOn = true
          guard.run(() => {
            goOn = callback(bytes, chunk)
          })
          return goOn
        },
      }
      return guardSocket(network.connect({ ...options, onread: guarded }), guard)
    },
    originalDestination: network.originalDestination,
  }
}

/** Listeners of events are called by `emit`, so guarding it guards them all. */
export function guardSocket(socket: Socket, guard: Guard): Socket {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  socket.emit = ((event: string | symbol, ...args: unknown[]) => {
    let heard = false
    guard.run(() => {
      heard = emit(event, ...args)
    })
    return heard
  }) as Socket['emit']
  return socket
}

export function guardClock(clock: Clock, guard: Guard): Clock {
  return { ...clock, after: (ms, callback) => clock.after(ms, () => guard.run(callback)) }
}
