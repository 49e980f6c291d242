import type { OrderKey, Origin } from '../../../model/index.ts'

/** First member of the order key of every VirtualService route; the Gateway API's have another. */
const FAMILY = 1

/**
 * Istio: on gateways the VirtualServices of a host are merged, oldest first, except that rules without any condition
 * go to the end; within one, its own order.
 */
export function orderKey(
  place: {
    /** RFC 3339 */
    readonly created: string
    readonly origin: Origin
    readonly rule: number
    /** Among the rules of a delegate that stand in the place of the rule. */
    readonly part: number
    readonly variant: string
  },
  at: { readonly match: number; readonly isCatchAll: boolean },
): OrderKey {
  const { origin, created, rule, part, variant } = place
  return [
    FAMILY,
    at.isCatchAll ? 1 : 0,
    created,
    origin.name,
    origin.namespace,
    rule,
    part,
    at.match,
    variant,
  ]
}
