import type { Logger } from '../../base/index.ts'
import { messageOf } from '../../base/index.ts'
import type { Listener, RouteName } from '../../model/index.ts'
import { type CompiledRoute, createGatewayTable, type GatewayTable } from '../../routing/index.ts'
import { REPLIES, sendLocalReply } from '../exchange/local-reply.ts'
import type { Exchange, HttpContext } from '../exchange/types.ts'
import { runChain } from '../filters/run.ts'
import type { BoundListener, Network } from '../net/network.ts'
import type { RouteSink, Runtime } from '../config/runtime.ts'
import { acceptSocket } from './accept.ts'
import type { ConnectionSet } from './http-listener.ts'

export interface GatewayListeners {
  readonly sink: RouteSink
  /** Brings ports and tables in line with the listeners; called when what `serves` depends on has changed. */
  readonly sync: () => void
  /** Every port that is wanted has been bound, or failed to. */
  readonly isBound: () => boolean
  readonly list: () => readonly GatewayPort[]
  /** Ports that could not be bound, with the reason. */
  readonly problems: () => ReadonlyMap<number, string>
  readonly tables: () => ReadonlyMap<number, GatewayTable>
  readonly stopAccepting: () => void
}

export interface GatewayPort {
  /** What clients dial. */
  readonly port: number
  /** What the pod listens on. */
  readonly bound: number
}

interface OpenPort {
  readonly port: number
  readonly targetPort: number
  bound: BoundListener | undefined
  closed: boolean
}

/** The ports of a gateway: bound when a listener asks for them, closed with the last one that does. */
export function createGatewayListeners(options: {
  readonly network: Network
  readonly address: string
  readonly runtime: () => Runtime
  readonly connections: ConnectionSet
  readonly context: (port: number, handle: (exchange: Exchange) => void) => HttpContext
  /** The pod's port for a port of the gateway's Service. */
  readonly targetPort: (port: number) => number
  readonly serves: (listener: Listener) => boolean
  readonly logger: Logger
  readonly onChange: () => void
}): GatewayListeners {
  const tables = new Map<number, GatewayTable>()
  const ports = new Map<number, OpenPort>()
  const problems = new Map<number, string>()
  const routes = new Map<RouteName, CompiledRoute>()
  let known = new Map<string, Listener>()
  let pending = 0
  let stopped = false

  function syncListeners(): void {
    const next = new Map<string, Listener>()
    for (const listener of options.runtime().store.listeners()) {
      if (options.serves(listener)) next.set(listener.key, listener)
    }
    for (const [key, listener] of known) {
      if (next.get(key)?.port !== listener.port || next.get(key)?.protocol !== listener.protocol) {
        tables.get(listener.port)?.deleteListener(listener.key)
      }
    }
    const wanted = new Set<number>()
    for (const listener of next.values()) {
      if (listener.protocol !== 'http') {
        if (known.get(listener.key) !== listener) reportUnserved(listener)
        continue
      }
      wanted.add(listener.port)
      if (known.get(listener.key) !== listener) tableOf(listener.port).setListener(listener)
    }
    known = next
    syncPorts(wanted)
  }

  function reportUnserved(listener: Listener): void {
    const text = `listener ${listener.key} is not served: this proxy has no ${listener.protocol} listeners yet, only http`
    problems.set(listener.port, text)
    options.logger.warn(text)
  }

  function tableOf(port: number): GatewayTable {
    let table = tables.get(port)
    if (table === undefined) {
      tables.set(port, (table = createGatewayTable()))
      for (const route of routes.values()) table.setCompiled(route)
    }
    return table
  }

  function syncPorts(wanted: ReadonlySet<number>): void {
    for (const [port, open] of ports) {
      if (wanted.has(port) && open.targetPort === options.targetPort(port)) continue
      open.closed = true
      open.bound?.close()
      ports.delete(port)
      if (!wanted.has(port)) tables.delete(port)
    }
    if (stopped) return
    for (const port of wanted) if (!ports.has(port)) openPort(port)
  }

  function openPort(port: number): void {
    const open: OpenPort = { port, targetPort: options.targetPort(port), bound: undefined, closed: false }
    ports.set(port, open)
    problems.delete(port)
    pending++
    const context = options.context(port, (exchange) => handle(exchange, port))
    options.network
      .listen({
        address: options.address,
        port: open.targetPort,
        onConnection: (raw) =>
          options.connections.serveHttp(acceptSocket(raw, options.network, context.thread), context),
      })
      .then(
        (bound) => {
          open.bound = bound
          if (open.closed) bound.close()
        },
        (error: unknown) => {
          problems.set(port, messageOf(error))
          options.logger.error(`gateway port ${port} does not work: ${messageOf(error)}`)
        },
      )
      .finally(() => {
        pending--
        options.onChange()
      })
  }

  function handle(exchange: Exchange, port: number): void {
    const result = tables.get(port)?.match(exchange)
    if (result === undefined || result.kind !== 'match') {
      sendLocalReply(exchange, REPLIES.routeNotFound)
      return
    }
    exchange.routeName = result.route.key
    runChain(options.runtime().chain(result.route), exchange, result.match)
  }

  return {
    sink: {
      setRoute(route) {
        routes.set(route.key, route)
        for (const table of tables.values()) table.setCompiled(route)
      },
      deleteRoute(key) {
        routes.delete(key)
        for (const table of tables.values()) table.delete(key)
      },
      changed(changes) {
        if (changes.listeners) syncListeners()
      },
    },
    sync: syncListeners,
    isBound: () => pending === 0,
    list: () =>
      [...ports.values()].flatMap(({ port, bound }) => (bound ? [{ port, bound: bound.port }] : [])),
    problems: () => problems,
    tables: () => tables,
    stopAccepting() {
      stopped = true
      for (const open of ports.values()) {
        open.closed = true
        open.bound?.close()
      }
      ports.clear()
    },
  }
}
