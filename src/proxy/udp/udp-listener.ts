import type { Socket as UdpSocket } from 'node:dgram'
import type { ConnectionRoute } from '../../model/index.ts'
import { FLAG } from '../../telemetry/index.ts'
import type { Network, SocketTarget } from '../net/network.ts'
import { plainAddress } from '../net/plain-address.ts'
import { BLACK_HOLE, type ConnectionParts, drawCluster, serviceOf } from '../tcp/route-connection.ts'
import { createUdpSession, type UdpPeer, type UdpSession } from './udp-session.ts'

/** Clients of one port, each with a session of its own, bound to one endpoint for as long as it lasts. */
export interface UdpListener {
  /** Takes what comes in on these, which are its own from now on. */
  readonly attach: (sockets: readonly UdpSocket[]) => void
  /** Another process is about to take new clients: each that is there gets a socket of its own. */
  readonly setLeaving: (isLeaving: boolean) => void
  /** That process takes new clients; those that are there stay. */
  readonly leave: () => void
  readonly isClosed: () => boolean
  /** No new clients; those that are there end with their answers. */
  readonly drain: () => void
  readonly close: () => void
  readonly sessions: () => number
}

export interface UdpListenerOptions {
  /** Takes what comes from this client alone, where all are listened to. @throws when there is none to be had */
  readonly openPeer: (client: UdpPeer) => UdpSocket
  /** What clients dial, for routes and the access log. */
  readonly original: SocketTarget
  readonly network: Network
  readonly parts: ConnectionParts
  /** The route for clients that come now. */
  readonly route: () => ConnectionRoute | undefined
  readonly limits?: Partial<UdpLimits>
}

export interface UdpLimits {
  /** Sessions of one port. Each has a socket: this many descriptors at most. */
  readonly sessionsMax: number
  /** Envoy's default. */
  readonly idleTimeoutMs: number
}

const LIMITS: UdpLimits = { sessionsMax: 8192, idleTimeoutMs: 60_000 }
/** When there is no room for a new client, the one that has been silent longest goes, if it has been so long. */
const SPARE_MS = 2000
/** While draining, a session that has been silent for so long has had its answer. */
const DRAIN_IDLE_MS = 1000

export function createUdpListener(options: UdpListenerOptions): UdpListener {
  const { parts, original } = options
  const { thread } = parts
  const limits = { ...LIMITS, ...options.limits }
  /** Those that were silent for longest come first, to a second. */
  const sessions = new Map<string, UdpSession>()
  /** By client, where another process listens to all. */
  const peers = new Map<string, UdpSocket>()
  let sockets: readonly UdpSocket[] = []
  let leaving = false
  let draining = false
  const forget = parts.connections.add({ drain, destroy: close })

  function receive(message: Buffer, from: UdpPeer): void {
    parts.work.events++
    const id = idOf(from)
    let session = sessions.get(id)
    if (session?.isStale() === true) {
      session.end()
      session = undefined
    }
    if (session === undefined) {
      if (draining || !hasRoom()) return
      session = begin(id, from)
      if (session === undefined) return
    } else if (session.becameActive()) {
      sessions.delete(id)
      sessions.set(id, session)
    }
    session.send(message)
  }

  function hasRoom(): boolean {
    if (sessions.size < limits.sessionsMax) return true
    const [oldest] = sessions.values()
    if (oldest === undefined || oldest.silentMs() < SPARE_MS) return false
    oldest.end()
    return true
  }

  function begin(id: string, from: UdpPeer): UdpSession | undefined {
    const route = options.route()
    if (route === undefined) return undefined
    const cluster = drawCluster(parts, route)
    const client = { address: plainAddress(from.address), port: from.port }
    const host = cluster?.pick(undefined, original, client.address)
    const release = host?.beginSession()
    const cannot = cluster?.isKnown() !== true ? FLAG.NC : host === undefined ? FLAG.UH : FLAG.UO
    const session = createUdpSession({
      from: client,
      original,
      thread,
      network: options.network,
      host,
      release,
      flags: release === undefined ? cannot : 0,
      idleTimeoutMs: route.idleTimeoutMs ?? limits.idleTimeoutMs,
      clusterName: cluster?.name ?? BLACK_HOLE,
      routeName: route.key,
      series: (flags) =>
        parts.metrics.tcp(
          {
            reporter: 'source',
            source: parts.own(),
            destination: host?.workload(),
            service: serviceOf(cluster),
          },
          flags,
          'udp',
        ),
      log: parts.log.write,
      answer: (message) => {
        parts.work.events++
        const peer = peers.get(id)
        if (peer !== undefined) peer.send(message, ignoreFailure)
        else sockets[0]?.send(message, from.port, from.address, ignoreFailure)
      },
      onEnd: () => {
        sessions.delete(id)
        closePeer(id)
        if (draining && sessions.size === 0) close()
      },
    })
    if (release === undefined) return undefined
    sessions.set(id, session)
    if (leaving && !openPeer(id, from)) return undefined
    return session
  }

  /** Without one there is no way for its answers: the session ends, and the client's next datagram begins another. */
  function openPeer(id: string, client: UdpPeer): boolean {
    try {
      const peer = options.openPeer(client)
      listen(peer)
      peers.set(id, peer)
      return true
    } catch {
      sessions.get(id)?.end()
      return false
    }
  }

  function closePeer(id: string): void {
    peers.get(id)?.close()
    peers.delete(id)
  }

  function setLeaving(isLeaving: boolean): void {
    leaving = isLeaving
    if (!leaving) return
    for (const [id] of sessions) if (!peers.has(id)) openPeer(id, peerOf(id))
  }

  function leave(): void {
    setLeaving(true)
    for (const socket of sockets) socket.close()
    sockets = []
  }

  function listen(socket: UdpSocket): void {
    socket.on('message', receive)
    // A client that cannot be reached; the port goes on.
    socket.on('error', () => {})
  }

  function drain(): void {
    if (draining) return
    draining = true
    if (sessions.size === 0) close()
    for (const session of sessions.values()) session.limitSilence(DRAIN_IDLE_MS)
  }

  let closed = false
  function close(): void {
    if (closed) return
    closed = true
    draining = true
    forget()
    for (const session of sessions.values()) session.end()
    for (const socket of sockets) socket.close()
  }

  return {
    attach(attached) {
      sockets = attached
      leaving = false
      for (const socket of attached) {
        if (closed) socket.close()
        else listen(socket)
      }
    },
    setLeaving,
    leave,
    isClosed: () => closed,
    drain,
    close,
    sessions: () => sessions.size,
  }
}

function idOf({ address, port }: UdpPeer): string {
  return `${address} ${port}`
}

function peerOf(id: string): UdpPeer {
  const at = id.lastIndexOf(' ')
  return { address: id.slice(0, at), port: Number(id.slice(at + 1)) }
}

/** The network may lose datagrams, and a client that has gone needs none. */
function ignoreFailure(): void {}
