import { Socket } from 'node:net'
import type { OnRead } from '../net/network.ts'
import { canRace, pendingLookup, race } from '../net/race.ts'
import { createWheelTimer, type TimerWheel } from '../net/timer-wheel.ts'
import type { TlsConnector } from '../tls/client.ts'
import type { ClusterLoad } from './load.ts'
import type { UpstreamSettings } from './pool.ts'

/**
 * Opens a connection to an endpoint; errors come from the socket.
 * @param protocol for ALPN; absent: bytes
 * @param header the first bytes of all, before those of TLS
 */
export type Dial = (protocol: 'h2' | 'http/1.1' | undefined, onread: OnRead, header?: Buffer) => Socket

export function createDial(options: {
  readonly settings: UpstreamSettings
  readonly load: ClusterLoad
  readonly ip: string
  readonly port: number
  /** Under which TLS sessions are kept. */
  readonly address: string
  /** All that lead to the endpoint, `ip` first. */
  readonly addresses: () => readonly string[]
  readonly localAddress?: string
  readonly tls?: TlsConnector | undefined
}): Dial {
  const { settings, load, ip, port, address, tls } = options
  const local = options.localAddress === undefined ? {} : { localAddress: options.localAddress }

  /** To whichever of the addresses can be reached. */
  function openAny(addresses: readonly string[], [protocol, onread, header]: Parameters<Dial>): Socket {
    const target = { host: 'endpoint.invalid', port, lookup: pendingLookup, allowHalfOpen: true }
    const socket =
      tls === undefined
        ? new Socket({ onread, allowHalfOpen: true }).connect(target)
        : tls.open(target, onread, { address, protocol })
    if (load.limits.keepAliveMs > 0) {
      socket.once('connect', () => socket.setKeepAlive(true, load.limits.keepAliveMs))
    }
    race(socket, {
      addresses,
      connect: (one) => settings.network.connect({ address: one, port, ...local, onread: NOTHING_READ }),
      wheel: settings.thread.wheel,
      header,
    })
    return socket
  }

  return (protocol, onread, header) => {
    const addresses = canRace ? options.addresses() : [ip]
    if (addresses.length > 1) return openAny(addresses, [protocol, onread, header])
    const socket = settings.network.connect({ address: ip, port, ...local, onread })
    if (header !== undefined) socket.write(header)
    if (load.limits.keepAliveMs > 0) socket.setKeepAlive(true, load.limits.keepAliveMs)
    return tls === undefined ? socket : tls.secure(socket, onread, { address, protocol })
  }
}

/** Of a connection before it is the one that is used. */
const NOTHING_READ: OnRead = { buffer: Buffer.alloc(1), callback: () => false }

/** The event of a socket that has lived its time, before it is closed. */
export const EXPIRED = 'expired'

/** Ends a connection of bytes that has been silent for too long, or has lived its time. @returns what stops this */
export function limitLife(socket: Socket, load: ClusterLoad, wheel: TimerWheel): () => void {
  const { tcpIdleTimeoutMs, durationMaxMs } = load.limits
  if (tcpIdleTimeoutMs !== Number.POSITIVE_INFINITY) {
    socket.setTimeout(tcpIdleTimeoutMs, () => {
      load.connectionsIdledOut++
      socket.destroy()
    })
  }
  if (durationMaxMs === Number.POSITIVE_INFINITY) return () => {}
  const timer = createWheelTimer(() => {
    load.connectionsOutlived++
    socket.emit(EXPIRED)
    socket.destroy()
  })
  wheel.set(timer, durationMaxMs)
  return () => wheel.clear(timer)
}
