/**
 * What the node agent and the node proxy say to each other: newline-delimited JSON on the Unix socket
 * `<state>/run/node-proxy.sock`. The agent is the client. Instances keep running when it goes away; after a
 * reconnect it says which it wants and stops those it does not.
 */
export const NODE_PROXY_PROTOCOL_VERSION = 1

/** Where the socket is, below the state directory. */
export const NODE_PROXY_SOCKET = 'run/node-proxy.sock'

/** Longest accepted line in bytes: an instance's environment is the only thing of any size. */
export const NODE_PROXY_LINE_BYTES_MAX = 1024 * 1024

/** How often the proxy says what its instances used. */
export const NODE_PROXY_USAGE_INTERVAL_MS = 5000

/** The packet mark on a hosted instance's outgoing sockets, which the capture rules let pass. */
export const PROXY_SOCKET_MARK = 1337

export interface HostedMount {
  readonly mountPath: string
  readonly hostPath: string
}

/** A container that runs inside the node proxy. */
export interface HostedInstance {
  readonly id: string
  readonly podUid: string
  readonly namespace: string
  readonly podName: string
  readonly containerName: string
  /** Such as `/run/netns/lateen-…`. */
  readonly netns: string
  readonly podIps: readonly string[]
  readonly nodeName: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Longest mountPath first, so that the first prefix that matches is the right one. */
  readonly mounts: readonly HostedMount[]
  /** The addresses the pod's resolv.conf names. */
  readonly nameservers: readonly string[]
  /** Receives the container's output, in append mode. */
  readonly logFile: string
}

export type NodeProxyRequest =
  | { readonly op: 'hello'; readonly version: number }
  /** Idempotent by the instance's id. */
  | { readonly op: 'start'; readonly instance: HostedInstance }
  | { readonly op: 'stop'; readonly id: string; readonly graceMs: number }

export type NodeProxyEvent =
  | { readonly op: 'hello'; readonly version: number; readonly instances: readonly HostedInstanceState[] }
  /** @see startedAt milliseconds since the epoch */
  | { readonly op: 'started'; readonly id: string; readonly startedAt: number }
  | { readonly op: 'ready'; readonly id: string; readonly ready: boolean }
  | { readonly op: 'exited'; readonly id: string; readonly exitCode: number; readonly message: string }
  /** Cumulative since the instance's start. */
  | {
      readonly op: 'usage'
      readonly instances: readonly { readonly id: string; readonly cpuMs: number }[]
    }

export interface HostedInstanceState {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly ready: boolean
}

/** The mount in which a path is that a container's program would open. @returns undefined outside of every mount */
export function mountOf(mounts: readonly HostedMount[], path: string): HostedMount | undefined {
  return mounts.find(({ mountPath }) => {
    const prefix = mountPath.endsWith('/') ? mountPath : `${mountPath}/`
    return path === mountPath || path.startsWith(prefix)
  })
}
