import type { Clock, Logger, Random } from '../../base/index.ts'
import { messageOf } from '../../base/index.ts'

/** Addresses of a name, with how long they hold, where the source says so. */
export interface ResolvedName {
  readonly addresses: readonly string[]
  readonly ttlMs?: number
}

/** Endpoints that are host names, resolved again and again while some workload names them (Envoy's STRICT_DNS). */
export interface NameTable {
  /** Begins to resolve a name; each call wants its `release`. */
  readonly retain: (name: string) => void
  readonly release: (name: string) => void
  /** What is known now; the last good answer stays when the resolver fails. */
  readonly addressesOf: (name: string) => readonly string[]
  /** One of them, the same as long as it is among them; the first that was answered (Envoy's LOGICAL_DNS). */
  readonly currentOf: (name: string) => string | undefined
  /** Every name has been asked for once, whatever came of it. */
  readonly isSettled: () => boolean
  readonly close: () => void
}

/** Istio's dns_refresh_rate, for answers that do not say how long they hold. */
const REFRESH_MS = 60_000
/** An answer of a second or less would have its server asked all the time. */
const REFRESH_MIN_MS = 1000
/** After a failure, doubled up to the refresh rate; Envoy's default is 5 s, too long for what just starts. */
const RETRY_MS = 250
const JITTER = 0.1

interface Entry {
  holders: number
  addresses: readonly string[]
  current: string | undefined
  failures: number
  isAsked: boolean
  cancel: () => void
}

export function createNameTable(options: {
  readonly resolve: (name: string) => Promise<ResolvedName>
  /** For answers that do not say how long they hold. Absent: a minute, Istio's default. */
  readonly refreshMs?: () => number | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The addresses of a name are others than before. */
  readonly onChange: (name: string) => void
  readonly onSettled?: () => void
}): NameTable {
  const entries = new Map<string, Entry>()
  let closed = false

  async function resolve(name: string, entry: Entry): Promise<void> {
    let wait: number
    try {
      const { addresses, ttlMs = options.refreshMs?.() ?? REFRESH_MS } = await options.resolve(name)
      wait = Math.max(REFRESH_MIN_MS, ttlMs)
      entry.failures = 0
      if (isCurrent(name, entry)) take(name, entry, addresses)
    } catch (error) {
      wait = Math.min(REFRESH_MS, RETRY_MS * 2 ** Math.min(entry.failures, 16))
      // Said once for a row of failures.
      if (entry.failures++ === 0) options.logger.warn(`no address for ${name}: ${messageOf(error)}`)
    }
    if (!isCurrent(name, entry)) return
    if (!entry.isAsked) {
      entry.isAsked = true
      if (isSettled()) options.onSettled?.()
    }
    const jittered = wait * (1 + JITTER * options.random.next())
    entry.cancel = options.clock.after(jittered, () => void resolve(name, entry))
  }

  function isSettled(): boolean {
    for (const { isAsked } of entries.values()) if (!isAsked) return false
    return true
  }

  function isCurrent(name: string, entry: Entry): boolean {
    return !closed && entries.get(name) === entry
  }

  function take(name: string, entry: Entry, addresses: readonly string[]): void {
    const sorted = [...new Set(addresses)].toSorted()
    if (sorted.join(' ') === entry.addresses.join(' ')) return
    entry.addresses = sorted
    if (entry.current === undefined || !sorted.includes(entry.current)) entry.current = addresses[0]
    options.onChange(name)
  }

  return {
    retain(name) {
      const known = entries.get(name)
      if (known !== undefined) {
        known.holders++
        return
      }
      const entry: Entry = {
        holders: 1,
        addresses: [],
        current: undefined,
        failures: 0,
        isAsked: false,
        cancel: () => {},
      }
      entries.set(name, entry)
      void resolve(name, entry)
    },
    release(name) {
      const entry = entries.get(name)
      if (entry === undefined || --entry.holders > 0) return
      entry.cancel()
      entries.delete(name)
    },
    addressesOf: (name) => entries.get(name)?.addresses ?? [],
    currentOf: (name) => entries.get(name)?.current,
    isSettled,
    close() {
      closed = true
      for (const entry of entries.values()) entry.cancel()
      entries.clear()
    },
  }
}

/**
 * The endpoints behind a name's addresses. Where there are both families, an endpoint has one of each, IPv4 first: the
 * second is for when the first cannot be reached.
 */
export function pairFamilies(addresses: readonly string[]): readonly (readonly [string, ...string[]])[] {
  const four = addresses.filter((address) => !address.includes(':'))
  const six = addresses.filter((address) => address.includes(':'))
  if (four.length === 0) return six.map((address) => [address])
  return four.map((address, i) => [address, ...six.filter((_, k) => k % four.length === i)])
}
