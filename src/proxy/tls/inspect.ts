import type { ProxyThread } from '../exchange/types.ts'
import type { AcceptedSocket } from '../listener/accept.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { type ClientHello, HELLO_BYTES_MAX, parseClientHello } from './client-hello.ts'

/** A connection that has said whether it speaks TLS, with all that was read to find it out. Its socket is paused. */
export interface InspectedConnection {
  readonly accepted: AcceptedSocket
  readonly first: Buffer
  /** Absent: it is no TLS. */
  readonly hello: ClientHello | undefined
}

/** Envoy's listener_filters_timeout. */
const HELLO_MS = 15_000

/** Reads the beginning of a connection; one that says nothing in time, or no proper hello, is closed. */
export function inspectTls(
  accepted: AcceptedSocket,
  thread: ProxyThread,
  found: (connection: InspectedConnection) => void,
): void {
  const { socket, receiver } = accepted
  const timer = createWheelTimer(() => socket.destroy())
  const onClose = () => thread.wheel.clear(timer)
  const onError = () => {}
  const onEnd = () => socket.destroy()
  let bytes: Buffer | undefined

  receiver.receive = (chunk, start, end) => {
    const copy = Buffer.copyBytesFrom(chunk, start, end - start)
    bytes = bytes === undefined ? copy : Buffer.concat([bytes, copy])
    const result = parseClientHello(bytes)
    if (result.kind === 'more' && bytes.length < HELLO_BYTES_MAX) return
    thread.wheel.clear(timer)
    socket.off('close', onClose)
    socket.off('end', onEnd)
    if (result.kind === 'malformed' || result.kind === 'more') {
      socket.destroy()
      return
    }
    socket.off('error', onError)
    socket.pause()
    found({ accepted, first: bytes, hello: result.kind === 'hello' ? result.hello : undefined })
  }
  socket.on('close', onClose)
  socket.on('error', onError)
  socket.on('end', onEnd)
  thread.wheel.set(timer, HELLO_MS)
}
