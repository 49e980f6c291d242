import type { AppProtocol } from '../../model/index.ts'
import type { ProxyThread } from '../exchange/types.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { HELLO_BYTES_MAX, parseClientHello } from '../tls/client-hello.ts'
import type { AcceptedSocket } from './accept.ts'
import { sniff } from './sniff.ts'

/** A connection whose protocol is known, with what was read to find it out. Its socket is paused. */
export interface DetectedConnection {
  readonly accepted: AcceptedSocket
  readonly protocol: 'http1' | 'http2' | 'tcp'
  readonly first: Buffer | undefined
  /** Of bytes that begin a TLS handshake, where it was to be read; empty: none is named. */
  readonly serverName?: string
}

/**
 * How long a connection of unknown protocol may be silent. Servers that speak first (MySQL, SMTP) are delayed by it once
 * per connection; clients that open a connection before they have a request are served as TCP after it.
 */
export const DETECTION_TIMEOUT_MS = 300

/**
 * Decides between the versions of HTTP and bytes. Ports of a declared protocol need no wait: their first bytes only tell
 * the versions apart; TCP is not looked at, and TLS only where its server name matters.
 */
export function detect(
  accepted: AcceptedSocket,
  terms: {
    readonly declared: AppProtocol
    readonly thread: ProxyThread
    readonly readsServerName?: boolean
    /** How long to wait; absent: `DETECTION_TIMEOUT_MS`. */
    readonly timeoutMs?: number | undefined
    /** Bytes that were read already; the socket is paused then. */
    readonly first?: Buffer | undefined
  },
  found: (connection: DetectedConnection) => void,
): void {
  const { socket, receiver } = accepted
  const { declared, thread, readsServerName = false } = terms
  const isTls = declared === 'https' || declared === 'tls'
  if (!isTls || !readsServerName) {
    if (declared !== 'auto' && declared !== 'http' && declared !== 'http2' && declared !== 'grpc') {
      found({ accepted, protocol: 'tcp', first: terms.first })
      return
    }
  }
  let bytes: Buffer | undefined
  let isDecided = false
  const timer = createWheelTimer(() => decide('tcp'))
  const onGone = () => thread.wheel.clear(timer)
  const onError = () => {}

  function decide(protocol: DetectedConnection['protocol'], serverName?: string): void {
    isDecided = true
    thread.wheel.clear(timer)
    socket.off('close', onGone)
    socket.off('error', onError)
    socket.off('end', onEnd)
    if (socket.destroyed) return
    socket.pause()
    found({ accepted, protocol, first: bytes, ...(serverName !== undefined && { serverName }) })
  }

  /** The client has ended before it said what it speaks: whatever it sent is passed on. */
  function onEnd(): void {
    if (bytes === undefined) socket.destroy()
    else decide('tcp')
  }

  receiver.receive = (chunk, start, end) => {
    const copy = Buffer.copyBytesFrom(chunk, start, end - start)
    bytes = bytes === undefined ? copy : Buffer.concat([bytes, copy])
    if (readsServerName && (isTls || declared === 'auto')) {
      const hello = parseClientHello(bytes)
      if (hello.kind === 'more' && bytes.length < HELLO_BYTES_MAX) return
      if (hello.kind === 'hello') return decide('tcp', hello.hello.serverName ?? '')
      if (isTls || hello.kind !== 'other') return decide('tcp')
    }
    const result = sniff(bytes, 0, bytes.length)
    if (result === 'http1') decide('http1')
    else if (result === 'http2') decide('http2')
    // On a port that is declared HTTP, what is not HTTP gets the codec's refusal.
    else if (result === 'other') decide(declared === 'auto' ? 'tcp' : 'http1')
  }
  socket.on('close', onGone)
  socket.on('error', onError)
  socket.on('end', onEnd)
  if (isTls || declared === 'auto') thread.wheel.set(timer, terms.timeoutMs ?? DETECTION_TIMEOUT_MS)
  if (terms.first === undefined) return
  receiver.receive(terms.first, 0, terms.first.length)
  if (!isDecided) socket.resume()
}
