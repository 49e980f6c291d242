import type { Socket } from 'node:net'
import type { ProxyThread, UpstreamEvents, UpstreamFailure, WorkCounter } from '../exchange/types.ts'
import type { HeadLimits } from '../http1/head-block.ts'
import type { Network } from '../net/network.ts'
import { type ClusterLoad, countRequest } from './load.ts'

/** What all hosts of a proxy share. */
export interface UpstreamSettings {
  readonly thread: ProxyThread
  readonly network: Network
  readonly events: UpstreamEvents
  readonly work: WorkCounter
  /** What the head of a response from there may be. Absent: as is usual. */
  readonly responseHead?: (source: ResponseSource) => HeadLimits
}

/** Where responses come from. */
export interface ResponseSource {
  /** The application behind a sidecar. */
  readonly isInbound?: boolean
  /** Absent: an address that was dialled. */
  readonly hostname?: string
  readonly port: number
  readonly subset?: string | undefined
}

export interface HostCounters {
  connectionsTotal: number
  connectFailures: number
  requestsTotal: number
  requestsError: number
  connectionsActive: number
  requestsActive: number
  /** For a connection. */
  requestsWaiting: number
}

/** What a host gives its pools. */
export interface PoolParts {
  readonly settings: UpstreamSettings
  readonly counters: HostCounters
  /** Of the whole cluster. */
  readonly load: ClusterLoad
  /** Opens a socket, counted as a connection until `closed`; one that takes too long to connect is `expired`. */
  readonly connect: (
    receive: (bytes: Buffer, start: number, end: number) => void,
    watch: { readonly connected: () => void; readonly expired: () => void },
  ) => Socket
  /** For connections that are opened from now on. */
  readonly responseHead: () => HeadLimits
  /** @param own connections of the pool that asks: one without any may open one whatever others have */
  readonly mayConnect: (own: number) => boolean
  readonly closed: () => void
  /** The endpoint speaks HTTP/2 without extended CONNECT. */
  readonly connectRefused?: () => void
}

/** Another request would be one too many; told to a request that has waited for its connection. */
export const OVERFLOW: UpstreamFailure = { kind: 'overflow' }

/** A request has got a connection, or lost it. */
export function beginRequest(parts: PoolParts): void {
  parts.counters.requestsActive++
  parts.counters.requestsTotal++
  countRequest(parts.load, 1)
}

export function endRequest(parts: PoolParts): void {
  parts.counters.requestsActive--
  countRequest(parts.load, -1)
}
