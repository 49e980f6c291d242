import { readFileSync } from 'node:fs'
import { createLogger, type LogLevel, systemClock, systemRandom } from '../../base/index.ts'
import { originalDestination, socketFd } from '../../linux/index.ts'
import { createAccessLogWriter } from '../../telemetry/index.ts'
import { createXdsChannels } from '../../xds/client/index.ts'
import { createInterner } from '../config/interner.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { createPlainNetwork } from '../net/network.ts'
import { readBootstrap } from './bootstrap.ts'
import { createHostedProxy, describeStartProblem } from './hosted-proxy.ts'
import { createNameLookup } from './names.ts'
import { createServedProxy } from './served-proxy.ts'
import { podSpec } from './proxy-handle.ts'

export interface RunProxyOptions {
  /** `proxy sidecar|router …`, as Istio's container has them. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  /** Takes the process's output; resolves when it can take more. */
  readonly write: (text: string) => Promise<void>
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal
}

/**
 * One proxy in this process: what the container of a pod runs. Resolves with the exit code when it was asked to end
 * and has finished what was under way.
 */
export async function runProxy(options: RunProxyOptions): Promise<number> {
  const output = createAccessLogWriter({ sink: options.write, after: systemClock.after, onError: () => {} })
  const bootstrap = readBootstrap({ ...options, podIps: [], readFile: readIfExists })
  const level: LogLevel = bootstrap.ok && bootstrap.value.logLevel === 'debug' ? 'debug' : 'info'
  const logger = createLogger({ scope: 'proxy', level, write: output.write, now: Date.now })
  if (!bootstrap.ok) {
    logger.error(bootstrap.error)
    output.flush()
    return 1
  }
  const quit = new AbortController()
  const network = createPlainNetwork({
    originalDestination(socket) {
      const fd = socketFd(socket)
      return fd === undefined ? undefined : originalDestination(fd)
    },
  })
  const resolve = createNameLookup({ nameservers: [], clusterDomain: bootstrap.value.clusterDomain })
  const proxy = createHostedProxy({
    bootstrap: bootstrap.value,
    createHandle: (callbacks) =>
      createServedProxy({
        spec: podSpec({ id: bootstrap.value.node.id, bootstrap: bootstrap.value }),
        thread: createProxyThread({ clock: systemClock, random: systemRandom }),
        network,
        adminNetwork: network,
        interner: createInterner(),
        resolve,
        writeLog: output.write,
        clock: systemClock,
        logger,
        ...callbacks,
      }),
    channels: createXdsChannels(),
    readFile: readIfExists,
    resolve,
    clock: systemClock,
    random: systemRandom,
    logger,
    onReady: () => {},
    onQuit: () => quit.abort(),
  })
  try {
    await proxy.start()
  } catch (error) {
    logger.error(describeStartProblem(error))
    proxy.destroy()
    output.flush()
    return 1
  }
  await aborted(AbortSignal.any([options.signal, quit.signal]))
  await proxy.stop(bootstrap.value.drainMs)
  output.flush()
  return 0
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    // A timer of its own keeps the process alive while only unreferenced things are left.
    const keepAlive = setInterval(() => {}, 60_000)
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(keepAlive)
        resolve()
      },
      { once: true },
    )
  })
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
