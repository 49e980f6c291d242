import type { ListenPlace } from '../net/listening-sockets.ts'

/**
 * What a process and its successor say to each other in a hot restart: newline-delimited JSON on a Unix socket, with
 * descriptors beside empty lines. The successor calls. Until it says `ready` the predecessor serves alone; from then on
 * the successor does, while the predecessor finishes what it has. Both hold the listening sockets until the predecessor
 * ends, so that whichever goes first leaves one that can serve.
 */
export const HANDOVER_VERSION = 1

/** Longest accepted line: the statistics of all proxies of a node. */
export const HANDOVER_LINE_BYTES_MAX = 256 * 1024 * 1024

/** Prometheus text by proxy. */
export type ProxyStatistics = Readonly<Record<string, string>>

export interface Handover {
  readonly op: 'handover'
  readonly version: number
  readonly epoch: number
  readonly pid: number
  /** What the hosting wants to pass on, by its own lights. */
  readonly state: unknown
  /** The listening sockets, in the order in which their descriptors follow. */
  readonly sockets: readonly { readonly place: ListenPlace; readonly count: number }[]
}

export type ToPredecessor =
  | { readonly op: 'take-over'; readonly version: number }
  /** All that the predecessor served is served here now. */
  | { readonly op: 'ready' }
  /** This process was asked to end: the predecessor is to end too, and not to serve again. */
  | { readonly op: 'end' }

export type ToSuccessor =
  | Handover
  | { readonly op: 'refused'; readonly reason: string }
  /** So far, with what was inherited. */
  | { readonly op: 'statistics'; readonly proxies: ProxyStatistics }
  /** The predecessor's paths are free, this socket's among them. */
  | { readonly op: 'released' }
