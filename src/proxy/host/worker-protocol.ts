import type { MessagePort } from 'node:worker_threads'
import type { GatewayName } from '../../model/index.ts'
import type { XdsChange, XdsRejection } from '../../xds/client/index.ts'
import type { AdminAnswer } from '../admin/types.ts'
import type { GateState } from '../net/accept-gate.ts'
import type { ListenPlace } from '../net/listening-sockets.ts'
import type { Placement } from './proxy-host.ts'
import type { PortsState, ProxySpec, ProxyStatus } from './proxy-handle.ts'

/** What a worker is born with. */
export interface WorkerBirth {
  readonly worker: number
  readonly workers: number
  readonly memory: SharedArrayBuffer
  /** Of rate limits. */
  readonly tokens: SharedArrayBuffer
  /** Of circuit breakers. */
  readonly loads: SharedArrayBuffer
  readonly connectionsMax: number
  readonly isGuarded: boolean
  readonly gate: GateState
}

export interface AdminQuestion {
  readonly path: string
  readonly method: string
  readonly query: string
}

/** What can be asked of a proxy in a worker; each has one answer. */
export type WorkerQuestion =
  | { readonly kind: 'start' }
  | { readonly kind: 'connections' }
  | { readonly kind: 'events' }
  | { readonly kind: 'statistics' }
  | { readonly kind: 'page'; readonly request: AdminQuestion }

/** From the main thread, which knows the configuration, to a worker, which serves. */
export type ToWorker =
  | {
      readonly op: 'create'
      readonly spec: ProxySpec
      readonly placement: Placement
      readonly logFile: string | undefined
      readonly isGuarded: boolean
    }
  | { readonly op: 'accept'; readonly id: string; readonly changes: readonly XdsChange[] }
  | { readonly op: 'ready-gateways'; readonly id: string; readonly names: readonly GatewayName[] }
  | { readonly op: 'status'; readonly id: string; readonly status: ProxyStatus }
  | { readonly op: 'draining'; readonly id: string; readonly draining: boolean }
  | { readonly op: 'stop-accepting' | 'drain' | 'close-idle' | 'close'; readonly id: string }
  | { readonly op: 'ask'; readonly call: number; readonly id: string; readonly question: WorkerQuestion }
  | { readonly op: 'gate'; readonly state: GateState }
  /** The way to another worker. */
  | { readonly op: 'peer'; readonly worker: number; readonly port: MessagePort }
  /** The answer to a request of the worker's. */
  | { readonly op: 'reply'; readonly call: number; readonly result: CallResult }

export type CallResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string }

/** What a worker needs of the main thread; each is answered by a `reply`. */
export type WorkerRequest =
  | { readonly kind: 'reserve'; readonly place: ListenPlace }
  | { readonly kind: 'acquire'; readonly place: ListenPlace }
  | {
      readonly kind: 'gather'
      readonly id: string
      readonly request: AdminQuestion
      readonly own: AdminAnswer
    }
  | { readonly kind: 'log'; readonly id: string; readonly text: string }

export type FromWorker =
  | { readonly op: 'answer'; readonly call: number; readonly result: CallResult }
  | { readonly op: 'request'; readonly call: number; readonly request: WorkerRequest }
  | { readonly op: 'release'; readonly place: ListenPlace }
  | { readonly op: 'ports'; readonly id: string; readonly ports: PortsState }
  | { readonly op: 'rejected'; readonly id: string; readonly rejections: readonly XdsRejection[] }
  | { readonly op: 'failed'; readonly id: string; readonly error: string }
  | { readonly op: 'quit'; readonly id: string }

/** From worker to worker: a connection, accepted by one and served by the other. */
export interface HandedConnection {
  readonly key: string
  readonly fd: number
}

/** Calls that wait for an answer, by number. */
export interface PendingCalls {
  readonly add: () => { readonly call: number; readonly answered: Promise<unknown> }
  readonly settle: (call: number, result: CallResult) => void
  /** Nobody is left to answer. */
  readonly failAll: (error: string) => void
}

export function createPendingCalls(): PendingCalls {
  const waiting = new Map<number, (result: CallResult) => void>()
  let last = 0
  const settle = (call: number, result: CallResult) => {
    const settled = waiting.get(call)
    waiting.delete(call)
    settled?.(result)
  }
  return {
    add() {
      const call = ++last
      const answered = new Promise<unknown>((resolve, reject) => {
        waiting.set(call, (result) => {
          if (result.ok) resolve(result.value)
          else reject(new Error(result.error))
        })
      })
      return { call, answered }
    },
    settle,
    failAll(error) {
      for (const call of waiting.keys()) settle(call, { ok: false, error })
    },
  }
}

/** The outcome of a call as it is sent. */
export async function resultOf(work: () => unknown): Promise<CallResult> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) }
  }
}
