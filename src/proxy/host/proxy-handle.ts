import { randomBytes } from 'node:crypto'
import type { GatewayName } from '../../model/index.ts'
import type { XdsChange, XdsRejection } from '../../xds/client/index.ts'
import type { Bootstrap } from './bootstrap.ts'

/** What a proxy is, wherever its connections are served: plain data, so that it can be told to a worker. */
export interface ProxySpec {
  readonly id: string
  readonly bootstrap: Bootstrap
  /** Where listeners bind. */
  readonly address: string
  readonly inboundSource?: string
  /** What TLS sessions are sealed with, in every worker. */
  readonly ticketKey: Uint8Array
  /** `istio`: the four ports of a pod; a number: one port of 127.0.0.1. */
  readonly admin: 'istio' | 'none' | number
  /** Ports are opened only when the routes of their gateway are said to be here. */
  readonly waitsForRoutes: boolean
  /** How often the process was replaced without an interruption. */
  readonly restartEpoch: number
  /** Worker threads that serve it. */
  readonly concurrency: number
}

/** What is open, as far as it can be told without asking: it may be a message old. */
export interface PortsState {
  readonly isBound: boolean
  readonly ports: readonly number[]
  readonly problems: readonly (readonly [number | string, string])[]
}

/**
 * A proxy as those see it who tell it what to do. Its connections are served in this thread (`createServedProxy`), or in
 * workers that all are told the same (`createWorkerPool`).
 */
export interface ProxyHandle {
  readonly accept: (changes: readonly XdsChange[]) => readonly XdsRejection[]
  /** The gateways that have listeners here: whose routes are wanted. */
  readonly gatewayNames: () => readonly GatewayName[]
  /** The routes of these have arrived: their ports may be opened. */
  readonly setReadyGateways: (names: readonly GatewayName[]) => void
  /** @throws when a port that it needs cannot be bound */
  readonly start: () => Promise<void>
  readonly ports: () => PortsState
  /** What `status` answers has changed. */
  readonly statusChanged: () => void
  /** Responses end their connection while it is so. */
  readonly setDraining: (draining: boolean) => void
  /** Accepts no more, closes idle connections; the others close after their response. */
  readonly drain: () => void
  readonly stopAccepting: () => void
  /** Closes what is idle; the others close after their response. Goes on accepting where it does. */
  readonly closeIdle: () => void
  readonly close: () => void
  readonly connections: () => Promise<number>
  /** What it had to do since its start. */
  readonly events: () => Promise<number>
  /** What it has counted, as Prometheus text. */
  readonly statistics: () => Promise<string>
}

export interface ProxyStatus {
  readonly isReady: boolean
  readonly isConnected: boolean
}

export interface HandleCallbacks {
  /** Something that readiness depends on may have changed. */
  readonly onStateChange: () => void
  /** What admin pages say that is known elsewhere. */
  readonly status: () => ProxyStatus
  /** Somebody has asked the admin interface for the end. */
  readonly onQuit: () => void
}

const TICKET_KEY_BYTES = 48

/** The proxy of a pod, as Istio's container is one. */
export function podSpec(options: {
  readonly id: string
  readonly bootstrap: Bootstrap
  readonly restartEpoch?: number
  readonly concurrency?: number
}): ProxySpec {
  const { id, bootstrap, restartEpoch = 0, concurrency = 1 } = options
  return {
    id,
    bootstrap,
    address: bootstrap.node.ips.some((ip) => ip.includes(':')) ? '::' : '0.0.0.0',
    // Where the capture rules expect connections to the application to come from.
    ...(bootstrap.node.role === 'sidecar' && { inboundSource: '127.0.0.6' }),
    ticketKey: randomBytes(TICKET_KEY_BYTES),
    admin: 'istio',
    waitsForRoutes: true,
    restartEpoch,
    concurrency,
  }
}
