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
  /** How often the process was replaced without an interruption. */
  readonly restartEpoch: number
  /** Worker threads that serve connections. */
  readonly concurrency: number
  readonly onQuit: () => void
  /** What an operator has said of the proxy's health. */
  readonly health: { isFailed: boolean }
}

/** Adds to a page what other workers, and the process before this one, have to say. */
export type Gather = (
  request: { readonly path: string; readonly method: string; readonly query: string },
  own: AdminAnswer,
) => Promise<AdminAnswer>

export interface AdminRequest {
  readonly method: string
  readonly query: URLSearchParams
}

export interface AdminAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}
