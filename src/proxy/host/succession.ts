import type { Clock, Logger } from '../../base/index.ts'
import { mergeStatistics, type StatisticsPart } from '../../telemetry/index.ts'
import type { HeldSockets, ListeningSockets } from '../net/listening-sockets.ts'
import { createHandoverServer } from './handover-server.ts'
import type { ProxyHandle } from './proxy-handle.ts'
import type { Predecessor } from './take-over.ts'

export interface SuccessionOptions {
  /** The Unix socket on which a successor calls. */
  readonly path: string
  readonly epoch: number
  readonly pid: number
  readonly sockets: ListeningSockets
  readonly proxies: () => readonly {
    readonly id: string
    readonly handle: ProxyHandle
    readonly inherited: readonly StatisticsPart[]
  }[]
  /** What the successor is told beside sockets and statistics. */
  readonly state: () => unknown
  /** Further sockets; they stay this process's own. */
  readonly otherSockets?: () => readonly HeldSockets[]
  /** How long connections may last that do not end by themselves. */
  readonly drainMs: number
  /** The one before this process, which may have connections yet: it ends with this process, and so comes first. */
  readonly predecessor: Pick<Predecessor, 'isGone'> | undefined
  /** What the hosting does besides; each may do nothing. */
  readonly onBegin: () => void
  readonly onAbort: () => void
  readonly onTaken: () => void
  readonly onLost: () => void
  readonly clock: Clock
  readonly logger: Logger
}

/** Lets another process take this one's place. */
export interface Succession {
  /** @throws when the path cannot be had */
  readonly listen: () => Promise<void>
  /** Resolves when another process serves and this one has nothing left to do. */
  readonly succeeded: Promise<void>
  readonly close: () => void
}

/**
 * A connection that is idle may get a request at the moment in which it is closed. Those in use end with a response that
 * says so; after this time the others are not in use.
 */
const IDLE_NOTICE_MS = 5000
const DRAIN_POLL_MS = 50

export function createSuccession(options: SuccessionOptions): Succession {
  const { clock, logger, sockets } = options
  /** Ends the drain under way when the successor is lost. */
  let drain: AbortController | undefined
  const { promise: succeeded, resolve } = Promise.withResolvers<void>()

  const server = createHandoverServer({
    path: options.path,
    clock,
    logger,
    hand: () => ({
      epoch: options.epoch,
      pid: options.pid,
      state: options.state(),
      held: [...sockets.held(), ...(options.otherSockets?.() ?? [])],
    }),
    onBegin() {
      sockets.gate.set('leaving')
      options.onBegin()
    },
    onAbort() {
      sockets.gate.set('open')
      options.onAbort()
    },
    onTaken() {
      sockets.gate.set('closed')
      for (const { handle } of options.proxies()) handle.setDraining(true)
      options.onTaken()
      drain = new AbortController()
      void drainAll(drain.signal)
    },
    onEnd() {
      drain?.abort()
      resolve()
    },
    onLost() {
      drain?.abort()
      for (const { handle } of options.proxies()) handle.setDraining(false)
      sockets.gate.set('open')
      options.onLost()
    },
    async statistics() {
      const entries = options.proxies().map(async ({ id, handle, inherited }) => {
        const text = await handle.statistics()
        return [id, mergeStatistics([{ text }, ...inherited])] as const
      })
      return Object.fromEntries(await Promise.all(entries))
    },
  })

  async function drainAll(signal: AbortSignal): Promise<void> {
    const started = clock.monotonic()
    let toldIdle = false
    for (;;) {
      await clock.sleep(DRAIN_POLL_MS)
      if (signal.aborted) return
      const elapsed = clock.monotonic() - started
      if (!toldIdle && elapsed > Math.min(IDLE_NOTICE_MS, options.drainMs)) {
        toldIdle = true
        for (const { handle } of options.proxies()) handle.closeIdle()
      }
      const open = await openConnections()
      const isLast = options.predecessor?.isGone() ?? true
      if ((open > 0 || !isLast) && elapsed < options.drainMs) continue
      if (signal.aborted) return
      if (open > 0) logger.warn(`${open} connections are open at the end of the drain time and are cut off`)
      await server.finish()
      resolve()
      return
    }
  }

  async function openConnections(): Promise<number> {
    const counts = await Promise.all(options.proxies().map(({ handle }) => handle.connections()))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  return { listen: server.listen, succeeded, close: server.close }
}
