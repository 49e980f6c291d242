import type { OrderKey } from './route.ts'

/**
 * Which of two matches comes first: negative when `a` does, 0 only for equal keys. A total order: numbers come before
 * texts, and a key before the longer ones that begin with it.
 */
export function compareOrderKeys(a: OrderKey, b: OrderKey): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const order = compareMembers(a[i] as number | string, b[i] as number | string)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareMembers(a: number | string, b: number | string): number {
  if (a === b) return 0
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1
  return a < b ? -1 : 1
}
