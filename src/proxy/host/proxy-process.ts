import type { Clock, Logger, Random } from '../../base/index.ts'
import { createBoardMemory, singleBoard } from '../net/intake.ts'
import { createListeningSockets, type ListeningSockets } from '../net/listening-sockets.ts'
import { startOverloadGuard } from './overload-guard.ts'
import { createThreadHost, type ProxyHost } from './proxy-host.ts'
import type { Predecessor } from './take-over.ts'
import { createWorkerPool } from './worker-pool.ts'

/** What a process that serves proxies has once, however many they are. */
export interface ProxyProcess {
  readonly host: ProxyHost
  readonly sockets: ListeningSockets
  /** Begins to accept connections, in the predecessor's place if there is one. */
  readonly serve: () => Promise<void>
  readonly close: () => Promise<void>
}

export function createProxyProcess(options: {
  /** Worker threads; 1: connections are served in this thread. */
  readonly concurrency: number
  readonly connectionsMax: number
  /** Resident bytes beyond which it takes less upon itself; undefined: no guard. */
  readonly memoryMax?: number | undefined
  readonly predecessor: Predecessor | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): ProxyProcess {
  const { concurrency: workers, connectionsMax, predecessor } = options
  const sockets = createListeningSockets({ workers })
  if (predecessor !== undefined) {
    sockets.gate.set('closed')
    sockets.take(predecessor.held)
  }
  const isGuarded = options.memoryMax !== undefined
  const shared = {
    memory: new Int32Array(createBoardMemory(workers)),
    worker: -1,
    workers,
    connectionsMax,
    isGuarded,
  }
  const board = workers === 1 ? singleBoard(connectionsMax, isGuarded) : shared
  const host =
    workers === 1
      ? createThreadHost({ ...options, board, source: sockets.source(0) })
      : createWorkerPool({ ...options, sockets, board: shared })
  const stopGuard =
    options.memoryMax === undefined
      ? () => {}
      : startOverloadGuard({
          ...options,
          board,
          memoryMax: options.memoryMax,
          memoryUsed: () => process.memoryUsage.rss(),
        })
  return {
    host,
    sockets,
    async serve() {
      if (predecessor === undefined) return
      sockets.gate.set('open')
      await predecessor.ready()
      sockets.dropUnused()
    },
    async close() {
      stopGuard()
      await host.close()
      sockets.close()
    },
  }
}
