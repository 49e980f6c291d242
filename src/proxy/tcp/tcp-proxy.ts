import type { Socket } from 'node:net'
import { FLAG, type LogRecord, type TcpSeries } from '../../telemetry/index.ts'
import type { ProxyThread, WorkCounter } from '../exchange/types.ts'
import { ADMITTED, type Admission, type Admitted } from '../filters/admission.ts'
import type { AcceptedSocket } from '../listener/accept.ts'
import type { ConnectionSet } from '../listener/http-listener.ts'
import { plainAddress } from '../net/plain-address.ts'
import type { OnRead, SocketTarget } from '../net/network.ts'
import { describeSocketError } from '../net/socket-error.ts'
import { createWheelTimer, type WheelTimer } from '../net/timer-wheel.ts'
import { breakOff, closeWhenSent, unsentBytes } from '../net/unsent.ts'
import { readyEvent } from '../tls/client.ts'
import { EXPIRED } from '../upstream/dial.ts'
import type { Host } from '../upstream/host.ts'
import { connectionRecord } from './connection-record.ts'
import { openTunnel, type TunnelOpening } from './tunnel.ts'

export interface TcpProxyOptions {
  readonly accepted: AcceptedSocket
  /** Where a captured connection was going: what the access log calls the local address, as Envoy restores it. */
  readonly original: SocketTarget
  /** What has been read already. */
  readonly first: Buffer | undefined
  readonly pick: (tried: ReadonlySet<string>) => Host | undefined
  readonly clusterName: string
  /** Without a byte in either direction for so long it is closed; absent: an hour, as in Envoy; 0: never. */
  readonly idleTimeoutMs?: number | undefined
  /** Set when it is clear from the start that nothing can come of it. */
  readonly flags?: number
  readonly routeName?: string
  /** Nothing is connected to before it is admitted. Absent: it is. */
  readonly admission?: Admission
  /** What the client named in its TLS handshake. */
  readonly serverName?: string
  readonly thread: ProxyThread
  readonly work: WorkCounter
  readonly connections: ConnectionSet
  /** @param host undefined when no connection came about */
  readonly series: (host: Host | undefined, flags: number) => TcpSeries
  readonly log: (record: LogRecord) => void
}

/** Istio's max_connect_attempts default is 1; one more host makes a rolling restart invisible to new connections. */
const CONNECT_ATTEMPTS_MAX = 3
const IDLE_TIMEOUT_MS = 3_600_000

interface TcpSession {
  readonly options: TcpProxyOptions
  readonly downstream: Socket
  /** Of connecting, then of silence. */
  readonly timer: WheelTimer
  lastActive: number
  readonly startTime: number
  readonly startedAt: number
  readonly tried: Set<string>
  upstream: Socket | undefined
  connected: boolean
  /** A tunnel through the endpoint is on its way. */
  opening: TunnelOpening | undefined
  host: Host | undefined
  /** Bytes read before the upstream connection was there; reading is paused while there are any. */
  held: Buffer | undefined
  received: number
  sent: number
  /** Counted into while the connection lives: one that lasts for days must not show nothing until it ends. */
  live: TcpSeries | undefined
  flags: number
  /** Why it may not be used, for the log. */
  refusal: string | undefined
  /** Gives up the question whether it may be. */
  withdraw: () => void
  failure: string
  downstreamEnded: boolean
  upstreamEnded: boolean
  /** The server has broken off in the middle: the client must not take that for an end. */
  upstreamBroke: boolean
  over: boolean
}

/** Passes bytes both ways, each direction as fast as its receiver takes them and ended on its own. */
export function proxyTcp(options: TcpProxyOptions): void {
  const { thread } = options
  const { socket } = options.accepted
  const session: TcpSession = {
    options,
    downstream: socket,
    timer: createWheelTimer(() => onTimer(session)),
    lastActive: 0,
    startTime: thread.clock.now(),
    startedAt: thread.clock.monotonic(),
    tried: new Set(),
    upstream: undefined,
    connected: false,
    opening: undefined,
    host: undefined,
    held: options.first,
    received: options.first?.length ?? 0,
    sent: 0,
    live: undefined,
    flags: options.flags ?? 0,
    refusal: undefined,
    withdraw: () => {},
    failure: '-',
    downstreamEnded: false,
    upstreamEnded: false,
    upstreamBroke: false,
    over: false,
  }
  options.accepted.receiver.receive = (bytes, start, end) => onDownstream(session, bytes, start, end)
  const forget = options.connections.add({
    drain: () => {},
    destroy: () => {
      socket.destroy()
      session.upstream?.destroy()
    },
  })
  const over = (): void => {
    forget()
    finish(session)
  }
  socket.pause()
  socket.on('error', () => {})
  socket.on('drain', () => session.upstream?.resume())
  socket.on('end', () => {
    session.downstreamEnded = true
    if (session.connected) session.upstream?.end()
  })
  socket.on('close', (hadError) => {
    const { upstream } = session
    if (upstream !== undefined && !hadError && hasMore(session, upstream)) {
      closeWhenSent(upstream, thread)
      upstream.once('close', over)
    } else {
      if (upstream !== undefined) leaveUpstream(session, upstream, hadError)
      over()
    }
  })
  const { admission = ADMITTED } = options
  if (admission.kind === 'asked') session.withdraw = admission.ask((decided) => admit(session, decided))
  else admit(session, admission)
}

function admit(session: TcpSession, admission: Admitted): void {
  if (session.over || session.downstream.destroyed) return
  if (admission.kind === 'admitted') {
    connect(session)
    return
  }
  session.refusal = admission.reason
  session.flags |= admission.flags
  session.downstream.destroy()
}

/** A client that has broken off is not one that has ended. */
function leaveUpstream(session: TcpSession, upstream: Socket, isBroken: boolean): void {
  if (isBroken && session.connected && !session.downstreamEnded && !upstream.destroyed) breakOff(upstream)
  else upstream.destroy()
}

/** Both directions have ended, but the server has not taken all that the client has sent. */
function hasMore(session: TcpSession, upstream: Socket): boolean {
  return session.connected && session.downstreamEnded && !upstream.destroyed && unsentBytes(upstream) > 0
}

function connect(session: TcpSession): void {
  const { options } = session
  const host = options.pick(session.tried)
  const isOver = session.tried.size >= CONNECT_ATTEMPTS_MAX
  // Where there is no other host, the one that has just failed is not asked again: it would be without end.
  if (host === undefined || isOver || session.tried.has(host.address)) {
    if (session.tried.size > 0) session.flags |= FLAG.URX
    else if (session.flags === 0) session.flags |= FLAG.UH
    session.downstream.destroy()
    return
  }
  session.tried.add(host.address)
  session.host = host
  session.opening = undefined
  const onread: OnRead = {
    buffer: options.thread.readBuffer,
    callback(bytes, buffer) {
      onUpstream(session, buffer as Buffer, bytes)
      return true
    },
  }
  const upstream = host.openTcp(onread, { source: clientOf(session), destination: options.original })
  if (upstream === undefined) {
    session.flags |= FLAG.UO
    session.downstream.destroy()
    return
  }
  session.upstream = upstream
  options.thread.wheel.set(session.timer, host.connectTimeoutMs())
  upstream.on(readyEvent(upstream), () => onReady(session))
  upstream.on('drain', () => session.downstream.resume())
  upstream.on('end', () => {
    session.upstreamEnded = true
    // Before the tunnel is there it is a failure, not an end.
    if (session.connected) session.downstream.end()
    else upstream.destroy()
  })
  upstream.on(EXPIRED, () => {
    session.flags |= FLAG.DT
  })
  upstream.on('error', (error: NodeJS.ErrnoException) => {
    if (!session.connected) session.failure = describeSocketError(error)
    else if (!session.upstreamEnded) session.upstreamBroke = true
  })
  upstream.on('close', () => {
    if (session.upstream !== upstream) return
    if (!session.connected) connectFailed(session)
    else if (session.upstreamBroke) breakOff(session.downstream)
    else if (session.downstream.writableLength === 0) session.downstream.destroy()
    else endDownstream(session)
  })
}

/** The server has gone: the client still gets what has come from there, and what it says is for nobody. */
function endDownstream({ options, downstream }: TcpSession): void {
  options.accepted.receiver.receive = () => {}
  downstream.resume()
  downstream.end()
  closeWhenSent(downstream, options.thread)
}

function onTimer(session: TcpSession): void {
  if (!session.connected) {
    session.upstream?.destroy(new Error('connection timeout'))
    return
  }
  const idleMs = session.options.thread.clock.monotonic() - session.lastActive
  const left = idleTimeoutOf(session) - idleMs
  if (left > 0) session.options.thread.wheel.set(session.timer, left)
  else session.downstream.destroy()
}

function idleTimeoutOf(session: TcpSession): number {
  return session.options.idleTimeoutMs ?? IDLE_TIMEOUT_MS
}

/** The timer is looked at when it fires, not moved with every byte. */
function awaitSilence(session: TcpSession): void {
  session.lastActive = session.options.thread.clock.monotonic()
  const idle = idleTimeoutOf(session)
  if (idle > 0) session.options.thread.wheel.set(session.timer, idle)
}

function connectFailed(session: TcpSession): void {
  session.options.thread.wheel.clear(session.timer)
  if (session.downstream.destroyed) return
  session.flags |= FLAG.UF
  connect(session)
}

/** Connected to the endpoint, which may be a proxy on the way. */
function onReady(session: TcpSession): void {
  const authority = session.host?.tunnel()
  if (authority === undefined) {
    onConnected(session)
    return
  }
  session.opening = openTunnel(authority)
  session.upstream?.write(session.opening.request)
}

function onTunnelAnswer(session: TcpSession, opening: TunnelOpening, bytes: Buffer): void {
  const answer = opening.read(Buffer.from(bytes))
  switch (answer.kind) {
    case 'more':
      return
    case 'refused':
      session.upstream?.destroy(new Error(`no tunnel: ${answer.reason}`))
      return
    case 'open':
      session.opening = undefined
      onConnected(session)
      if (answer.rest.length > 0) onUpstream(session, answer.rest, answer.rest.length)
  }
}

function onConnected(session: TcpSession): void {
  const { options, held } = session
  const upstream = session.upstream as Socket
  options.thread.wheel.clear(session.timer)
  session.connected = true
  awaitSilence(session)
  session.flags &= ~FLAG.UF
  const live = options.series(session.host, 0)
  live.opened.value++
  live.received.value += session.received
  session.live = live
  session.held = undefined
  const more = held === undefined || upstream.write(held)
  if (session.downstreamEnded) upstream.end()
  if (more) session.downstream.resume()
}

function onDownstream(session: TcpSession, bytes: Buffer, start: number, end: number): void {
  session.options.work.events++
  session.lastActive = session.options.thread.clock.monotonic()
  session.received += end - start
  if (session.live) session.live.received.value += end - start
  const chunk = Buffer.copyBytesFrom(bytes, start, end - start)
  if (!session.connected) {
    session.held = session.held ? Buffer.concat([session.held, chunk]) : chunk
    session.downstream.pause()
    return
  }
  if (session.upstream?.write(chunk) === false) session.downstream.pause()
}

function onUpstream(session: TcpSession, bytes: Buffer, length: number): void {
  if (session.opening !== undefined) {
    onTunnelAnswer(session, session.opening, bytes.subarray(0, length))
    return
  }
  session.options.work.events++
  session.lastActive = session.options.thread.clock.monotonic()
  session.sent += length
  if (session.live) session.live.sent.value += length
  if (!session.downstream.write(Buffer.copyBytesFrom(bytes, 0, length))) session.upstream?.pause()
}

function finish(session: TcpSession): void {
  if (session.over) return
  session.over = true
  session.withdraw()
  const { options, host } = session
  const { thread } = options
  thread.wheel.clear(session.timer)
  const series = options.series(host, session.flags)
  series.closed.value++
  if (!session.live) {
    series.opened.value++
    series.received.value += session.received
  }
  options.log(logRecord(session, host))
}

function clientOf({ downstream }: TcpSession): SocketTarget {
  return { address: plainAddress(downstream.remoteAddress), port: downstream.remotePort ?? 0 }
}

function logRecord(session: TcpSession, host: Host | undefined): LogRecord {
  const { upstream, options } = session
  const client = clientOf(session)
  return connectionRecord({
    startTime: session.startTime,
    durationMs: options.thread.clock.monotonic() - session.startedAt,
    flags: session.flags,
    transportFailure: session.failure,
    bytesReceived: session.received,
    bytesSent: session.sent,
    upstreamHost: host?.address ?? '-',
    upstreamLocal:
      upstream?.localAddress === undefined ? '-' : `${upstream.localAddress}:${upstream.localPort}`,
    clusterName: options.clusterName,
    ...(session.refusal !== undefined && { terminationDetails: session.refusal }),
    routeName: options.routeName ?? '-',
    requestedServerName: options.serverName ? options.serverName : '-',
    stream: {
      remoteAddress: client.address,
      remotePort: client.port,
      localAddress: options.original.address,
      localPort: options.original.port,
    },
  })
}
