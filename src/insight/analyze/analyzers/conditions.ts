import type { KubeObject } from '../../../kube/index.ts'
import type { AnalyzedKind, Analyzer } from '../context.ts'
import { createMessage } from '../messages.ts'
import { field, listAt, textAt } from '../read.ts'

const GATEWAY_API = ['Accepted', 'Programmed', 'ResolvedRefs'] as const
const WAYPOINT = ['istio.io/WaypointBound'] as const

/** For each kind the conditions whose `False` is bad news. */
const NEGATIVE: Readonly<Partial<Record<AnalyzedKind, readonly string[]>>> = {
  service: WAYPOINT,
  serviceEntry: WAYPOINT,
  workloadEntry: WAYPOINT,
  authorizationPolicy: ['ZtunnelAccepted', 'WaypointAccepted'],
  gateway: GATEWAY_API,
  httpRoute: GATEWAY_API,
  grpcRoute: GATEWAY_API,
}

/** Objects that a controller has refused, in part or whole (IST0171): routes to a missing Service are among them. */
export const conditions: Analyzer = {
  name: 'conditions.ConditionAnalyzer',
  analyze: (context) =>
    (Object.entries(NEGATIVE) as [AnalyzedKind, readonly string[]][]).flatMap(([kind, types]) =>
      context.of(kind).flatMap((object) =>
        conditionsOf(object)
          .filter((condition) => isNegative(condition, types))
          .map((condition) =>
            createMessage(
              'IST0171',
              object,
              textAt(condition, 'type') ?? '',
              textAt(condition, 'reason') ?? '',
              textAt(condition, 'message') ?? '',
            ),
          ),
      ),
    ),
}

function conditionsOf(object: KubeObject): readonly unknown[] {
  const parents = listAt(object, 'status', 'parents').flatMap((parent) => listAt(parent, 'conditions'))
  return [...listAt(object, 'status', 'conditions'), ...parents]
}

function isNegative(condition: unknown, types: readonly string[]): boolean {
  const type = textAt(condition, 'type') ?? ''
  if (types.includes(type) && field(condition, 'status') === 'False') return true
  return (
    types.includes('WaypointAccepted') &&
    type === 'WaypointAccepted' &&
    textAt(condition, 'reason') === 'PartiallyInvalid'
  )
}
