import type { Socket } from 'node:net'
import type { ProxyThread, UpstreamEvents, WorkCounter } from '../exchange/types.ts'
import type { Network } from '../net/network.ts'

/** What all hosts of a proxy share. */
export interface UpstreamSettings {
  readonly thread: ProxyThread
  readonly network: Network
  readonly events: UpstreamEvents
  readonly work: WorkCounter
}

export interface HostCounters {
  connectionsTotal: number
  connectFailures: number
  requestsTotal: number
  requestsError: number
  connectionsActive: number
  requestsActive: number
}

/** What a host gives its pools. */
export interface PoolParts {
  readonly settings: UpstreamSettings
  readonly counters: HostCounters
  /** Opens a socket, counted as a connection until `closed`; one that takes too long to connect is `expired`. */
  readonly connect: (
    receive: (bytes: Buffer, start: number, end: number) => void,
    watch: { readonly connected: () => void; readonly expired: () => void },
  ) => Socket
  readonly mayConnect: () => boolean
  readonly closed: () => void
}
