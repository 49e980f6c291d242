import type { FieldError, KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'

/** An object with what was allotted to it; `release` gives back what the store has not taken over. */
export interface Reservation {
  readonly object: KubeObject
  readonly release: () => void
}

/** What a kind does beside what every kind does. */
export interface KindHooks {
  readonly prepareCreate: (object: KubeObject, context: ServerContext) => KubeObject
  readonly prepareUpdate: (object: KubeObject, current: KubeObject, context: ServerContext) => KubeObject
  /** beyond what the kind's schema says */
  readonly validate: (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[]
  /** the last step before the store: addresses and ports. @throws StatusError */
  readonly reserve: (object: KubeObject, old: KubeObject | undefined, context: ServerContext) => Reservation
  readonly onMarkedDeleted: (object: KubeObject) => KubeObject
  /** @throws StatusError when this object must stay */
  readonly checkDelete: (object: KubeObject, context: ServerContext) => void
}
