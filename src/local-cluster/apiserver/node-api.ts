import type { Duplex, Readable, Writable } from 'node:stream'

export interface LogRequest {
  readonly namespace: string
  readonly pod: string
  readonly podUid: string
  readonly container: string
  readonly follow: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  /** RFC 3339 */
  readonly sinceTime?: string
  readonly timestamps: boolean
  readonly previous: boolean
  readonly limitBytes?: number
  readonly signal: AbortSignal
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** The streams of a command; the node reads stdin no faster than the command does, and waits for slow outputs. */
export interface RemoteIo {
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  /** With a terminal there is none: both outputs are the terminal's. */
  readonly stderr: Writable | undefined
  readonly onResize: (listener: (size: TerminalSize) => void) => void
  /** Aborted when the client is gone: a command ends with it. */
  readonly signal: AbortSignal
}

export interface AttachRequest {
  readonly podUid: string
  readonly container: string
  readonly tty: boolean
  readonly io: RemoteIo
}

export interface ExecRequest extends AttachRequest {
  readonly command: readonly string[]
}

/** What a container or the node uses at the moment. */
export interface ResourceUsage {
  readonly cpuNanocores: number
  readonly memoryBytes: number
}

export interface PodUsage {
  readonly atMs: number
  /** The time over which the CPU was measured. */
  readonly windowMs: number
  readonly containers: readonly (ResourceUsage & { readonly name: string })[]
}

export interface NodeUsage extends ResourceUsage {
  readonly node: string
  readonly atMs: number
  readonly windowMs: number
}

/** What the API server asks of the node: the kubelet's API, in our own words. */
export interface NodeApi {
  /** @throws before the first chunk when the container has no log; the message is shown to the user */
  readonly logs: (request: LogRequest) => AsyncIterable<Uint8Array>
  readonly isRunning: (container: { readonly podUid: string; readonly container: string }) => boolean
  /** Runs a command in a running container. @returns its exit code */
  readonly exec: (request: ExecRequest) => Promise<number>
  /** Joins the streams of a container's program. Resolves when it ends, or when the client is gone. */
  readonly attach: (request: AttachRequest) => Promise<void>
  /** Connects to a port of the pod from within it. @throws in the words of the failed connect */
  readonly connect: (request: { readonly podUid: string; readonly port: number }) => Promise<Duplex>
  /** @returns undefined for a pod of which nothing runs here */
  readonly podUsage: (podUid: string) => PodUsage | undefined
  readonly nodeUsage: () => NodeUsage
}
