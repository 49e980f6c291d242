import { type Random, randomIndex, unreachable } from '../../base/index.ts'
import type { Balancer as BalancerPolicy, HashBalancer } from '../../model/index.ts'
import type { Balanced, Placed } from './balanced.ts'
import { createHashPick } from './hash.ts'

/** Chooses among the hosts of one cluster; made anew when they change. */
export interface Balancer<Host extends Balanced> {
  /** @param hash of what the policy hashes, for consistent hashing @returns undefined when there are no hosts */
  readonly pick: (hash?: number) => Host | undefined
}

/** Istio's default is least request. @param hosts those that may be chosen */
export function createBalancer<Host extends Placed>(
  policy: BalancerPolicy | undefined,
  hosts: readonly Host[],
  random: Random,
): Balancer<Host> {
  if (hosts.length === 0) return { pick: () => undefined }
  if (hosts.length === 1) return { pick: () => hosts[0] }
  const kind = policy?.kind ?? 'least-request'
  switch (kind) {
    case 'round-robin':
      return roundRobin(hosts, random)
    case 'hash':
      return hashed(policy as HashBalancer, hosts, random)
    case 'random':
      return { pick: weightedPick(hosts, random) }
    case 'least-request':
    case 'passthrough':
      return leastRequest(hosts, random)
    default:
      return unreachable(kind)
  }
}

function hashed<Host extends Placed>(
  policy: HashBalancer,
  hosts: readonly Host[],
  random: Random,
): Balancer<Host> {
  const pick = createHashPick(policy, hosts)
  return { pick: (hash = randomIndex(random, 2 ** 32)) => pick(hash) }
}

/** Smooth weighted round robin: each turn every host gains its weight, and the one that leads pays the total. */
function roundRobin<Host extends Balanced>(hosts: readonly Host[], random: Random): Balancer<Host> {
  if (isUniform(hosts)) {
    // Many proxies that start at the same host would all send their first request to it.
    let next = randomIndex(random, hosts.length)
    return {
      pick() {
        const host = hosts[next]
        next = next + 1 === hosts.length ? 0 : next + 1
        return host
      },
    }
  }
  const total = hosts.reduce((sum, host) => sum + host.weight, 0)
  const credit = hosts.map(() => 0)
  return {
    pick() {
      let best = 0
      for (let i = 0; i < hosts.length; i++) {
        credit[i] = (credit[i] as number) + (hosts[i] as Host).weight
        if ((credit[i] as number) > (credit[best] as number)) best = i
      }
      credit[best] = (credit[best] as number) - total
      return hosts[best]
    },
  }
}

/**
 * Power of two choices: of two hosts drawn at random the one with fewer requests in hand per weight.
 * @see Envoy, "weighted least request", choice_count 2
 */
function leastRequest<Host extends Balanced>(hosts: readonly Host[], random: Random): Balancer<Host> {
  const draw = weightedPick(hosts, random)
  return {
    pick() {
      const one = draw() as Host
      const other = draw() as Host
      return one.active() * other.weight <= other.active() * one.weight ? one : other
    },
  }
}

function weightedPick<Host extends Balanced>(hosts: readonly Host[], random: Random): () => Host | undefined {
  if (isUniform(hosts)) return () => hosts[randomIndex(random, hosts.length)]
  const ends: number[] = []
  let total = 0
  for (const host of hosts) ends.push((total += host.weight))
  return () => {
    const at = random.next() * total
    let low = 0
    let high = ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] as number) > at) high = middle
      else low = middle + 1
    }
    return hosts[low]
  }
}

function isUniform(hosts: readonly Balanced[]): boolean {
  const first = hosts[0]?.weight
  return hosts.every((host) => host.weight === first)
}
