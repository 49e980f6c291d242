import type { KubeObject } from '../../../kube/index.ts'
import type { ResourceRequest } from '../resource-request.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** One write on its way to the store. */
export interface AdmissionRequest {
  readonly asked: ResourceRequest
  readonly operation: Operation
  /** undefined for a deletion */
  readonly object: KubeObject | undefined
  readonly old?: KubeObject
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
