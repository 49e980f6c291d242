import type { TLSSocket } from 'node:tls'
import type { Logger } from '../../base/index.ts'
import { messageOf } from '../../base/index.ts'
import type { Listener, ListenerName, RouteName } from '../../model/index.ts'
import { type CompiledRoute, createGatewayTable, type GatewayTable, hostOf } from '../../routing/index.ts'
import type { RouteSink } from '../config/route-sink.ts'
import type { Runtime } from '../config/runtime.ts'
import { REPLIES, sendLocalReply } from '../exchange/local-reply.ts'
import type { Exchange, HttpContext } from '../exchange/types.ts'
import { runChain, runGuards } from '../filters/run.ts'
import type { BoundListener, Network } from '../net/network.ts'
import { createWheelTimer } from '../net/timer-wheel.ts'
import type { ConnectionParts } from '../tcp/route-connection.ts'
import { createPortServer, type GatewayPortServer, planOfPort, type PortPlan } from './gateway-port.ts'
import { createGatewayTls } from './gateway-tls.ts'
import type { TicketKeys } from '../tls/ticket-keys.ts'
import { createUdpPorts } from '../udp/udp-ports.ts'
import type { ConnectionSet } from './http-listener.ts'

export interface GatewayListeners {
  readonly sink: RouteSink
  /** Brings ports and tables in line with the listeners; called when what `serves` depends on has changed. */
  readonly sync: () => void
  /** Every port that is wanted has been bound, or failed to. */
  readonly isBound: () => boolean
  readonly list: () => readonly GatewayPort[]
  /** Ports that could not be bound, and listeners without what they need to serve, with the reason. */
  readonly problems: () => ReadonlyMap<number | string, string>
  readonly stopAccepting: () => void
}

export interface GatewayPort {
  /** What clients dial. */
  readonly port: number
  /** What the pod listens on. */
  readonly bound: number
  readonly transport: 'tcp' | 'udp'
}

/** A port, or one of an address: `80`, `80 at 127.0.0.1`. */
type Place = string

interface OpenPort {
  readonly port: number
  readonly bind: string | undefined
  readonly targetPort: number
  readonly server: GatewayPortServer
  readonly connections: ConnectionSet
  /** Of the listeners that terminate TLS. */
  readonly contexts: WeakMap<Listener, HttpContext>
  /** Nothing listens here any more: its connections end with the responses that are under way. */
  isLeaving: boolean
  bound: BoundListener | undefined
  closed: boolean
}

/** Istio's drainDuration: so long the connections of a port live on that nothing listens on any more. */
const DRAIN_MS = 45_000

export interface GatewayListenersOptions {
  readonly network: Network
  readonly address: string
  /** Of the proxy: where credentials are that a listener names without a namespace. */
  readonly namespace: string
  readonly ticketKeys: TicketKeys
  readonly runtime: () => Runtime
  readonly parts: ConnectionParts
  readonly context: (
    place: { readonly port: number; readonly scheme: 'http' | 'https' },
    handle: (exchange: Exchange) => void,
  ) => HttpContext
  /** The pod's port for a port of the gateway's Service. */
  readonly targetPort: (port: number) => number
  readonly serves: (listener: Listener) => boolean
  /** Whether every connection begins with a PROXY header. */
  readonly proxyProtocol: boolean
  readonly logger: Logger
  readonly onChange: () => void
}

/** The ports of a gateway: bound when a listener asks for them, closed with the last one that does. */
export function createGatewayListeners(options: GatewayListenersOptions): GatewayListeners {
  const tables = createTables()
  const ports = new Map<Place, OpenPort>()
  const problems = new Map<Place, string>()
  /** Routes that look at claims of tokens. */
  const claiming = new Set<RouteName>()
  const plans = new Map<Place, PortPlan>()
  let known = new Map<ListenerName, Listener>()
  let pending = 0
  let stopped = false

  const tls = createGatewayTls({
    credential: (key) => options.runtime().identity.credential(key),
    namespace: options.namespace,
    ticketKeys: options.ticketKeys,
    defaults: () => options.runtime().store.mesh()?.tlsDefaults,
    logger: options.logger,
    onSecure: serveSecured,
  })

  const udp = createUdpPorts({
    network: options.network,
    address: options.address,
    parts: options.parts,
    targetPort: options.targetPort,
    logger: options.logger,
    onChange: options.onChange,
  })

  /** The listener may be another by the time the handshake is done, or gone. */
  function serveSecured(key: ListenerName, socket: TLSSocket): void {
    const listener = known.get(key)
    const open = listener && ports.get(placeOf(listener))
    if (listener === undefined || open === undefined) socket.destroy()
    else open.server.serveSecured(listener, socket)
  }

  function syncListeners(): void {
    const next = new Map<ListenerName, Listener>()
    for (const listener of options.runtime().store.listeners()) {
      if (options.serves(listener)) next.set(listener.key, listener)
    }
    tables.follow(known, next)
    known = next
    tls.follow(next.values())
    plans.clear()
    const { datagrams = [], streams = [] } = Object.groupBy(next.values(), transportOf)
    udp.follow(datagrams)
    for (const [place, listeners] of Map.groupBy(streams, placeOf)) {
      plans.set(place, planOfPort(listeners[0]?.port ?? 0, listeners))
    }
    syncPorts()
  }

  function syncPorts(): void {
    for (const [place, open] of ports) {
      if (plans.has(place) && open.targetPort === options.targetPort(open.port)) continue
      open.closed = true
      open.bound?.close()
      ports.delete(place)
      leave(open)
    }
    if (stopped) return
    for (const [place, plan] of plans) if (!ports.has(place)) openPort(place, plan)
  }

  /** HTTP ends by itself; bytes go on for as long as Envoy lets them. */
  function leave(open: OpenPort): void {
    const { wheel } = options.parts.thread
    open.isLeaving = true
    open.connections.drain()
    if (open.connections.size() > 0) wheel.set(createWheelTimer(open.connections.destroy), DRAIN_MS)
  }

  function openPort(at: Place, wanted: PortPlan): void {
    const { port, bind } = wanted
    const connections = options.parts.connections.part()
    const place = { port, scheme: 'http' } as const
    const context = options.context(place, (exchange) => handle(exchange, tables.ofPlace(at)))
    const server = createPortServer({
      network: options.network,
      parts: { ...options.parts, connections },
      plan: () => plans.get(at) ?? planOfPort(port, []),
      termination: tls.termination,
      httpContext: { ...context, isDraining: () => open.isLeaving || context.isDraining() },
      secureContext: (listener) => contextOf(listener, open),
      proxyProtocol: options.proxyProtocol,
      logger: options.logger,
    })
    const targetPort = options.targetPort(port)
    const open: OpenPort = {
      port,
      bind,
      targetPort,
      server,
      connections,
      contexts: new WeakMap(),
      isLeaving: false,
      bound: undefined,
      closed: false,
    }
    ports.set(at, open)
    problems.delete(at)
    listen(at, open)
  }

  function listen(at: Place, open: OpenPort): void {
    const { bind, targetPort, server } = open
    pending++
    options.network
      .listen({ address: bind ?? options.address, port: targetPort, onConnection: server.accept })
      .then(
        (bound) => {
          open.bound = bound
          if (open.closed) bound.close()
        },
        (error: unknown) => {
          problems.set(at, messageOf(error))
          options.logger.error(`gateway port ${at} does not work: ${messageOf(error)}`)
        },
      )
      .finally(() => {
        pending--
        options.onChange()
      })
  }

  function contextOf(listener: Listener, open: OpenPort): HttpContext {
    let context = open.contexts.get(listener)
    if (context === undefined) {
      const place = { port: listener.port, scheme: 'https' } as const
      const made = options.context(place, (exchange) => handleSecured(exchange, listener))
      context = { ...made, isDraining: () => open.isLeaving || made.isDraining() }
      open.contexts.set(listener, context)
    }
    return context
  }

  /** A connection made for one listener must not be used for what another one serves on its own terms. */
  function handleSecured(exchange: Exchange, listener: Listener): void {
    const table = tables.ofListener(listener)
    if (table?.isServedBy(hostOf(exchange.authority), listener.key) === false) {
      sendLocalReply(exchange, REPLIES.misdirected)
      return
    }
    handle(exchange, table)
  }

  /** Where routes look at claims, the token comes before them. */
  function handle(exchange: Exchange, table: GatewayTable | undefined): void {
    const jwt = claiming.size === 0 ? undefined : options.runtime().guards.of('jwt')
    if (jwt === undefined) route(exchange, table)
    else runGuards([jwt], exchange, () => route(exchange, table))
  }

  function route(exchange: Exchange, table: GatewayTable | undefined): void {
    const result = table?.match(exchange)
    if (result === undefined || result.kind !== 'match') {
      runGuards(options.runtime().guards.all(), exchange, () => replyUnrouted(exchange))
      return
    }
    exchange.routeName = result.route.name
    runChain(options.runtime().chain(result.route), exchange, result.match)
  }

  return {
    sink: {
      setRoute(route) {
        if (looksAtClaims(route)) claiming.add(route.key)
        else claiming.delete(route.key)
        tables.setRoute(route)
      },
      deleteRoute(key) {
        claiming.delete(key)
        tables.deleteRoute(key)
      },
      changed(changes) {
        if (changes.listeners) syncListeners()
      },
    },
    sync: syncListeners,
    isBound: () => pending === 0 && udp.isBound(),
    list: () => [
      ...[...ports.values()].flatMap(({ port, bound }): readonly GatewayPort[] =>
        bound ? [{ port, bound: bound.port, transport: 'tcp' }] : [],
      ),
      ...udp.list().map((one) => ({ ...one, transport: 'udp' as const })),
    ],
    problems: () => new Map<string | number, string>([...problems, ...tls.problems(), ...udp.problems()]),
    stopAccepting() {
      stopped = true
      udp.stop()
      for (const open of ports.values()) {
        open.closed = true
        open.bound?.close()
      }
      ports.clear()
    },
  }
}

function transportOf({ protocol }: Listener): 'datagrams' | 'streams' {
  return protocol === 'udp' ? 'datagrams' : 'streams'
}

/**
 * The tables of a gateway: one for each port, and one for each HTTPS listener of Istio's API, whose hosts must only be
 * reached through it (its clients may have had to prove themselves).
 */
function createTables() {
  const tables = new Map<string, GatewayTable>()
  const routes = new Map<RouteName, CompiledRoute>()

  function make(id: string): GatewayTable {
    let table = tables.get(id)
    if (table === undefined) {
      tables.set(id, (table = createGatewayTable()))
      for (const route of routes.values()) table.setCompiled(route)
    }
    return table
  }

  return {
    follow(before: ReadonlyMap<ListenerName, Listener>, next: ReadonlyMap<ListenerName, Listener>): void {
      for (const [key, listener] of before) {
        const successor = next.get(key)
        if (successor === undefined || tableId(successor) !== tableId(listener)) {
          tables.get(tableId(listener))?.deleteListener(key)
        }
      }
      const wanted = new Set<string>()
      for (const [key, listener] of next) {
        if (listener.protocol !== 'http' && listener.protocol !== 'https') continue
        wanted.add(tableId(listener))
        if (before.get(key) !== listener) make(tableId(listener)).setListener(listener)
      }
      for (const id of tables.keys()) if (!wanted.has(id)) tables.delete(id)
    },
    ofPlace: (place: Place): GatewayTable | undefined => tables.get(`port ${place}`),
    ofListener: (listener: Listener): GatewayTable | undefined => tables.get(tableId(listener)),
    setRoute(route: CompiledRoute): void {
      routes.set(route.key, route)
      for (const table of tables.values()) table.setCompiled(route)
    },
    deleteRoute(key: RouteName): void {
      routes.delete(key)
      for (const table of tables.values()) table.delete(key)
    },
  }
}

function tableId(listener: Listener): string {
  const { key, protocol, isolated } = listener
  if (protocol === 'https') return isolated ? `https port ${placeOf(listener)}` : key
  return `port ${placeOf(listener)}`
}

function placeOf({ port, bind }: Listener): Place {
  return bind === undefined ? String(port) : `${port} at ${bind}`
}

function looksAtClaims({ source }: CompiledRoute): boolean {
  return source.matches.some(({ claims }) => claims !== undefined)
}

/** Who may not call at all does not hear that there is nothing. */
function replyUnrouted(exchange: Exchange): void {
  sendLocalReply(exchange, exchange.upgrade === 'connect' ? REPLIES.upgradeFailed : REPLIES.routeNotFound)
}
