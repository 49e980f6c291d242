import { type Clock, type Logger, messageOf, type Random } from '../base/index.ts'
import { createLocalProxy, type LocalProxy, type RequestBounds, takeOver } from '../proxy/index.ts'
import { readFiles, watchFiles } from './files.ts'
import { createLoader, type Loader } from './loader.ts'
import { impliedMeshConfig, type TelemetryOptions } from './mesh-config.ts'
import { type ConfigurationProblem, formatProblem } from './problem.ts'

/** Of services' names, which files may have. */
const CLUSTER_DOMAIN = 'cluster.local'

export interface ServeOptions {
  /** Files, and folders of files. */
  readonly paths: readonly string[]
  /** Where listeners bind; `0.0.0.0` unless the user says otherwise. */
  readonly address: string
  readonly adminPort: number | undefined
  /** Whether requests are logged, where the files have no MeshConfig of their own. */
  readonly accessLog: boolean
  /** How, and what is traced. */
  readonly telemetry?: TelemetryOptions
  /** Clients come through a balancer that says with a PROXY header who they are. */
  readonly proxyProtocol?: boolean
  /** Proxies before this one whose `x-forwarded-for` is believed. */
  readonly trustedProxies?: number
  /** Worker threads; 1 unless the user says otherwise: connections are served in the main thread. */
  readonly concurrency?: number
  /** Open connections of clients beyond which further ones are refused. */
  readonly connectionsMax?: number
  /** Bytes of memory beyond which it takes less upon itself. */
  readonly memoryMax?: number
  /** What requests are bounded by. */
  readonly http?: RequestBounds
  /** A hot restart: the process that is asked for its place, and the path on which this one is asked for it. */
  readonly restart?: RestartOptions
  /** How long requests under way may take when it is asked to end. */
  readonly drainMs: number
  readonly version: string
  readonly writeLog: (line: string) => void
  /** Variables of the process, for logs and spans that name them. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal
  /** Called when the first configuration serves, with the ports that are open. */
  readonly onReady?: (ports: readonly number[]) => void
}

export interface RestartOptions {
  /** The Unix socket of the process whose place this one takes, if one listens there. */
  readonly takeOver: string | undefined
  /** It is an error if none does: this process was started for that alone. */
  readonly mustTakeOver: boolean
  /** The Unix socket on which this one is asked for its place. */
  readonly path: string
  /** Resolves when it is to listen there. */
  readonly wanted: Promise<void>
  /** How long connections may last when another process serves. */
  readonly drainMs: number
  readonly pid: number
}

/** A bad configuration at the start: there is no last good one to serve. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[]
  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** Serves files until the signal. @throws ConfigurationError; Error when files or ports cannot be had at the start */
export async function serve(options: ServeOptions): Promise<void> {
  const { clock, logger, restart } = options
  const predecessor =
    restart?.takeOver === undefined ? undefined : await takeOver({ path: restart.takeOver, clock, logger })
  if (restart?.mustTakeOver === true && predecessor === undefined)
    throw new Error(`no process hands over at ${restart.takeOver}`)
  const proxy = createLocalProxy({
    name: 'lateen',
    version: options.version,
    address: options.address,
    adminPort: options.adminPort,
    concurrency: options.concurrency ?? 1,
    connectionsMax: options.connectionsMax ?? Number.POSITIVE_INFINITY,
    memoryMax: options.memoryMax,
    clusterDomain: CLUSTER_DOMAIN,
    proxyProtocol: options.proxyProtocol ?? false,
    trustedProxies: options.trustedProxies ?? 0,
    ...(options.http && { http: options.http }),
    predecessor,
    writeLog: options.writeLog,
    ...(options.environment && { environment: options.environment }),
    clock,
    random: options.random,
    logger,
  })
  const loader = createLoader({
    meshConfig: impliedMeshConfig(options.accessLog, options.telemetry),
    proxy,
    clock,
    logger,
  })
  let graceMs = options.drainMs
  try {
    const stopWatching = await serveFiles(options, proxy, loader)
    graceMs = (await untilOver(options, proxy)) === 'succeeded' ? 0 : graceMs
    stopWatching()
  } finally {
    loader.close()
    await proxy.stop(graceMs)
  }
}

/** Returns when the first configuration serves. @returns ends the watching for others */
async function serveFiles(options: ServeOptions, proxy: LocalProxy, loader: Loader): Promise<() => void> {
  const { clock, logger } = options
  const first = readFiles(options.paths)
  await proxy.start()
  const problems = await loader.take(first)
  if (problems.length > 0) throw new ConfigurationError(problems)
  await proxy.bound()
  const { ports, problems: unbound } = proxy.listeners()
  if (ports.length === 0 && unbound.size > 0) throw new Error([...unbound.values()].join('\n'))
  await proxy.serve()
  logger.info('serving', { ports: ports.join(',') || 'none: no Gateway in the files' })
  options.onReady?.(ports)
  const reload = createReload(options.paths, loader, logger)
  return watchFiles(options.paths, clock, reload)
}

/** Until the process is asked to end, or another one has taken its place. */
async function untilOver(options: ServeOptions, proxy: LocalProxy): Promise<'asked' | 'succeeded'> {
  const { restart, signal } = options
  const asked = aborted(signal).then(() => 'asked' as const)
  if (restart === undefined) return asked
  const wanted = await Promise.race([restart.wanted.then(() => 'wanted' as const), asked])
  if (wanted === 'asked') return wanted
  const succession = await proxy
    .awaitSuccessor(restart.path, restart.drainMs, restart.pid)
    .catch((error: unknown) => {
      options.logger.error(`no other process can take over: ${messageOf(error)}`)
    })
  if (succession === undefined) return asked
  const over = await Promise.race([succession.succeeded.then(() => 'succeeded' as const), asked])
  succession.close()
  return over
}

/** What cannot be read or is bad changes nothing; its reasons are said once. Calls while one is under way become one. */
function createReload(paths: readonly string[], loader: Loader, logger: Logger): () => void {
  let isBusy = false
  let isAsked = false

  async function reload(): Promise<void> {
    isBusy = true
    while (isAsked) {
      isAsked = false
      try {
        await loader.retake(readFiles(paths))
      } catch (error) {
        logger.error(`the last good configuration stays: ${messageOf(error)}`)
      }
    }
    isBusy = false
  }

  return () => {
    isAsked = true
    if (!isBusy) void reload()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
