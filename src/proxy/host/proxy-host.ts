import type { Clock, Logger, Random } from '../../base/index.ts'
import { originalDestination, socketFd } from '../../linux/index.ts'
import type { StatisticsPart } from '../../telemetry/index.ts'
import { createInterner } from '../config/interner.ts'
import { createProxyThread } from '../exchange/thread.ts'
import { createSharedTokens } from '../filters/rate-limit/shared-tokens.ts'
import { createIntake, type Intake, openConnections, overloadOf, type ThreadBoard } from '../net/intake.ts'
import type { SocketSource } from '../net/listening-sockets.ts'
import { createManagedNetwork } from '../net/managed-network.ts'
import { createNamespacedNetwork } from '../net/namespaced-network.ts'
import { createPlainNetwork, type Network } from '../net/network.ts'
import { mergeAnswers, partOf } from './gather.ts'
import { createSharedLoads } from '../upstream/shared-load.ts'
import { createGuard, guardClock, guardNetwork, guardThread } from './guard.ts'
import { createNameLookup } from './names.ts'
import type { HandleCallbacks, ProxyHandle, ProxySpec } from './proxy-handle.ts'
import { startHeapShrinker } from './overload-guard.ts'
import { createServedProxy, type ServedProxy, type ServedProxyOptions } from './served-proxy.ts'

/** Where a proxy's sockets are made. */
export interface Placement {
  /** A pod's network namespace; absent: the process's own. */
  readonly netns?: string
  /** Of outgoing connections, which the pod's capture lets pass. */
  readonly mark?: number
  /** Absent: the machine's. */
  readonly nameservers: readonly string[]
}

export interface CreateProxyOptions extends HandleCallbacks {
  readonly spec: ProxySpec
  readonly placement: Placement
  readonly logger: Logger
  /** Access-log lines, and a worker's own words. */
  readonly writeLog: (text: string) => void
  /** Workers write the same file themselves. */
  readonly logFile?: string
  /** What this proxy throws ends it alone, and is told here. Absent: it ends the thread. */
  readonly onFailed?: (error: unknown) => void
  /** What processes before this one have counted for it. */
  readonly inherited?: () => readonly StatisticsPart[]
}

/** Where proxies are served: in this thread, or in workers. */
export interface ProxyHost {
  readonly create: (options: CreateProxyOptions) => ProxyHandle
  readonly close: () => Promise<void>
}

export interface ServingThread {
  readonly intake: Intake
  readonly create: (
    options: Omit<CreateProxyOptions, 'inherited' | 'logFile'> & Pick<ServedProxyOptions, 'gather'>,
  ) => ServedProxy
}

/** What all proxies of one thread share, and how each is put on top of it. */
export function createServingThread(options: {
  readonly clock: Clock
  readonly random: Random
  readonly board: ThreadBoard
  readonly source: SocketSource
  readonly hand?: (worker: number, key: string, fd: number) => void
  /** What all threads take tokens from; absent: this one is alone. */
  readonly tokens?: SharedArrayBuffer
  /** What all threads have under way; absent: as for tokens. */
  readonly loads?: SharedArrayBuffer
}): ServingThread {
  const { clock, source, board, tokens, loads } = options
  const thread = createProxyThread({
    clock,
    random: options.random,
    ...(tokens !== undefined && { tokens: createSharedTokens(tokens) }),
    ...(loads !== undefined && { loads: createSharedLoads(loads, board) }),
  })
  const interner = createInterner()
  const intake = createIntake(options)
  if (board.isGuarded) startHeapShrinker(board, clock)

  return {
    intake,
    create({ spec, placement, onFailed, ...rest }) {
      const guard = onFailed && createGuard(onFailed)
      const base = baseNetwork(placement)
      const managed = {
        base,
        source,
        owner: spec.id,
        ...(placement.netns !== undefined && { netns: placement.netns }),
        onProblem: (error: unknown) => rest.logger.error(`a port cannot be opened again: ${String(error)}`),
      }
      const guarded = (network: Network) => (guard ? guardNetwork(network, guard) : network)
      const ownClock = guard ? guardClock(clock, guard) : clock
      return createServedProxy({
        ...rest,
        spec,
        intake: {
          worker: board.worker,
          open: () => openConnections(board, board.worker),
          refused: intake.refused,
        },
        ...(board.isGuarded && { overload: () => overloadOf(board) }),
        thread: guard ? guardThread(thread, ownClock, guard) : thread,
        network: guarded(createManagedNetwork({ ...managed, intake })),
        adminNetwork: guarded(createManagedNetwork(managed)),
        interner,
        resolve: createNameLookup({
          nameservers: placement.nameservers,
          clusterDomain: spec.bootstrap.clusterDomain,
        }),
        clock: ownClock,
      })
    },
  }
}

function baseNetwork({ netns, mark }: Placement): Network {
  if (netns !== undefined) return createNamespacedNetwork({ netns, mark: mark ?? 0 })
  return createPlainNetwork({
    originalDestination(socket) {
      const fd = socketFd(socket)
      return fd === undefined ? undefined : originalDestination(fd)
    },
  })
}

/** Serves in this thread: one worker, and no way to another. */
export function createThreadHost(options: Parameters<typeof createServingThread>[0]): ProxyHost {
  const thread = createServingThread(options)
  return {
    create({ inherited, logFile: _logFile, ...rest }) {
      const served: ServedProxy = thread.create({
        ...rest,
        gather: async (asked, own) => {
          const before = inherited?.() ?? []
          if (before.length === 0 || !asked.path.startsWith('/stats') || own.status !== 200) return own
          const { path, query } = partOf(asked)
          const part = { method: 'GET', query: new URLSearchParams(query) }
          return mergeAnswers(asked, [served.answer(path, part)], before)
        },
      })
      return served
    },
    close: async () => {},
  }
}
