import type { Clock } from '../../base/index.ts'

/** What should become of one event, so that a controller that repeats itself does not fill the store. */
export type EventVerdict =
  | { readonly kind: 'new'; readonly key: string; readonly message: string }
  /** The same as before: only its count goes up. */
  | { readonly kind: 'repeated'; readonly key: string; readonly count: number }
  | { readonly kind: 'dropped' }

export interface EventAggregation {
  readonly judge: (event: {
    readonly uid: string
    readonly component: string
    readonly type: string
    readonly reason: string
    readonly message: string
  }) => EventVerdict
  /** After an event that was not taken: the next one like it is new again. */
  readonly forget: (key: string) => void
}

/** Events of one component about one object: so many at once, then one in five minutes (Kubernetes' spam filter). */
const BURST = 25
const REFILL_MS = 300_000
/** More messages than these of one reason within the window are told as one. */
const SIMILAR_MAX = 10
const SIMILAR_WINDOW_MS = 600_000
/** Series, groups and buckets remembered; the oldest are forgotten first. */
const REMEMBERED_MAX = 4096

export function createEventAggregation(clock: Clock): EventAggregation {
  const counts = new Map<string, number>()
  const groups = new Map<string, { readonly messages: Set<string>; lastMs: number }>()
  const buckets = new Map<string, { tokens: number; atMs: number }>()

  const isSimilarToMany = (group: string, message: string): boolean => {
    const nowMs = clock.monotonic()
    const known = groups.get(group)
    const current =
      known && nowMs - known.lastMs < SIMILAR_WINDOW_MS ? known : { messages: new Set<string>(), lastMs: 0 }
    current.lastMs = nowMs
    if (current.messages.size <= SIMILAR_MAX) current.messages.add(message)
    remember(groups, group, current)
    return current.messages.size > SIMILAR_MAX && !counts.has(`${group}\n${message}`)
  }

  const takeToken = (source: string): boolean => {
    const nowMs = clock.monotonic()
    const before = buckets.get(source) ?? { tokens: BURST, atMs: nowMs }
    const tokens = Math.min(BURST, before.tokens + (nowMs - before.atMs) / REFILL_MS)
    remember(buckets, source, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
    return tokens >= 1
  }

  return {
    judge({ uid, component, type, reason, message }) {
      const group = [uid, component, type, reason].join('\n')
      const isCombined = isSimilarToMany(group, message)
      const key = isCombined ? group : `${group}\n${message}`
      if (!takeToken(`${uid}\n${component}`)) return { kind: 'dropped' }
      const count = (counts.get(key) ?? 0) + 1
      remember(counts, key, count)
      if (count > 1) return { kind: 'repeated', key, count }
      return {
        kind: 'new',
        key,
        message: isCombined ? `(combined from similar events): ${message}` : message,
      }
    },
    forget(key) {
      counts.delete(key)
    },
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > REMEMBERED_MAX) map.delete(map.keys().next().value ?? '')
}
