import type { Clock } from '../../base/index.ts'

/**
 * What a controller has just done but its informer does not show yet. Without it a second look would create or delete
 * the same again. Each expectation ends when it is observed, or after a while: then the informer's word is taken.
 */
export interface Expectations {
  readonly created: (key: string, uid: string) => void
  readonly deleted: (key: string, uid: string) => void
  /** To be told of every change the informer shows. */
  readonly observe: (uid: string, present: boolean) => void
  /** Whether nothing is outstanding, so that the informer's list can be acted on. */
  readonly satisfied: (key: string) => boolean
}

/** Kubernetes waits five minutes; here the watch is on the same machine. */
const EXPECTATION_MS = 10_000

export function createExpectations(clock: Clock): Expectations {
  const outstanding = new Map<
    string,
    { readonly key: string; readonly present: boolean; readonly until: number }
  >()
  const byKey = new Map<string, Set<string>>()
  const settled = new Map<string, boolean>() // observations that came before the answer to our own request
  const add = (key: string, uid: string, present: boolean) => {
    if (settled.get(uid) === present) return
    outstanding.set(uid, { key, present, until: clock.monotonic() + EXPECTATION_MS })
    const uids = byKey.get(key) ?? new Set()
    byKey.set(key, uids.add(uid))
  }
  const remove = (uid: string, key: string) => {
    outstanding.delete(uid)
    const uids = byKey.get(key)
    uids?.delete(uid)
    if (uids?.size === 0) byKey.delete(key)
  }
  return {
    created: (key, uid) => add(key, uid, true),
    deleted: (key, uid) => add(key, uid, false),
    observe(uid, present) {
      const expected = outstanding.get(uid)
      if (expected?.present === present) remove(uid, expected.key)
      settled.set(uid, present)
      if (settled.size > 4096) settled.delete(settled.keys().next().value ?? '')
    },
    satisfied(key) {
      for (const uid of byKey.get(key) ?? []) {
        const expected = outstanding.get(uid)
        if (expected && expected.until > clock.monotonic()) return false
        remove(uid, key)
      }
      return true
    },
  }
}
