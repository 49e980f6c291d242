import type { ProxyThread } from '../exchange/types.ts'
import type { AcceptedSocket } from '../listener/accept.ts'
import { claimAddresses } from '../net/claimed-addresses.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { readProxyHeader } from './read.ts'

/** Envoy's listener_filters_timeout. */
const HEADER_MS = 15_000

/**
 * Takes the PROXY header from a connection's beginning; from then on the socket has the addresses that it says. One
 * without a proper header in time is closed: only balancers are to be heard here.
 * @param found with what came after the header; the socket goes on being read
 */
export function awaitProxyHeader(
  accepted: AcceptedSocket,
  options: { readonly thread: ProxyThread; readonly onRefused: (reason: string) => void },
  found: (rest: Buffer | undefined) => void,
): void {
  const { socket, receiver } = accepted
  const { wheel } = options.thread
  const timer = createWheelTimer(() => refuse('no PROXY header came in time'))
  const onClose = () => wheel.clear(timer)
  const onError = () => {}
  const onEnd = () => socket.destroy()
  let bytes: Buffer | undefined

  function refuse(reason: string): void {
    options.onRefused(reason)
    socket.destroy()
  }

  receiver.receive = (chunk, start, end) => {
    const copy = Buffer.copyBytesFrom(chunk, start, end - start)
    bytes = bytes === undefined ? copy : Buffer.concat([bytes, copy])
    const header = readProxyHeader(bytes)
    if (header.kind === 'more') return
    if (header.kind === 'malformed') return refuse(`the PROXY header is malformed: ${header.reason}`)
    wheel.clear(timer)
    socket.off('close', onClose)
    socket.off('error', onError)
    socket.off('end', onEnd)
    if (header.addresses !== undefined) claimAddresses(socket, header.addresses)
    found(bytes.length > header.length ? bytes.subarray(header.length) : undefined)
  }
  socket.on('close', onClose)
  socket.on('error', onError)
  socket.on('end', onEnd)
  wheel.set(timer, HEADER_MS)
}
