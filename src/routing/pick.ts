import type { Random } from '../base/index.ts'
import type { CompiledDestination, CompiledForward } from './compile.ts'

/**
 * Picks a destination with probability proportional to its weight.
 * @param action of a compiled route: at least one weight is positive
 */
export function pickDestination(action: CompiledForward, random: Random): CompiledDestination {
  const { destinations } = action
  const first = destinations[0] as CompiledDestination
  if (destinations.length === 1) return first
  let left = random.next() * action.totalWeight
  for (const destination of destinations) {
    left -= destination.weight
    if (left < 0) return destination
  }
  // Only rounding leads here: the last one that may be chosen at all.
  return destinations.findLast((destination) => destination.weight > 0) ?? first
}
