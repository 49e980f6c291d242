import type { ProxyThread } from '../exchange/types.ts'
import type { AcceptedSocket } from '../listener/accept.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { type ClientHello, HELLO_BYTES_MAX, parseClientHello } from './client-hello.ts'

/** The beginning of a connection, as far as it was read. Its socket is paused. */
export interface PeerGreeting {
  /** Absent: the client has said nothing so far, and may be waiting for the server to speak. */
  readonly first: Buffer | undefined
  /** Absent: it is no TLS. */
  readonly hello: ClientHello | undefined
}

/**
 * Finds out whether a connection begins with TLS. What is no proper hello counts as plain bytes.
 * @param terms.silenceMs how long is waited for the first byte; absent: as long as the client wants
 */
export function inspectPeer(
  { socket, receiver }: AcceptedSocket,
  terms: { readonly thread: ProxyThread; readonly silenceMs: number | undefined },
  found: (greeting: PeerGreeting) => void,
): void {
  const { wheel } = terms.thread
  const timer = createWheelTimer(() => decide(undefined))
  let bytes: Buffer | undefined
  const onClose = () => wheel.clear(timer)
  const onError = () => {}
  const onEnd = () => {
    if (bytes === undefined) socket.destroy()
    else decide(undefined)
  }

  function decide(hello: ClientHello | undefined): void {
    wheel.clear(timer)
    socket.off('close', onClose)
    socket.off('error', onError)
    socket.off('end', onEnd)
    if (socket.destroyed) return
    socket.pause()
    found({ first: bytes, hello })
  }

  receiver.receive = (chunk, start, end) => {
    const copy = Buffer.copyBytesFrom(chunk, start, end - start)
    bytes = bytes === undefined ? copy : Buffer.concat([bytes, copy])
    const result = parseClientHello(bytes)
    if (result.kind === 'more' && bytes.length < HELLO_BYTES_MAX) return
    decide(result.kind === 'hello' ? result.hello : undefined)
  }
  socket.on('close', onClose)
  socket.on('error', onError)
  socket.on('end', onEnd)
  if (terms.silenceMs !== undefined) wheel.set(timer, terms.silenceMs)
}
