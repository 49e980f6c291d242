import type { Clock, Logger } from '../../base/index.ts'
import type { Bootstrap } from '../host/bootstrap.ts'
import type { ProxyInstance } from '../instance.ts'

export interface AdminContext {
  readonly instance: ProxyInstance
  readonly bootstrap: Bootstrap
  readonly isReady: () => boolean
  readonly isConnected: () => boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly startedAt: number
  readonly onQuit: () => void
}

/** @returns undefined for a path that the port does not have */
export type AdminHandler = (request: AdminRequest, context: AdminContext) => AdminAnswer

export interface AdminRequest {
  readonly method: string
  readonly query: URLSearchParams
}

export interface AdminAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}
