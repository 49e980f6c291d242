import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Logger } from '../../base/index.ts'
import { OVERLOAD, overloadOf, setOverload, type ThreadBoard } from '../net/intake.ts'

/**
 * What the process leaves off as its memory fills, by the share of it that is used (Envoy's overload actions): first
 * connections end with their response, then requests are answered with 503 at once, then connections are refused.
 */
const ACTIONS = [
  { bit: OVERLOAD.keepAliveOff, share: 0.9, name: 'connections end with their response' },
  { bit: OVERLOAD.refuseRequests, share: 0.95, name: 'requests are refused' },
  { bit: OVERLOAD.refuseConnections, share: 0.98, name: 'connections are refused' },
] as const

/** An action ends this far below where it begins, so that it does not flicker. */
const HYSTERESIS = 0.03
const LOOK_MS = 250
const SHRINK_MS = 2000

/** Watches the memory of the process. @returns ends it */
export function startOverloadGuard(options: {
  readonly board: ThreadBoard
  readonly memoryMax: number
  /** Resident bytes. */
  readonly memoryUsed: () => number
  readonly clock: Clock
  readonly logger: Logger
}): () => void {
  const { board, memoryMax, clock, logger } = options
  let cancel = () => {}

  function look(): void {
    cancel = clock.after(LOOK_MS, look)
    const before = overloadOf(board)
    const bits = actionsAt(options.memoryUsed() / memoryMax, before)
    if (bits === before) return
    setOverload(board, bits)
    for (const { bit, name } of ACTIONS) {
      if ((bits & bit) === (before & bit)) continue
      const used = Math.round(options.memoryUsed() / 1_048_576)
      if ((bits & bit) !== 0) logger.warn(`overload: ${name}`, { usedMb: used })
      else logger.info(`overload is over: not any more ${name}`, { usedMb: used })
    }
  }
  look()
  return () => cancel()
}

/** @param before the actions in force */
export function actionsAt(share: number, before: number): number {
  return ACTIONS.reduce((bits, action) => {
    const from = (before & action.bit) === 0 ? action.share : action.share - HYSTERESIS
    return share >= from ? bits | action.bit : bits
  }, 0)
}

/**
 * Envoy's shrink_heap: a thread that is asked for nothing makes no garbage, so that nothing would collect what it has made
 * and the process would stay overloaded. @returns ends it
 */
export function startHeapShrinker(board: ThreadBoard, clock: Clock): () => void {
  let collect: (() => void) | undefined
  let cancel = () => {}
  const look = () => {
    cancel = clock.after(SHRINK_MS, look)
    if (overloadOf(board) === 0) return
    collect ??= collector()
    collect()
  }
  look()
  return () => cancel()
}

/** The runtime gives its collector to contexts that are made after it was told to. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
