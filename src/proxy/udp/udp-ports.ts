import type { Socket as UdpSocket } from 'node:dgram'
import type { Logger } from '../../base/index.ts'
import { messageOf } from '../../base/index.ts'
import type { Listener, ListenerName } from '../../model/index.ts'
import type { Network } from '../net/network.ts'
import type { ConnectionParts } from '../tcp/route-connection.ts'
import { createUdpListener, type UdpLimits, type UdpListener } from './udp-listener.ts'

/** The ports on which a gateway takes datagrams: bound when a listener asks for them, closed with it. */
export interface UdpPorts {
  /** @param listeners those of UDP that this proxy serves */
  readonly follow: (listeners: Iterable<Listener>) => void
  readonly isBound: () => boolean
  readonly list: () => readonly { readonly port: number; readonly bound: number }[]
  readonly problems: () => Iterable<readonly [string, string]>
  readonly stop: () => void
}

interface OpenPort {
  readonly targetPort: number
  listener: ListenerName
  bound: number | undefined
  stop: () => void
  sessions: UdpListener | undefined
  closed: boolean
}

export function createUdpPorts(options: {
  readonly network: Network
  readonly address: string
  readonly parts: ConnectionParts
  readonly targetPort: (port: number) => number
  readonly limits?: Partial<UdpLimits>
  readonly logger: Logger
  readonly onChange: () => void
}): UdpPorts {
  const { parts, logger, address } = options
  const ports = new Map<number, OpenPort>()
  const problems = new Map<string, string>()
  let pending = 0
  let stopped = false

  function open(port: number, listener: ListenerName): void {
    const targetPort = options.targetPort(port)
    const opened: OpenPort = {
      targetPort,
      listener,
      bound: undefined,
      stop: () => {},
      sessions: undefined,
      closed: false,
    }
    ports.set(port, opened)
    problems.delete(idOf(port))
    pending++
    options.network
      .listenUdp({
        address,
        port: targetPort,
        onSockets: (sockets) => attach(port, opened, sockets),
        onLeaving: (isLeaving) => opened.sessions?.setLeaving(isLeaving),
        onLeave: () => opened.sessions?.leave(),
      })
      .then(
        (listening) => {
          opened.bound = listening.port
          opened.stop = listening.close
          if (opened.closed) listening.close()
        },
        (error: unknown) => {
          problems.set(idOf(port), messageOf(error))
          logger.error(`gateway port ${port} does not take datagrams: ${messageOf(error)}`)
        },
      )
      .finally(() => {
        pending--
        options.onChange()
      })
  }

  function attach(port: number, opened: OpenPort, sockets: readonly UdpSocket[]): void {
    if (opened.closed) {
      for (const socket of sockets) socket.close()
      return
    }
    const local = { address, port: sockets[0]?.address().port ?? opened.targetPort }
    if (opened.sessions === undefined || opened.sessions.isClosed()) {
      opened.sessions = createUdpListener({
        openPeer: (client) => options.network.connectUdp(client, local),
        original: { address, port },
        network: options.network,
        parts,
        route: () =>
          parts.runtime.connectionRoutes.find(opened.listener, {
            serverName: undefined,
            port,
            address,
            host: undefined,
            source: undefined,
          }),
        ...(options.limits && { limits: options.limits }),
      })
    }
    opened.sessions.attach(sockets)
  }

  function close(port: number, opened: OpenPort): void {
    opened.closed = true
    opened.stop()
    opened.sessions?.drain()
    ports.delete(port)
    problems.delete(idOf(port))
  }

  return {
    follow(listeners) {
      const wanted = new Map([...listeners].map((listener) => [listener.port, listener.key]))
      for (const [port, opened] of ports) {
        const listener = wanted.get(port)
        if (listener === undefined || opened.targetPort !== options.targetPort(port)) close(port, opened)
        else opened.listener = listener
      }
      if (stopped) return
      for (const [port, listener] of wanted) if (!ports.has(port)) open(port, listener)
    },
    isBound: () => pending === 0,
    list: () => [...ports].flatMap(([port, { bound }]) => (bound === undefined ? [] : [{ port, bound }])),
    problems: () => problems,
    stop() {
      stopped = true
      for (const [port, opened] of ports) close(port, opened)
    },
  }
}

function idOf(port: number): string {
  return `UDP ${port}`
}
