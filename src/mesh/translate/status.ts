import type { Condition } from '../../kube/index.ts'
import type { KindRef } from '../resources/index.ts'

/** The controller whose name the mesh's conditions on routes carry, and that GatewayClass `istio` names. */
export const CONTROLLER_NAME = 'istio.io/gateway-controller'

/** A condition as it should be; the writer adds when it last changed. */
export type ConditionIntent = Omit<Condition, 'lastTransitionTime'>

/**
 * The status that an object should have, as far as it is this controller's to say. Equal content means nothing to
 * write: the writer compares it with what the object has, keeps `lastTransitionTime` of unchanged conditions, and
 * keeps `parents` that other controllers wrote.
 */
export interface StatusUpdate {
  /** `HTTPRoute/<namespace>/<name>`; a cluster-scoped object has no namespace part. */
  readonly key: string
  readonly kind: KindRef
  readonly namespace?: string
  readonly name: string
  readonly observedGeneration: number
  readonly status: Readonly<Record<string, unknown>>
}

export function condition(
  generation: number,
  type: string,
  outcome: { readonly status: boolean; readonly reason: string; readonly message: string },
): ConditionIntent {
  return {
    type,
    status: outcome.status ? 'True' : 'False',
    observedGeneration: generation,
    reason: outcome.reason,
    message: outcome.message,
  }
}
