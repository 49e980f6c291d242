import type { Clock, Logger, Random } from '../../base/index.ts'
import { createBoardMemory, singleBoard } from '../net/intake.ts'
import { createListeningSockets, type ListeningSockets } from '../net/listening-sockets.ts'
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
  readonly predecessor: Predecessor | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): ProxyProcess {
  const { concurrency: workers, connectionsMax, predecessor } = options
  const sockets = createListeningSockets({ workers })
  if (predecessor !== undefined) {
    sockets.gate.set(false)
    sockets.take(predecessor.held)
  }
  const host =
    workers === 1
      ? createThreadHost({ ...options, board: singleBoard(connectionsMax), source: sockets.source(0) })
      : createWorkerPool({
          ...options,
          sockets,
          board: {
            memory: new Int32Array(createBoardMemory(workers)),
            worker: -1,
            workers,
            connectionsMax,
          },
        })
  return {
    host,
    sockets,
    async serve() {
      if (predecessor === undefined) return
      sockets.gate.set(true)
      await predecessor.ready()
      sockets.dropUnused()
    },
    async close() {
      await host.close()
      sockets.close()
    },
  }
}
