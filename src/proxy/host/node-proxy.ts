import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { type Clock, createLogger, type Logger, messageOf, type Random } from '../../base/index.ts'
import {
  createJsonLineDecoder,
  encodeJsonLine,
  type HostedInstance,
  hostPathOf,
  NODE_PROXY_LINE_BYTES_MAX,
  NODE_PROXY_PROTOCOL_VERSION,
  NODE_PROXY_USAGE_INTERVAL_MS,
  type NodeProxyEvent,
  type NodeProxyRequest,
  PROXY_SOCKET_MARK,
} from '../../linux/index.ts'
import { createXdsChannels, type XdsChannels } from '../../xds/client/index.ts'
import { createInterner, type Interner } from '../config/interner.ts'
import { createProxyThread } from '../exchange/thread.ts'
import type { ProxyThread } from '../exchange/types.ts'
import { createHttp2Thread } from '../http2/connection.ts'
import { createNamespacedNetwork } from '../net/namespaced-network.ts'
import { createTimerWheel } from '../net/timer-wheel.ts'
import { readBootstrap } from './bootstrap.ts'
import { createCpuShares, type CpuShares } from './cpu-shares.ts'
import { createGuard, type Guard, guardClock, guardNetwork } from './guard.ts'
import { createHostedProxy, describeStartProblem, type HostedProxy } from './hosted-proxy.ts'
import { createLogFile, type LogFile } from './log-file.ts'
import { createNameLookup } from './names.ts'

export interface NodeProxyOptions {
  /** The Unix socket on which the node agent calls. */
  readonly socketPath: string
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** CPU time of this process so far, milliseconds. */
  readonly cpuMs: () => number
}

/** Hosts the proxies of all pods of a node. */
export interface NodeProxy {
  readonly start: () => Promise<void>
  /** Instances that run, for status pages. */
  readonly instances: () => readonly { readonly id: string; readonly ready: boolean }[]
  /** Stops serving the agent's socket and ends every instance at once. */
  readonly close: () => Promise<void>
}

interface Running {
  readonly instance: HostedInstance
  readonly startedAt: number
  readonly proxy: HostedProxy
  readonly log: LogFile
  stopping: boolean
}

interface Shared {
  readonly options: NodeProxyOptions
  readonly thread: ProxyThread
  readonly interner: Interner
  readonly channels: XdsChannels
  readonly running: Map<string, Running>
  readonly agents: Set<Socket>
  readonly shares: CpuShares
}

/**
 * The server's side of the protocol between node agent and node proxy. The agent says which instances there are to be;
 * they go on when it is away.
 */
export function createNodeProxy(options: NodeProxyOptions): NodeProxy {
  const { clock, logger } = options
  const shared: Shared = {
    options,
    thread: createProxyThread({ clock, random: options.random }),
    interner: createInterner(),
    channels: createXdsChannels(),
    running: new Map(),
    agents: new Set(),
    shares: createCpuShares(options.cpuMs),
  }
  const server = createServer((socket) => serveAgent(shared, socket))
  let cancelUsage = () => {}

  function reportUsage(): void {
    const instances = shared.shares.attribute(
      [...shared.running.values()].map(({ instance, proxy }) => ({
        id: instance.id,
        events: proxy.instance.work.events,
      })),
    )
    if (instances.length > 0) tell(shared, { op: 'usage', instances })
    cancelUsage = clock.after(NODE_PROXY_USAGE_INTERVAL_MS, reportUsage)
  }

  return {
    async start() {
      rmSync(options.socketPath, { force: true })
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(options.socketPath, resolve)
      })
      chmodSync(options.socketPath, 0o600)
      cancelUsage = clock.after(NODE_PROXY_USAGE_INTERVAL_MS, reportUsage)
      logger.info('node proxy is listening', { socket: options.socketPath })
    },
    instances: () =>
      [...shared.running.values()].map(({ instance, proxy }) => ({
        id: instance.id,
        ready: proxy.isReady(),
      })),
    async close() {
      cancelUsage()
      server.close()
      for (const agent of shared.agents) agent.destroy()
      for (const running of shared.running.values()) running.proxy.destroy()
      await Promise.all([...shared.running.values()].map((running) => running.log.close()))
      shared.running.clear()
    },
  }
}

function serveAgent(shared: Shared, socket: Socket): void {
  const { logger } = shared.options
  const decoder = createJsonLineDecoder(NODE_PROXY_LINE_BYTES_MAX)
  shared.agents.add(socket)
  socket.on('error', (error) => logger.warn(`connection of the node agent: ${messageOf(error)}`))
  socket.on('close', () => shared.agents.delete(socket))
  socket.on('data', (chunk) => {
    try {
      for (const message of decoder.push(chunk)) takeRequest(shared, socket, message as NodeProxyRequest)
    } catch (error) {
      logger.error(`the node agent sent something that is not the protocol: ${messageOf(error)}`)
      socket.destroy()
    }
  })
}

function takeRequest(shared: Shared, socket: Socket, request: NodeProxyRequest): void {
  switch (request.op) {
    case 'hello':
      send(socket, {
        op: 'hello',
        version: NODE_PROXY_PROTOCOL_VERSION,
        instances: [...shared.running.values()].map(({ instance, startedAt, proxy }) => ({
          id: instance.id,
          startedAt,
          ready: proxy.isReady(),
        })),
      })
      return
    case 'start':
      startInstance(shared, request.instance)
      return
    case 'stop':
      void stopInstance(shared, request.id, request.graceMs)
      return
    default:
      // A newer agent may know more; what this version does not know it says so once and leaves.
      shared.options.logger.warn(
        `unknown request of the node agent: ${JSON.stringify(request).slice(0, 200)}`,
      )
  }
}

function startInstance(shared: Shared, instance: HostedInstance): void {
  const known = shared.running.get(instance.id)
  if (known !== undefined) {
    tell(shared, { op: 'started', id: instance.id, startedAt: known.startedAt })
    if (known.proxy.isReady()) tell(shared, { op: 'ready', id: instance.id, ready: true })
    return
  }
  const { clock, version } = shared.options
  const log = createLogFile(instance.logFile, clock)
  const readFile = (path: string) => readIfExists(hostPathOf(instance.mounts, path))
  const bootstrap = readBootstrap({
    args: instance.args,
    env: instance.env,
    podIps: instance.podIps,
    version,
    readFile,
  })
  const logger = createLogger({ scope: 'proxy', level: 'info', write: log.write, now: clock.now })
  if (!bootstrap.ok) {
    logger.error(bootstrap.error)
    void log.close()
    tell(shared, { op: 'exited', id: instance.id, exitCode: 1, message: bootstrap.error })
    return
  }
  const guard = createGuard((error) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    logger.error(`the proxy failed and ends: ${text}`)
    shared.options.logger.error(`proxy of ${instance.namespace}/${instance.podName} failed: ${text}`)
    leave(shared, instance.id, 1, `the proxy failed: ${messageOf(error)}`)
  })
  const guardedClock = guardClock(clock, guard)
  const proxy = createHostedProxy({
    bootstrap: bootstrap.value,
    thread: guardedThread(shared.thread, guardedClock, guard),
    network: guardNetwork(createNamespacedNetwork({ netns: instance.netns, mark: PROXY_SOCKET_MARK }), guard),
    interner: shared.interner,
    channels: shared.channels,
    readFile,
    resolve: createNameLookup({
      nameservers: instance.nameservers,
      clusterDomain: bootstrap.value.clusterDomain,
    }),
    writeLog: log.write,
    clock: guardedClock,
    random: shared.options.random,
    logger,
    ...(bootstrap.value.node.role === 'sidecar' && { inboundSource: '127.0.0.6' }),
    onReady: (ready) => tell(shared, { op: 'ready', id: instance.id, ready }),
    onQuit: () => void stopInstance(shared, instance.id, bootstrap.value.drainMs),
  })
  const startedAt = clock.now()
  shared.running.set(instance.id, { instance, startedAt, proxy, log, stopping: false })
  proxy.start().then(
    () => tell(shared, { op: 'started', id: instance.id, startedAt }),
    (error: unknown) => {
      const message = describeStartProblem(error)
      logger.error(message)
      leave(shared, instance.id, 1, message)
    },
  )
}

/** Buffers are shared by all; timers and deferred writes are not, so that what one throws is known to be its own. */
function guardedThread(thread: ProxyThread, clock: Clock, guard: Guard): ProxyThread {
  const wheel = createTimerWheel(clock)
  const defer = (callback: () => void) => void setImmediate(() => guard.run(callback))
  return { ...thread, clock, wheel, http2: createHttp2Thread({ clock, wheel, blocks: thread.blocks, defer }) }
}

async function stopInstance(shared: Shared, id: string, graceMs: number): Promise<void> {
  const running = shared.running.get(id)
  if (running === undefined) {
    // It ended while the agent was away, or never was: either way it is not running now.
    tell(shared, { op: 'exited', id, exitCode: 0, message: 'was not running' })
    return
  }
  if (running.stopping) return
  running.stopping = true
  tell(shared, { op: 'ready', id, ready: false })
  await running.proxy.stop(graceMs)
  leave(shared, id, 0, '')
}

/** The instance is over: its resources are given back, and the agent hears of it. */
function leave(shared: Shared, id: string, exitCode: number, message: string): void {
  const running = shared.running.get(id)
  if (running === undefined) return
  shared.running.delete(id)
  shared.shares.forget(id)
  if (exitCode !== 0) running.proxy.destroy()
  void running.log.close()
  tell(shared, { op: 'exited', id, exitCode, message })
}

function tell(shared: Shared, event: NodeProxyEvent): void {
  for (const agent of shared.agents) send(agent, event)
}

/** An agent that does not read is told nothing more than this; it asks anew when it connects again. */
const AGENT_BACKLOG_BYTES_MAX = 8 * 1024 * 1024

function send(socket: Socket, event: NodeProxyEvent): void {
  if (socket.writableLength > AGENT_BACKLOG_BYTES_MAX) socket.destroy()
  else socket.write(encodeJsonLine(event))
}

function readIfExists(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
