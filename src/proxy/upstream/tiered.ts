import { type Random, randomIndex } from '../../base/index.ts'
import type { Balancer } from './balancer.ts'
import type { Balanced, Placed } from './balanced.ts'
import type { Tiers } from './locality.ts'

/** Envoy's: a tier serves all that falls to it while this much less than all of it is healthy. */
const OVERPROVISIONING_PERCENT = 140

/**
 * Sends requests to tiers of hosts as their health allows, and within a tier as `balance` says.
 * @param panicPercent a tier with fewer healthy hosts than this uses all of them, where the other tiers cannot help
 * @see Envoy, "priority levels", "locality weighted load balancing", "panic threshold"
 */
export function createTieredBalancer<Host extends Balanced>(options: {
  readonly tiers: Tiers<Host>
  readonly isHealthy: (host: Host) => boolean
  readonly panicPercent: number
  readonly balance: (hosts: readonly Host[]) => Balancer<Host>
  readonly random: Random
}): Balancer<Host> {
  const { tiers, isHealthy, panicPercent, balance } = options
  const states = tiers.tiers.map(({ hosts, weight }) => {
    const healthy = hosts.filter(isHealthy)
    return { hosts, weight, healthy, available: availability(healthy.length, hosts.length) }
  })
  const isEnough =
    tiers.kind === 'priorities' && states.reduce((sum, state) => sum + state.available, 0) >= 100
  const usableOf = ({ hosts, healthy }: (typeof states)[number]): readonly Host[] =>
    !isEnough && healthy.length * 100 < hosts.length * panicPercent ? hosts : healthy
  const parts =
    tiers.kind === 'priorities'
      ? priorityLoads(states.map((state) => state.available))
      : states.map((state) => (state.weight * shareable(state, usableOf(state).length)) / 100)
  const chosen = states.flatMap((state, i) => {
    const part = parts[i] ?? 0
    return part > 0 ? [{ part, balancer: balance(usableOf(state)) }] : []
  })
  const [first] = chosen
  if (first === undefined) return { pick: () => undefined }
  if (chosen.length === 1) return first.balancer
  return choose(chosen, options.random)
}

/** Envoy's previous_priorities predicate as Istio sets it: looked at after every second try. */
const TRIES_PER_LOOK = 2

/**
 * The tiers in which no host has been tried for a request; all of them when there is none left.
 * @param tried addresses of hosts, in the order of the tries
 */
export function tiersLeft<Host extends Placed>(tiers: Tiers<Host>, tried: readonly string[]): Tiers<Host> {
  const counted = new Set(tried.slice(0, tried.length - (tried.length % TRIES_PER_LOOK)))
  const left = tiers.tiers.filter(({ hosts }) => !hosts.some(({ address }) => counted.has(address)))
  return left.length === 0 || left.length === tiers.tiers.length ? tiers : { ...tiers, tiers: left }
}

/** A share in panic counts as a healthy one. */
function shareable(
  state: { readonly healthy: readonly unknown[]; available: number },
  usable: number,
): number {
  return usable > state.healthy.length ? 100 : state.available
}

/** Percent of what falls to a tier that it can serve. */
export function availability(healthy: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((healthy * OVERPROVISIONING_PERCENT) / total))
}

/** Percent of all requests for each tier: the first takes what it can, the next of what is left. */
export function priorityLoads(available: readonly number[]): readonly number[] {
  const total = Math.min(
    100,
    available.reduce((sum, one) => sum + one, 0),
  )
  // Nothing is healthy: whether the first tier is used all the same is a matter of the panic threshold.
  if (total === 0) return available.map((_, i) => (i === 0 ? 100 : 0))
  let left = 100
  const loads = available.map((one) => {
    const load = Math.min(left, Math.floor((one * 100) / total))
    left -= load
    return load
  })
  const first = loads.findIndex((load) => load > 0)
  loads[first] = (loads[first] as number) + left
  return loads
}

/** One of several parts, by chance or by the hash. */
export function choose<Host extends Balanced>(
  chosen: readonly { readonly part: number; readonly balancer: Balancer<Host> }[],
  random: Random,
): Balancer<Host> {
  const total = chosen.reduce((sum, { part }) => sum + part, 0)
  return {
    pick(hash) {
      // What is hashed stays in its tier while the parts stay the same.
      let at = (spread(hash ?? randomIndex(random, 2 ** 32)) / 2 ** 32) * total
      for (const { part, balancer } of chosen) {
        if (at < part) return balancer.pick(hash)
        at -= part
      }
      return chosen[0]?.balancer.pick(hash)
    },
  }
}

/** The balancer within the tier uses the hash too: what falls to one tier must not fall to a part of its hosts. */
function spread(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 0
}
