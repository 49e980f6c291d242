import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../base/index.ts'
import { createWheelTimer, type TimerWheel } from './timer-wheel.ts'

/** The handle below a socket, as far as it tells what it has not been able to write. */
interface WritingHandle {
  readonly writeQueueSize?: number
}

/** More than 0: something was written to a socket, through its stream or past it, that the system has not taken. */
export function unsentBytes(socket: Socket): number {
  return socket.writableLength + queuedBytes(socket)
}

function queuedBytes(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: WritingHandle | null }
  return handle?.writeQueueSize ?? 0
}

/**
 * A number that changes whenever something is written or the system takes some of it: a part of a large write too,
 * which the stream itself does not tell. Node's own timeout of a socket goes by the same.
 */
export function sendingMark(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength - queuedBytes(socket)
}

/** Ends a connection so that its peer can tell it from one that has come to its end: by a reset, or TLS without its end. */
export function breakOff(socket: Socket): void {
  if ((socket as Partial<TLSSocket>).encrypted === true) socket.destroy()
  else socket.resetAndDestroy()
}

/** How often it is looked whether a peer has taken something. */
const LOOK_MS = 5000
/** For a peer that takes nothing of what is left for it; as nginx's send_timeout, between two successful writes. */
export const SEND_STALL_MS = 60_000

/** Leaves a socket that has been ended to its peer: it is closed when all was taken, or when nothing is for a while. */
export function closeWhenSent(socket: Socket, { wheel, clock }: { wheel: TimerWheel; clock: Clock }): void {
  let mark = sendingMark(socket)
  let since = clock.monotonic()
  const timer = createWheelTimer(() => {
    const now = clock.monotonic()
    const next = sendingMark(socket)
    if (next !== mark) {
      mark = next
      since = now
    } else if (unsentBytes(socket) === 0 || now - since >= SEND_STALL_MS) {
      socket.destroy()
      return
    }
    wheel.set(timer, LOOK_MS)
  })
  wheel.set(timer, LOOK_MS)
  socket.once('close', () => wheel.clear(timer))
}
