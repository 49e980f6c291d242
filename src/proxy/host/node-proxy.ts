import { type Clock, type Logger, type Random } from '../../base/index.ts'
import {
  closeFd,
  NODE_PROXY_PROTOCOL_VERSION,
  NODE_PROXY_USAGE_INTERVAL_MS,
  type NodeProxyEvent,
  type NodeProxyRequest,
} from '../../linux/index.ts'
import { type AgentServer, createAgentServer } from './agent-server.ts'
import { createCpuShares } from './cpu-shares.ts'
import { type CarriedInstance, createNodeInstances, type NodeInstances } from './node-instances.ts'
import { createProxyProcess } from './proxy-process.ts'
import { createSpareMemory } from './spare-memory.ts'
import { createSuccession, type Succession } from './succession.ts'
import { type Predecessor, takeOver } from './take-over.ts'

export interface NodeProxyOptions {
  /** The Unix socket on which the node agent calls. */
  readonly socketPath: string
  /** The Unix socket on which a successor calls; absent: none can take over. */
  readonly handoverPath?: string
  readonly version: string
  readonly pid?: number
  /** Worker threads; 1 unless said otherwise: connections are served in the main thread. */
  readonly concurrency?: number
  readonly connectionsMax?: number
  readonly memoryMax?: number
  /** How long connections may last when a successor serves. */
  readonly drainMs?: number
  /** Further sockets for a successor, by name. */
  readonly otherSockets?: () => readonly (readonly [name: string, fd: number])[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** CPU time of this process so far, milliseconds. */
  readonly cpuMs: () => number
  /** This process is the one that serves: at its start, and when its successor is lost. */
  readonly onServing?: () => void
}

/** Hosts the proxies of all pods of a node. */
export interface NodeProxy {
  /**
   * Starts, in the place of the process that serves now if there is one: then it returns when what that one serves can
   * be served here, and that one goes on until `serve`.
   * @returns whether there is one
   * @throws when it cannot be had; the process that serves now goes on
   */
  readonly start: () => Promise<boolean>
  /** A predecessor's other socket, for the caller to use or close. */
  readonly inheritedSocket: (name: string) => number | undefined
  readonly serve: () => Promise<void>
  /** Resolves when another process serves and this one has nothing left to do. */
  readonly succeeded: () => Promise<void>
  /** What the mesh calls this name for the pod with that address; undefined: nothing. */
  readonly addressesOf: (client: string, name: string) => readonly string[] | undefined
  /** Instances that run, for status pages. */
  readonly instances: () => readonly { readonly id: string; readonly ready: boolean }[]
  /** Stops serving the agent's socket and ends every instance at once. */
  readonly close: () => Promise<void>
}

interface CarriedState {
  readonly instances: readonly CarriedInstance[]
}

/** Envoy's drain time. */
const DRAIN_MS = 600_000
/** How long a successor waits for the control plane before it gives up and leaves the place to the process that has it. */
const READY_TIMEOUT_MS = 30_000
const READY_POLL_MS = 10
/** The owner of other sockets among those that are handed over. */
const OTHER_SOCKETS = ' others'

interface Parts {
  readonly options: NodeProxyOptions
  readonly predecessor: Predecessor | undefined
  readonly running: ReturnType<typeof createProxyProcess>
  readonly instances: NodeInstances
  readonly agents: AgentServer
  readonly succession: Succession | undefined
  readonly others: Map<string, number>
  readonly close: () => Promise<void>
}

/**
 * The server's side of the protocol between node agent and node proxy. The agent says which instances there are to be;
 * they go on when it is away.
 */
export function createNodeProxy(options: NodeProxyOptions): NodeProxy {
  const { clock, logger, handoverPath } = options
  let parts: Parts | undefined

  return {
    async start() {
      const predecessor =
        handoverPath === undefined ? undefined : await takeOver({ path: handoverPath, clock, logger })
      parts = assemble(options, predecessor)
      if (predecessor !== undefined) await takeUp(parts, predecessor)
      return predecessor !== undefined
    },
    inheritedSocket(name) {
      const fd = parts?.others.get(name)
      parts?.others.delete(name)
      return fd
    },
    async serve() {
      if (parts === undefined) throw new Error('serve comes after start')
      for (const fd of parts.others.values()) closeFd(fd)
      parts.others.clear()
      await parts.running.serve()
      await parts.agents.listen()
      await parts.succession?.listen()
      options.onServing?.()
    },
    succeeded: () => parts?.succession?.succeeded ?? new Promise(() => {}),
    instances: () =>
      [...(parts?.instances.running ?? [])].map(([id, { proxy }]) => ({ id, ready: proxy.isReady() })),
    addressesOf: (client, name) => parts?.instances.addressesOf(client, name),
    close: async () => parts?.close(),
  }
}

function assemble(options: NodeProxyOptions, predecessor: Predecessor | undefined): Parts {
  const { clock, logger, concurrency = 1 } = options
  const restartEpoch = predecessor === undefined ? 0 : predecessor.epoch + 1
  const others = new Map<string, number>()
  const held = (predecessor?.held ?? []).filter(({ place, fds }) => {
    if (place.owner !== OTHER_SOCKETS) return true
    for (const fd of fds) others.set(place.address, fd)
    return false
  })
  const running = createProxyProcess({
    ...options,
    concurrency,
    connectionsMax: options.connectionsMax ?? Number.POSITIVE_INFINITY,
    predecessor: predecessor && { ...predecessor, held },
  })
  const shares = createCpuShares(options.cpuMs)
  const spare = createSpareMemory(clock, logger)
  const agents: AgentServer = createAgentServer({
    path: options.socketPath,
    logger,
    take: (request, answer) => take(instances, request, { answer, logger }),
  })
  const instances = createNodeInstances({
    ...options,
    host: running.host,
    concurrency,
    restartEpoch,
    inherited: (id) => predecessor?.inherited(id) ?? [],
    tell: agents.tell,
    onLeave: shares.forget,
    onConfiguration: spare.expect,
  })
  for (const { instance, cpuMs } of carriedOf(predecessor)) shares.carry(instance.id, cpuMs)
  const usage = reportUsage({ instances, shares, clock, tell: agents.tell })
  const succession = options.handoverPath === undefined ? undefined : succeed(options.handoverPath)

  function succeed(path: string): Succession {
    const serveAgain = () => {
      options.onServing?.()
      agents.listen().catch((error: unknown) => logger.error(`no node agent can call: ${String(error)}`))
    }
    return createSuccession({
      path,
      epoch: restartEpoch,
      pid: options.pid ?? 0,
      sockets: running.sockets,
      proxies: () =>
        [...instances.running].map(([id, { proxy, inherited }]) => ({
          id,
          handle: proxy.handle,
          inherited: inherited(),
        })),
      state: (): CarriedState => ({ instances: carry(instances, usage.last()) }),
      otherSockets: () =>
        (options.otherSockets?.() ?? []).map(([name, fd]) => ({
          place: { owner: OTHER_SOCKETS, address: name, port: 0 },
          fds: [fd],
        })),
      drainMs: options.drainMs ?? DRAIN_MS,
      predecessor,
      onBegin: agents.hold,
      onAbort: agents.resume,
      onTaken: agents.close,
      onLost: serveAgain,
      clock,
      logger,
    })
  }

  async function close(): Promise<void> {
    usage.stop()
    spare.close()
    succession?.close()
    agents.close()
    await instances.close()
    await running.close()
    predecessor?.end()
  }
  return { options, predecessor, running, instances, agents, succession, others, close }
}

function carriedOf(predecessor: Predecessor | undefined): readonly CarriedInstance[] {
  return (predecessor?.state as CarriedState | undefined)?.instances ?? []
}

function carry(instances: NodeInstances, cpu: ReadonlyMap<string, number>): readonly CarriedInstance[] {
  return [...instances.running.values()]
    .filter(({ stopping }) => !stopping)
    .map(({ instance, startedAt, ticketKey, proxy }) => ({
      instance,
      startedAt,
      isReady: proxy.isReady(),
      cpuMs: cpu.get(instance.id) ?? 0,
      ticketKey: ticketKey.toString('base64'),
    }))
}

/** Starts what the predecessor has, and waits until what was ready there is ready here. */
async function takeUp({ options, instances }: Parts, predecessor: Predecessor): Promise<void> {
  const carried = carriedOf(predecessor)
  for (const one of carried) instances.start(one.instance, one)
  const deadline = options.clock.monotonic() + READY_TIMEOUT_MS
  const missing = () =>
    carried.filter(({ instance, isReady }) => {
      const own = instances.running.get(instance.id)
      return isReady && own !== undefined && !own.proxy.isReady()
    })
  while (missing().length > 0) {
    if (options.clock.monotonic() > deadline) {
      const names = missing().map(({ instance }) => `${instance.namespace}/${instance.podName}`)
      throw new Error(
        `not ready after ${READY_TIMEOUT_MS / 1000} s: ${names.join(', ')}. Is istiod running? The process that serves now goes on`,
      )
    }
    await options.clock.sleep(READY_POLL_MS)
  }
}

function take(
  instances: NodeInstances,
  request: NodeProxyRequest,
  { answer, logger }: { readonly answer: (event: NodeProxyEvent) => void; readonly logger: Logger },
): void {
  switch (request.op) {
    case 'hello':
      answer({
        op: 'hello',
        version: NODE_PROXY_PROTOCOL_VERSION,
        instances: [...instances.running].map(([id, { startedAt, proxy }]) => ({
          id,
          startedAt,
          ready: proxy.isReady(),
        })),
      })
      return
    case 'start':
      instances.start(request.instance)
      return
    case 'stop':
      void instances.stop(request.id, request.graceMs)
      return
    default:
      // A newer agent may know more; what this version does not know it says so once and leaves.
      logger.warn(`unknown request of the node agent: ${JSON.stringify(request).slice(0, 200)}`)
  }
}

/** Says now and then what each instance used. */
function reportUsage(options: {
  readonly instances: NodeInstances
  readonly shares: ReturnType<typeof createCpuShares>
  readonly clock: Clock
  readonly tell: (event: NodeProxyEvent) => void
}) {
  const { instances, shares, clock } = options
  let last: ReadonlyMap<string, number> = new Map()
  let stopped = false
  let cancel = clock.after(NODE_PROXY_USAGE_INTERVAL_MS, report)

  function report(): void {
    void measure().finally(() => {
      if (!stopped) cancel = clock.after(NODE_PROXY_USAGE_INTERVAL_MS, report)
    })
  }

  async function measure(): Promise<void> {
    const events = [...instances.running].map(async ([id, { proxy }]) => ({
      id,
      events: await proxy.handle.events(),
    }))
    const used = shares.attribute(await Promise.all(events))
    last = new Map(used.map(({ id, cpuMs }) => [id, cpuMs]))
    if (used.length > 0) options.tell({ op: 'usage', instances: used })
  }

  return {
    last: () => last,
    stop() {
      stopped = true
      cancel()
    },
  }
}
