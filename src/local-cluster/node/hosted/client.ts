import { connect, type Socket } from 'node:net'
import { type Clock, createBackoff, type Logger, messageOf, type Random } from '../../../base/index.ts'
import {
  createJsonLineDecoder,
  encodeJsonLine,
  type HostedInstance,
  NODE_PROXY_LINE_BYTES_MAX,
  NODE_PROXY_PROTOCOL_VERSION,
  type NodeProxyEvent,
  type NodeProxyRequest,
  peerPid,
  socketFd,
} from '../../../linux/index.ts'

/**
 * The node agent's side of the node proxy's socket. It keeps the set of wanted instances; after every connect
 * the two compare: the proxy is told to stop what nobody wants, and an instance that it should have and has not
 * is reported as ended, so that the container counts a restart.
 */
export interface HostedClient {
  readonly start: (instance: HostedInstance) => void
  /** Wants an instance which a node agent before has started. */
  readonly adopt: (instance: HostedInstance) => void
  readonly stop: (id: string, graceMs: number) => void
  readonly follow: (id: string, handlers: HostedHandlers) => void
  /** Cumulative CPU of an instance. @returns undefined until the proxy has said so */
  readonly cpuMs: (id: string) => number | undefined
  /** The process that all instances run in. @returns undefined while there is no connection to it */
  readonly proxyPid: () => number | undefined
  /** Connects, and stays connected. Call it when every adopted instance is known. */
  readonly connect: () => void
  readonly close: () => void
}

export interface HostedHandlers {
  readonly onReady: (ready: boolean) => void
  readonly onExited: (exit: HostedExit) => void
}

export interface HostedExit {
  readonly exitCode: number
  readonly message: string
  /** The node proxy went away with it: no fault of the container, so its restart needs no back-off. */
  readonly isLost: boolean
}

interface Wanted {
  readonly instance: HostedInstance
  /** The proxy is known to have had it, so its absence means that it was lost. */
  begun: boolean
}

/** How long readiness stands after the process has gone, until another answers. */
const RECONNECT_WAIT_MS = 5000
/** How long a stop that the proxy cannot confirm (it is down, or hangs) may hold up the end of a pod. */
const STOP_CONFIRM_MS = 5000

export function createHostedClient(options: {
  readonly socketPath: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): HostedClient {
  const wanted = new Map<string, Wanted>()
  const handlers = new Map<string, HostedHandlers>()
  const cpu = new Map<string, number>()
  let socket: Socket | undefined
  let cancelForget = () => {}

  const send = (request: NodeProxyRequest) => socket?.write(encodeJsonLine(request))
  const exited = (id: string, exit: HostedExit) => {
    wanted.delete(id)
    const handler = handlers.get(id)
    handlers.delete(id)
    handler?.onExited(exit)
  }
  const onEvent = (event: NodeProxyEvent) => {
    switch (event.op) {
      case 'hello':
        reconcile(event, { wanted, send, exited, ready: (id, ready) => handlers.get(id)?.onReady(ready) })
        return
      case 'started': {
        const entry = wanted.get(event.id)
        if (entry) entry.begun = true
        return
      }
      case 'ready':
        handlers.get(event.id)?.onReady(event.ready)
        return
      case 'exited':
        exited(event.id, { exitCode: event.exitCode, message: event.message, isLost: false })
        return
      case 'usage':
        for (const { id, cpuMs } of event.instances) cpu.set(id, cpuMs)
    }
  }
  const connection = keepConnected(options, {
    onConnect(connected) {
      socket = connected
      send({ op: 'hello', version: NODE_PROXY_PROTOCOL_VERSION })
    },
    onClose() {
      socket = undefined
      cancelForget()
      const forget = () => {
        if (socket === undefined) for (const handler of handlers.values()) handler.onReady(false)
      }
      // Another process may serve already, one that took over or the one before it: it says what is ready when it is asked.
      cancelForget = options.clock.after(RECONNECT_WAIT_MS, forget)
    },
    onEvent,
  })
  return {
    start(instance) {
      wanted.set(instance.id, { instance, begun: false })
      send({ op: 'start', instance })
    },
    adopt(instance) {
      wanted.set(instance.id, { instance, begun: true })
    },
    stop(id, graceMs) {
      wanted.delete(id)
      send({ op: 'stop', id, graceMs })
      options.clock.after(graceMs + STOP_CONFIRM_MS, () => {
        if (handlers.has(id)) {
          exited(id, { exitCode: 137, message: 'the node proxy did not confirm the stop', isLost: false })
        }
      })
    },
    follow: (id, handler) => void handlers.set(id, handler),
    cpuMs: (id) => cpu.get(id),
    proxyPid() {
      const fd = socket && socketFd(socket)
      return fd === undefined ? undefined : peerPid(fd)
    },
    connect: connection.open,
    close: connection.close,
  }
}

function reconcile(
  hello: Extract<NodeProxyEvent, { readonly op: 'hello' }>,
  state: {
    readonly wanted: ReadonlyMap<string, Wanted>
    readonly send: (request: NodeProxyRequest) => void
    readonly exited: (id: string, exit: HostedExit) => void
    readonly ready: (id: string, ready: boolean) => void
  },
): void {
  const present = new Set(hello.instances.map(({ id }) => id))
  for (const { id, ready } of hello.instances) {
    if (state.wanted.has(id)) state.ready(id, ready)
    else state.send({ op: 'stop', id, graceMs: 0 })
  }
  for (const [id, entry] of state.wanted) {
    if (present.has(id)) entry.begun = true
    else if (entry.begun)
      state.exited(id, { exitCode: 137, message: 'the node proxy was restarted', isLost: true })
    else state.send({ op: 'start', instance: entry.instance })
  }
}

function keepConnected(
  options: {
    readonly socketPath: string
    readonly clock: Clock
    readonly random: Random
    readonly logger: Logger
  },
  handlers: {
    readonly onConnect: (socket: Socket) => void
    /** Of a connection that there was, not of an attempt. */
    readonly onClose: () => void
    readonly onEvent: (event: NodeProxyEvent) => void
  },
): { readonly open: () => void; readonly close: () => void } {
  const backoff = createBackoff({ baseMs: 50, maxMs: 1000, random: options.random })
  let closed = false
  let current: Socket | undefined
  let lastError = ''
  const open = () => {
    if (closed) return
    const socket = connect(options.socketPath)
    const decoder = createJsonLineDecoder(NODE_PROXY_LINE_BYTES_MAX)
    current = socket
    let connected = false
    socket.on('connect', () => {
      connected = true
      backoff.reset()
      lastError = ''
      handlers.onConnect(socket)
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const event of decoder.push(chunk)) handlers.onEvent(event as NodeProxyEvent)
      } catch (error) {
        options.logger.error('the node proxy sent what this node does not understand', {
          error: messageOf(error),
        })
        socket.destroy()
      }
    })
    socket.on('error', (error) => {
      // The same failure every second would bury everything else.
      if (error.message !== lastError)
        options.logger.warn('the node proxy is not there', { error: error.message })
      lastError = error.message
    })
    socket.on('close', () => {
      if (connected) handlers.onClose()
      if (!closed) options.clock.after(backoff.nextMs(), open)
    })
  }
  return {
    open,
    close() {
      closed = true
      current?.destroy()
    },
  }
}
