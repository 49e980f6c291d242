import { type Clock, type Logger, messageOf, type Random } from '../../../base/index.ts'
import { type KeySet, parseKeySet } from './key-set.ts'
import { JWT, type JwtProblem } from './problems.ts'

/** Where the keys of an issuer come from. */
export interface KeySource {
  /** What is known now; a problem while nothing is. */
  readonly current: () => KeySet | JwtProblem
  /**
   * Asks for the keys once more, if it is not too soon for that.
   * @returns whether an answer is on its way, of which `onSettled` tells
   */
  readonly refresh: () => boolean
  /** Calls back once when the fetch under way has come to something. @returns takes the call back */
  readonly onSettled: (callback: () => void) => () => void
  readonly close: () => void
}

export function inlineKeys(jwks: string): KeySource {
  const keys = parseKeySet(jwks)
  return { current: () => keys, refresh: () => false, onSettled: () => () => {}, close: () => {} }
}

/** As often as istiod asks for keys in Istio. */
const REFRESH_MS = 20 * 60_000
const JITTER = 0.1
const RETRY_MIN_MS = 1000
const RETRY_MAX_MS = 60_000
/** A token with a key that is not known makes keys be asked for so often at most: anybody can make one up. */
const ASKED_AGAIN_MS = 10_000

/**
 * Keys that are fetched when the configuration names them and from time to time after that. What was fetched last holds
 * as long as nothing else can be had: an issuer that is away stops nobody.
 */
export function fetchedKeys(options: {
  readonly name: string
  /** @throws with the reason */
  readonly fetch: (signal: AbortSignal) => Promise<string>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): KeySource {
  const { name, clock, random, logger } = options
  const ending = new AbortController()
  const waiting = new Set<() => void>()
  let keys: KeySet | JwtProblem = JWT.fetch
  let isFetching = false
  let failures = 0
  let lastAt = Number.NEGATIVE_INFINITY
  let cancel = (): void => {}

  async function load(): Promise<string | undefined> {
    try {
      const parsed = parseKeySet(await options.fetch(ending.signal))
      if (typeof parsed === 'string') return parsed
      keys = parsed
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  function start(): void {
    if (isFetching || ending.signal.aborted) return
    isFetching = true
    cancel()
    lastAt = clock.monotonic()
    void load().then((problem) => settle(problem))
  }

  function settle(problem: string | undefined): void {
    isFetching = false
    if (ending.signal.aborted) return
    if (problem === undefined) failures = 0
    else {
      if (failures++ === 0) logger.warn(`keys of ${name} cannot be had: ${problem}`)
      if (problem === JWT.keysJson || problem === JWT.noKeys) keepOrTell(problem)
    }
    const wait = failures === 0 ? REFRESH_MS : Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1))
    cancel = clock.after(wait * (1 - JITTER * random.next()), start)
    for (const callback of waiting) callback()
    waiting.clear()
  }

  function keepOrTell(problem: JwtProblem): void {
    if (typeof keys === 'string') keys = problem
  }

  start()
  return {
    current: () => keys,
    refresh() {
      if (!isFetching && clock.monotonic() - lastAt >= ASKED_AGAIN_MS) start()
      return isFetching
    },
    onSettled(callback) {
      waiting.add(callback)
      return () => waiting.delete(callback)
    },
    close() {
      ending.abort()
      cancel()
      waiting.clear()
    },
  }
}
