import type { Random } from '../../base/index.ts'
import type { Warmup } from '../../model/index.ts'
import type { Balancer } from './balancer.ts'
import type { Balanced } from './balanced.ts'

/** What can be new. */
export interface Joined extends Balanced {
  /** On the monotonic clock; negative infinity: it was there from the beginning. */
  readonly joinedAt: number
}

/** Where nearly all hosts are new, one of them is taken after so many draws. */
const DRAWS_MAX = 16

/**
 * A balancer that gives new hosts their share little by little: a draw that falls on one is taken with the
 * probability of its part, and else repeated. So it serves every balancer, and costs nothing where nothing is new.
 * @param onWarm called once, at the first pick after the last host is warm
 */
export function warmUp<Host extends Joined>(options: {
  readonly policy: Warmup
  readonly hosts: readonly Host[]
  readonly balancer: Balancer<Host>
  readonly random: Random
  readonly now: () => number
  readonly onWarm: () => void
}): Balancer<Host> {
  const { policy, hosts, balancer, random, now } = options
  const warmAt = Math.max(...hosts.map((host) => host.joinedAt)) + policy.durationMs
  if (hosts.length < 2 || warmAt <= now()) return balancer
  return {
    pick(hash) {
      const time = now()
      let host = balancer.pick(hash)
      if (time >= warmAt) {
        options.onWarm()
        return host
      }
      for (let i = 1; i < DRAWS_MAX && host !== undefined; i++) {
        const part = warmth(policy, time - host.joinedAt)
        if (part >= 1 || random.next() < part) return host
        host = balancer.pick(hash)
      }
      return host
    },
  }
}

/** The part of its weight that a host of this age has. @see Envoy, "slow start mode" */
export function warmth(policy: Warmup, ageMs: number): number {
  if (ageMs >= policy.durationMs) return 1
  const time = Math.max(1, ageMs) / policy.durationMs
  return Math.max(policy.minimumPercent / 100, time ** (1 / policy.aggression))
}
