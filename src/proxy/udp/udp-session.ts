import type { Socket as UdpSocket } from 'node:dgram'
import { FLAG, type LogRecord, type TcpSeries } from '../../telemetry/index.ts'
import type { ProxyThread } from '../exchange/types.ts'
import type { Network, SocketTarget } from '../net/network.ts'
import { describeSocketError } from '../net/socket-error.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import { connectionRecord } from '../tcp/connection-record.ts'
import type { Host } from '../upstream/host.ts'

export interface UdpPeer {
  readonly address: string
  readonly port: number
}

/** What one client sends to one endpoint, and what comes back to it. */
export interface UdpSession {
  readonly send: (message: Buffer) => void
  /** Its endpoint is gone: the next datagram starts another. */
  readonly isStale: () => boolean
  readonly silentMs: () => number
  /** @returns whether it was silent for long enough to count as newer than the others now */
  readonly becameActive: () => boolean
  /** From now on so much silence ends it. */
  readonly limitSilence: (ms: number) => void
  readonly end: () => void
}

export interface UdpSessionOptions {
  readonly from: UdpPeer
  readonly original: SocketTarget
  readonly thread: ProxyThread
  readonly network: Network
  readonly host: Host | undefined
  /** Gives back what the session counts as at its endpoint; absent: it cannot be, for the reason in `flags`. */
  readonly release: (() => void) | undefined
  readonly flags: number
  readonly idleTimeoutMs: number
  readonly clusterName: string
  readonly routeName: string
  readonly series: (flags: number) => TcpSeries
  readonly log: (record: LogRecord) => void
  /** To the client. */
  readonly answer: (message: Buffer) => void
  readonly onEnd: () => void
}

/** Datagrams that wait for the socket to be connected, which takes no more than a turn of the loop. */
const WAITING_MAX = 16
/** How exact the order of activity is: one move for so much traffic. */
const ACTIVITY_MS = 1000

export function createUdpSession(options: UdpSessionOptions): UdpSession {
  const { thread, host } = options
  const { clock, wheel } = thread
  const startTime = clock.now()
  const startedAt = clock.monotonic()
  const timer = createWheelTimer(onTimer)
  let { idleTimeoutMs } = options
  let lastActive = startedAt
  let countedAt = startedAt
  let received = 0
  let sent = 0
  let { flags } = options
  let failure = '-'
  let local = '-'
  let upstream: UdpSocket | undefined
  let waiting: Buffer[] | undefined = []
  let over = false
  const live = options.series(flags)
  live.opened.value++

  function open(target: Host): void {
    const socket = options.network.connectUdp({ address: target.ip, port: target.port })
    upstream = socket
    socket.on('connect', () => {
      if (over) return
      const { address, port } = socket.address()
      local = `${address}:${port}`
      for (const message of waiting ?? []) pass(message)
      waiting = undefined
    })
    socket.on('message', (message) => {
      lastActive = clock.monotonic()
      sent += message.length
      live.sent.value += message.length
      options.answer(message)
    })
    // Nobody listens there (ICMP), or the socket could not be made.
    socket.on('error', fail)
    wheel.set(timer, idleTimeoutMs)
  }

  function fail(error: NodeJS.ErrnoException): void {
    flags |= FLAG.UF
    failure = describeSocketError(error)
    end()
  }

  function pass(message: Buffer): void {
    upstream?.send(message, onSent)
  }

  /** What is too large for a datagram, or finds no room, is lost as it would be on the way. */
  function onSent(error: Error | null): void {
    if (error !== null && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') fail(error)
  }

  function onTimer(): void {
    const left = idleTimeoutMs - silentMs()
    if (left > 0) wheel.set(timer, left)
    else end()
  }

  function silentMs(): number {
    return clock.monotonic() - lastActive
  }

  function end(): void {
    if (over) return
    over = true
    wheel.clear(timer)
    upstream?.close()
    options.release?.()
    const closed = flags === options.flags ? live : options.series(flags)
    closed.closed.value++
    options.log(
      connectionRecord({
        startTime,
        durationMs: clock.monotonic() - startedAt,
        flags,
        transportFailure: failure,
        bytesReceived: received,
        bytesSent: sent,
        upstreamHost: host?.address ?? '-',
        upstreamLocal: local,
        clusterName: options.clusterName,
        routeName: options.routeName,
        stream: {
          remoteAddress: options.from.address,
          remotePort: options.from.port,
          localAddress: options.original.address,
          localPort: options.original.port,
        },
      }),
    )
    options.onEnd()
  }

  if (host === undefined || options.release === undefined) end()
  else open(host)

  return {
    send(message) {
      if (over) return
      lastActive = clock.monotonic()
      received += message.length
      live.received.value += message.length
      if (waiting === undefined) pass(message)
      else if (waiting.length < WAITING_MAX) waiting.push(message)
    },
    isStale: () => host?.isRemoved() === true,
    silentMs,
    becameActive() {
      const now = clock.monotonic()
      if (now - countedAt < ACTIVITY_MS) return false
      countedAt = now
      return true
    },
    limitSilence(ms) {
      if (over || idleTimeoutMs <= ms) return
      idleTimeoutMs = ms
      wheel.set(timer, Math.max(0, ms - silentMs()))
    },
    end,
  }
}
