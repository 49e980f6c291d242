import type { HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler } from '../../kube/index.ts'

/** How fast an autoscaler may go: it remembers what was recommended and done of late, for each autoscaler. */
export interface ScalingPace {
  readonly decide: (key: string, wish: ScalingWish) => ScalingDecision
  /** A change that was made counts against the policies of its direction. */
  readonly scaled: (key: string, change: { readonly by: number; readonly nowMs: number }) => void
  readonly forget: (key: string) => void
}

export interface ScalingWish {
  readonly desired: number
  readonly current: number
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly behavior: HorizontalPodAutoscaler['spec']['behavior']
  readonly nowMs: number
}

export interface ScalingDecision {
  readonly replicas: number
  readonly stabilized: 'up' | 'down' | undefined
  /** What keeps it from going further. */
  readonly limit: 'TooManyReplicas' | 'TooFewReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit' | undefined
}

/** @see HPAScalingRules.stabilizationWindowSeconds, default for scaling down */
const DOWN_WINDOW_SECONDS = 300
/** Without a behavior it at most doubles, and goes to four at once. */
const UP_FACTOR = 2
const UP_AT_ONCE = 4
/** The API's own limit of windows and periods is an hour. */
const MEMORY_MS = 3_600_000

const UP_POLICIES: readonly HPAScalingPolicy[] = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
]
const DOWN_POLICIES: readonly HPAScalingPolicy[] = [{ type: 'Percent', value: 100, periodSeconds: 15 }]

interface Memory {
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[]
  readonly changes: readonly { readonly atMs: number; readonly by: number }[]
}

export function createScalingPace(): ScalingPace {
  const memories = new Map<string, Memory>()
  const recall = (key: string, nowMs: number, current: number): Memory => {
    // Who has just begun to look knows only that the present size was somebody's wish.
    const known = memories.get(key) ?? { recommendations: [{ atMs: nowMs, replicas: current }], changes: [] }
    const isRecent = ({ atMs }: { readonly atMs: number }) => atMs > nowMs - MEMORY_MS
    return {
      recommendations: known.recommendations.filter(isRecent),
      changes: known.changes.filter(isRecent),
    }
  }
  return {
    decide(key, wish) {
      const memory = recall(key, wish.nowMs, wish.current)
      const recommendation = { atMs: wish.nowMs, replicas: wish.desired }
      memories.set(key, { ...memory, recommendations: [...memory.recommendations, recommendation] })
      const stable = wish.behavior ? stableWithin(wish, memory) : stableDownwards(wish, memory)
      const { replicas, limit } = limited({ ...wish, desired: stable }, memory)
      const direction = wish.desired >= wish.current ? 'up' : 'down'
      return { replicas, limit, stabilized: stable === wish.desired ? undefined : direction }
    },
    scaled(key, { by, nowMs }) {
      const memory = memories.get(key)
      if (memory) memories.set(key, { ...memory, changes: [...memory.changes, { atMs: nowMs, by }] })
    },
    forget: (key) => void memories.delete(key),
  }
}

/** Scaling down waits until nobody wanted more for the length of the window. */
function stableDownwards({ desired, nowMs }: ScalingWish, { recommendations }: Memory): number {
  const sinceMs = nowMs - DOWN_WINDOW_SECONDS * 1000
  return Math.max(
    desired,
    ...recommendations.filter(({ atMs }) => atMs >= sinceMs).map((one) => one.replicas),
  )
}

/** With a behavior each direction has a window; between what both allow the present size stays. */
function stableWithin({ desired, current, behavior, nowMs }: ScalingWish, memory: Memory): number {
  const recent = (seconds: number) =>
    memory.recommendations.filter(({ atMs }) => atMs > nowMs - seconds * 1000).map((one) => one.replicas)
  const upTo = Math.min(desired, ...recent(behavior?.scaleUp?.stabilizationWindowSeconds ?? 0))
  const downSeconds = behavior?.scaleDown?.stabilizationWindowSeconds ?? DOWN_WINDOW_SECONDS
  const downTo = Math.max(desired, ...recent(downSeconds))
  return Math.min(Math.max(current, upTo), downTo)
}

function limited(wish: ScalingWish, memory: Memory): Pick<ScalingDecision, 'replicas' | 'limit'> {
  const { desired, current, minReplicas, maxReplicas } = wish
  if (!wish.behavior) return limitedByRule(wish)
  if (desired > current) {
    const fastest = Math.max(current, fastestUp(wish, memory))
    const most = Math.min(maxReplicas, fastest)
    const limit = maxReplicas > fastest ? 'ScaleUpLimit' : 'TooManyReplicas'
    return desired > most ? { replicas: most, limit } : { replicas: desired, limit: undefined }
  }
  if (desired < current) {
    const fastest = Math.min(current, fastestDown(wish, memory))
    const least = Math.max(minReplicas, fastest)
    const limit = minReplicas < fastest ? 'ScaleDownLimit' : 'TooFewReplicas'
    return desired < least ? { replicas: least, limit } : { replicas: desired, limit: undefined }
  }
  return { replicas: desired, limit: undefined }
}

function limitedByRule(wish: ScalingWish): Pick<ScalingDecision, 'replicas' | 'limit'> {
  const { desired, current, minReplicas, maxReplicas } = wish
  const fastest = Math.max(UP_FACTOR * current, UP_AT_ONCE)
  const most = Math.min(maxReplicas, fastest)
  if (desired < minReplicas) return { replicas: minReplicas, limit: 'TooFewReplicas' }
  if (desired > most) {
    return { replicas: most, limit: maxReplicas > fastest ? 'ScaleUpLimit' : 'TooManyReplicas' }
  }
  return { replicas: desired, limit: undefined }
}

function fastestUp({ current, behavior, nowMs }: ScalingWish, memory: Memory): number {
  const rules = behavior?.scaleUp
  const proposals = (rules?.policies ?? UP_POLICIES).map(({ type, value, periodSeconds }) => {
    const before = sizeBefore(current, memory, nowMs - periodSeconds * 1000)
    return type === 'Pods' ? before + value : Math.ceil(before * (1 + value / 100))
  })
  return choose(rules, current, { most: Math.max(...proposals), least: Math.min(...proposals) })
}

function fastestDown({ current, behavior, nowMs }: ScalingWish, memory: Memory): number {
  const rules = behavior?.scaleDown
  const proposals = (rules?.policies ?? DOWN_POLICIES).map(({ type, value, periodSeconds }) => {
    const before = sizeBefore(current, memory, nowMs - periodSeconds * 1000)
    return type === 'Pods' ? before - value : Math.trunc(before * (1 - value / 100))
  })
  return choose(rules, current, { most: Math.min(...proposals), least: Math.max(...proposals) })
}

function choose(
  rules: HPAScalingRules | undefined,
  current: number,
  change: { readonly most: number; readonly least: number },
): number {
  if (rules?.selectPolicy === 'Disabled') return current
  return rules?.selectPolicy === 'Min' ? change.least : change.most
}

/** The size at the beginning of a period, from what has been changed since. */
function sizeBefore(current: number, { changes }: Memory, sinceMs: number): number {
  return current - changes.filter(({ atMs }) => atMs > sinceMs).reduce((sum, { by }) => sum + by, 0)
}
