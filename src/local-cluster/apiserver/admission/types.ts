import type { KubeObject } from '../../../kube/index.ts'
import type { JsonObject } from '../json.ts'
import type { ResourceRequest } from '../resource-request.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface SentObject {
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly object: JsonObject
}

/** One write on its way to the store. */
export interface AdmissionRequest {
  readonly asked: ResourceRequest
  readonly operation: Operation
  /** undefined for a deletion, and where something else is sent */
  readonly object: KubeObject | undefined
  readonly old?: KubeObject
  /** what a subresource is sent that takes another kind than its resource's: an Eviction, the options of an exec */
  readonly sent?: SentObject
  readonly dryRun: boolean
  /** tells the client something beside the answer */
  readonly warn: (message: string) => void
}

export interface MutationRequest extends AdmissionRequest {
  readonly object: KubeObject
}

export interface Admission {
  /** @throws StatusError when the write is refused */
  readonly mutate: (request: MutationRequest) => Promise<KubeObject>
  /** @throws StatusError when the write is refused */
  readonly validate: (request: AdmissionRequest) => Promise<void>
}
