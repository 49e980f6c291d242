import type { Duplex, Readable, Writable } from 'node:stream'
import type { TerminalSize } from '../node-api.ts'

/** Which streams a client has asked for. */
export interface WantedStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** How a command ended, as the error channel says it (protocol version 4: a Status). */
export interface RemoteStatus {
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] }
  readonly code?: number
}

/** The streams of one exec or attach, whatever carries them. */
export interface RemoteChannels {
  readonly stdin: Readable | undefined
  readonly stdout: Writable | undefined
  readonly stderr: Writable | undefined
  readonly onResize: (listener: (size: TerminalSize) => void) => void
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Ends the outputs, then says how the command ended, then closes the connection. */
  readonly finish: (status: RemoteStatus) => Promise<void>
}

export function successStatus(): RemoteStatus {
  return { metadata: {}, status: 'Success' }
}

/** @param exitCode 0 is a success */
export function exitStatus(exitCode: number): RemoteStatus {
  if (exitCode === 0) return successStatus()
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

export function errorStatus(message: string): RemoteStatus {
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 }
}

/** Sizes come as one JSON object after another, with or without line ends between them. */
export function createSizeParser(): (bytes: Uint8Array) => readonly TerminalSize[] {
  let text = ''
  return (bytes) => {
    text = (text + Buffer.from(bytes).toString('utf8')).slice(-SIZE_TEXT_MAX)
    const sizes: TerminalSize[] = []
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = parseSize(text.slice(0, end + 1))
      if (size !== undefined) sizes.push(size)
      text = text.slice(end + 1)
    }
    return sizes
  }
}

const SIZE_TEXT_MAX = 1024
const SIDE_MAX = 65_535

function parseSize(text: string): TerminalSize | undefined {
  const member = (name: string): number => {
    const value = Number(new RegExp(`"${name}"\\s*:\\s*(\\d{1,5})`, 'i').exec(text)?.[1])
    return value > 0 && value <= SIDE_MAX ? value : Number.NaN
  }
  const columns = member('Width')
  const rows = member('Height')
  return Number.isNaN(columns) || Number.isNaN(rows) ? undefined : { columns, rows }
}

/** Ends a stream and waits until everything in it is on its way. A stream that broke is over as well. */
export function endStream(stream: Writable | Duplex | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.writableFinished) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      stream.removeListener('finish', finish)
      stream.removeListener('close', finish)
      resolve()
    }
    stream.once('finish', finish)
    stream.once('close', finish)
    if (!stream.writableEnded) stream.end()
  })
}
