import type { KubeObject } from '../../../kube/index.ts'
import { at, isObject, listAt, withMembers } from '../json.ts'
import type { KindHooks } from './hook-types.ts'

export const POD_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object) => {
    const isGated = listAt(object.spec, 'schedulingGates').length > 0
    const conditions = isGated ? { conditions: [GATED] } : {}
    return withMembers(object, { status: { phase: 'Pending', ...conditions, qosClass: qosClassOf(object) } })
  },
}

const GATED = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
} as const

/** Guaranteed when every container limits CPU and memory to what it requests, BestEffort when none says anything. */
export function qosClassOf(pod: KubeObject): string {
  const containers = [...listAt(pod.spec, 'containers'), ...listAt(pod.spec, 'initContainers')]
  const amounts = containers.map((container) => ({
    requests: amountsOf(container, 'requests'),
    limits: amountsOf(container, 'limits'),
  }))
  const isSilent = amounts.every(({ requests, limits }) => count(requests) + count(limits) === 0)
  if (isSilent) return 'BestEffort'
  const isFull = amounts.every(({ requests, limits }) =>
    ['cpu', 'memory'].every(
      (name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name],
    ),
  )
  return isFull ? 'Guaranteed' : 'Burstable'
}

function amountsOf(container: unknown, side: 'requests' | 'limits'): Readonly<Record<string, unknown>> {
  const amounts = at(container, 'resources', side)
  return isObject(amounts) ? amounts : {}
}

function count(amounts: Readonly<Record<string, unknown>>): number {
  return Number(amounts['cpu'] !== undefined) + Number(amounts['memory'] !== undefined)
}
