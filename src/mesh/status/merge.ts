import { deepEqual } from '../../base/index.ts'
import type { Condition } from '../../kube/index.ts'
import { type ConditionIntent, CONTROLLER_NAME } from '../translate/index.ts'

type Members = Readonly<Record<string, unknown>>

/**
 * What the status should be, given what it is: the members that this controller owns as they were worked out, the
 * others as they are. Conditions keep the time of their last transition while their status does not change; of
 * `parents` and `ancestors`, those of other controllers stay. A member that is wanted as undefined goes.
 * @param now RFC 3339, for conditions that change
 */
export function mergeStatus(present: unknown, wanted: Members, now: string): Members {
  const before = isMembers(present) ? present : {}
  const merged: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) delete merged[name]
    else merged[name] = mergeMember(name, before[name], value, now)
  }
  return merged
}

/** Whether the two say the same, whatever the order of members. */
export function isSameStatus(a: unknown, b: unknown): boolean {
  return deepEqual(a, b)
}

function mergeMember(name: string, before: unknown, wanted: unknown, now: string): unknown {
  switch (name) {
    case 'conditions':
      return mergeConditions(before, wanted, now)
    case 'listeners':
      return mergeListeners(before, wanted, now)
    case 'parents':
      return mergeParents('parentRef', before, wanted, now)
    case 'ancestors':
      return mergeParents('ancestorRef', before, wanted, now)
    default:
      return wanted
  }
}

/**
 * Types of conditions that are ours even while we do not state them: the Gateway API has those of negative polarity
 * absent rather than false.
 */
const OWN_TYPES: ReadonlySet<unknown> = new Set(['InsecureFrontendValidationMode', 'OverlappingTLSConfig'])

/** Conditions of types that are not ours stay behind ours. */
function mergeConditions(before: unknown, wanted: unknown, now: string): readonly Condition[] {
  const present = listOf(before) as unknown as readonly Condition[]
  const own = listOf(wanted) as unknown as readonly ConditionIntent[]
  const merged = own.map((intent): Condition => {
    const known = present.find((condition) => condition.type === intent.type)
    const lastTransitionTime = known?.status === intent.status ? known.lastTransitionTime : now
    return { ...intent, lastTransitionTime }
  })
  const foreign = present.filter(
    ({ type }) => !OWN_TYPES.has(type) && !own.some((intent) => intent.type === type),
  )
  return [...merged, ...foreign.filter((condition) => !isPlaceholder(condition))]
}

/** The condition that the API server's defaulting puts on a new Gateway or GatewayClass until a controller speaks. */
function isPlaceholder(condition: Condition): boolean {
  return condition.reason === 'Pending' && condition.message === 'Waiting for controller'
}

function mergeListeners(before: unknown, wanted: unknown, now: string): readonly Members[] {
  const present = listOf(before)
  return listOf(wanted).map((listener) => {
    const known = present.find((other) => other['name'] === listener['name'])
    return { ...listener, conditions: mergeOwnConditions(known, listener, now) }
  })
}

function mergeParents(
  reference: 'parentRef' | 'ancestorRef',
  before: unknown,
  wanted: unknown,
  now: string,
): readonly Members[] {
  const present = listOf(before)
  const own = present.filter(isOurs)
  const merged = listOf(wanted).map((parent) => {
    const known = own.find((other) => deepEqual(other[reference], parent[reference]))
    return { ...parent, conditions: mergeOwnConditions(known, parent, now) }
  })
  return [...present.filter((parent) => !isOurs(parent)), ...merged]
}

/** Inside an entry that is ours as a whole, a condition that we no longer state is gone. */
function mergeOwnConditions(known: Members | undefined, wanted: Members, now: string): readonly Condition[] {
  const intents = listOf(wanted['conditions']) as unknown as readonly ConditionIntent[]
  const own = listOf(known?.['conditions']).filter((condition) =>
    intents.some((intent) => intent.type === condition['type']),
  )
  return mergeConditions(own, intents, now)
}

function isOurs(parent: Members): boolean {
  return parent['controllerName'] === CONTROLLER_NAME
}

function listOf(value: unknown): readonly Members[] {
  return Array.isArray(value) ? (value as readonly Members[]) : []
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
