import { randomBytes } from 'node:crypto'
import { type Clock, createLogger, type Logger, messageOf, type Random } from '../../base/index.ts'
import { type HostedInstance, type NodeProxyEvent, PROXY_SOCKET_MARK } from '../../linux/index.ts'
import type { StatisticsPart } from '../../telemetry/index.ts'
import { createXdsChannels } from '../../xds/client/index.ts'
import { type Bootstrap, readBootstrap } from './bootstrap.ts'
import { readContainerFile } from './container-files.ts'
import { createGuard, guardClock } from './guard.ts'
import { createHostedProxy, describeStartProblem, type HostedProxy } from './hosted-proxy.ts'
import { createLogFile, type LogFile } from './log-file.ts'
import { createNameLookup } from './names.ts'
import { podSpec } from './proxy-handle.ts'
import type { ProxyHost } from './proxy-host.ts'

/** What a process tells its successor of an instance. */
export interface CarriedInstance {
  readonly instance: HostedInstance
  /** Milliseconds since the epoch: the container has been running since then, whatever process it is in. */
  readonly startedAt: number
  readonly isReady: boolean
  readonly cpuMs: number
  /** Base 64. */
  readonly ticketKey: string
}

export interface RunningInstance {
  readonly instance: HostedInstance
  readonly startedAt: number
  readonly ticketKey: Buffer
  readonly proxy: HostedProxy
  readonly log: LogFile
  readonly inherited: () => readonly StatisticsPart[]
  stopping: boolean
}

/** The proxies of a node's pods, by the ids of their containers. */
export interface NodeInstances {
  readonly running: ReadonlyMap<string, RunningInstance>
  /** What the mesh calls this name for the pod with that address. */
  readonly addressesOf: (client: string, name: string) => readonly string[] | undefined
  /** Idempotent. @param carried what a predecessor says of it */
  readonly start: (instance: HostedInstance, carried?: CarriedInstance) => void
  readonly stop: (id: string, graceMs: number) => Promise<void>
  readonly close: () => Promise<void>
}

export interface NodeInstancesOptions {
  readonly host: ProxyHost
  readonly version: string
  readonly concurrency: number
  readonly restartEpoch: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What processes before this one have counted. */
  readonly inherited: (id: string) => readonly StatisticsPart[]
  readonly tell: (event: NodeProxyEvent) => void
  readonly onLeave: (id: string) => void
  /** One of them has been told something. */
  readonly onConfiguration: () => void
}

const TICKET_KEY_BYTES = 48
/** Istio's proxyMetadata by which a proxy keeps out of its application's names. */
const DNS_CAPTURE = 'ISTIO_META_DNS_CAPTURE'

export function createNodeInstances(options: NodeInstancesOptions): NodeInstances {
  const { clock, tell } = options
  const running = new Map<string, RunningInstance>()
  const channels = createXdsChannels()

  function start(instance: HostedInstance, carried?: CarriedInstance): void {
    const { id } = instance
    const known = running.get(id)
    if (known !== undefined) {
      tell({ op: 'started', id, startedAt: known.startedAt })
      if (known.proxy.isReady()) tell({ op: 'ready', id, ready: true })
      return
    }
    const log = createLogFile(instance.logFile, clock)
    const logger = createLogger({ scope: 'proxy', level: 'info', write: log.write, now: clock.now })
    const bootstrap = bootstrapOf(instance, options.version)
    if (!bootstrap.ok) {
      logger.error(bootstrap.error)
      void log.close()
      tell({ op: 'exited', id, exitCode: 1, message: bootstrap.error })
      return
    }
    const startedAt = carried?.startedAt ?? clock.now()
    const ticketKey =
      carried === undefined ? randomBytes(TICKET_KEY_BYTES) : Buffer.from(carried.ticketKey, 'base64')
    const inherited = () => options.inherited(id)
    const parts = { instance, ticketKey, log, logger, inherited, bootstrap: bootstrap.value }
    const proxy = createProxy(parts)
    running.set(id, { instance, startedAt, ticketKey, proxy, log, inherited, stopping: false })
    proxy.start().then(
      () => tell({ op: 'started', id, startedAt }),
      (error: unknown) => {
        const message = describeStartProblem(error)
        logger.error(message)
        leave(id, 1, message)
      },
    )
  }

  function createProxy(parts: {
    readonly instance: HostedInstance
    readonly ticketKey: Buffer
    readonly log: LogFile
    readonly logger: Logger
    readonly inherited: () => readonly StatisticsPart[]
    readonly bootstrap: Bootstrap
  }): HostedProxy {
    const { instance, bootstrap, log, logger } = parts
    const { id } = instance
    const onFailed = (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      logger.error(`the proxy failed and ends: ${text}`)
      options.logger.error(`proxy of ${instance.namespace}/${instance.podName} failed: ${text}`)
      leave(id, 1, `the proxy failed: ${messageOf(error)}`)
    }
    const { concurrency, restartEpoch } = options
    const spec = podSpec({ id, bootstrap, concurrency, restartEpoch })
    return createHostedProxy({
      bootstrap,
      createHandle: (callbacks) =>
        options.host.create({
          spec: { ...spec, ticketKey: parts.ticketKey },
          placement: {
            netns: instance.netns,
            mark: PROXY_SOCKET_MARK,
            nameservers: instance.nameservers,
          },
          logger,
          writeLog: log.write,
          logFile: instance.logFile,
          onFailed,
          inherited: parts.inherited,
          ...callbacks,
        }),
      channels,
      readFile: (path) => readContainerFile(instance.mounts, path),
      resolve: createNameLookup({
        nameservers: instance.nameservers,
        clusterDomain: bootstrap.clusterDomain,
      }),
      clock: guardClock(clock, createGuard(onFailed)),
      random: options.random,
      logger,
      onReady: (ready) => tell({ op: 'ready', id, ready }),
      onQuit: () => void stop(id, bootstrap.drainMs),
      onConfiguration: options.onConfiguration,
    })
  }

  async function stop(id: string, graceMs: number): Promise<void> {
    const found = running.get(id)
    if (found === undefined) {
      // It ended while the agent was away, or never was: either way it is not running now.
      tell({ op: 'exited', id, exitCode: 0, message: 'was not running' })
      return
    }
    if (found.stopping) return
    found.stopping = true
    tell({ op: 'ready', id, ready: false })
    await found.proxy.stop(graceMs)
    leave(id, 0, '')
  }

  /** The instance is over: its resources are given back, and the agent hears of it. */
  function leave(id: string, exitCode: number, message: string): void {
    const found = running.get(id)
    if (found === undefined) return
    running.delete(id)
    options.onLeave(id)
    if (exitCode !== 0) found.proxy.destroy()
    void found.log.close()
    tell({ op: 'exited', id, exitCode, message })
  }

  return {
    running,
    addressesOf(client, name) {
      for (const { instance, proxy } of running.values()) {
        if (!instance.podIps.includes(client)) continue
        return instance.env[DNS_CAPTURE] === 'false' ? undefined : proxy.addressesOf(name)
      }
      return undefined
    },
    start,
    stop,
    async close() {
      for (const { proxy } of running.values()) proxy.destroy()
      await Promise.all([...running.values()].map(({ log }) => log.close()))
      running.clear()
    },
  }
}

function bootstrapOf(instance: HostedInstance, version: string) {
  return readBootstrap({
    args: instance.args,
    env: instance.env,
    podIps: instance.podIps,
    version,
    readFile: (path) => readContainerFile(instance.mounts, path),
  })
}
