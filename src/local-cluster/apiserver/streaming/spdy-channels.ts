import type { Duplex } from 'node:stream'
import type { Logger } from '../../../base/index.ts'
import type { TerminalSize } from '../node-api.ts'
import type { UpgradeConnection } from '../request.ts'
import {
  createSizeParser,
  endStream,
  type RemoteChannels,
  type RemoteStatus,
  type WantedStreams,
} from './remote-channels.ts'
import { serveSpdy } from './spdy/connection.ts'
import { answerSpdyUpgrade } from './spdy/upgrade.ts'

/** Best first. Version 4 says the exit code as a Status, 3 has terminal sizes, 2 neither. */
export const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io'] as const

/** How long a client may take to open the streams that its query promises. */
const STREAMS_WAIT_MS = 30_000

/** @throws when the client does not open its streams */
export async function spdyChannels(
  connection: UpgradeConnection,
  options: { readonly protocol: string; readonly wanted: WantedStreams; readonly logger: Logger },
): Promise<RemoteChannels> {
  const { protocol, wanted } = options
  answerSpdyUpgrade(connection, protocol)
  const expected = streamTypes(protocol, wanted)
  const opened = new Map<string, Duplex>()
  let complete = () => {}
  const allOpen = new Promise<void>((resolve) => {
    complete = resolve
  })
  const gone = new AbortController()
  const spdy = serveSpdy({
    transport: connection.socket,
    head: connection.head,
    onStream(stream, headers) {
      const type = headers['streamtype'] ?? ''
      if (!expected.includes(type) || opened.has(type)) return `no stream of type "${type}" is expected`
      opened.set(type, stream)
      if (opened.size === expected.length) complete()
      return undefined
    },
    onError: (error) => options.logger.debug('a streaming connection broke', { error: error.message }),
  })
  const lost = spdy.closed.then(() => gone.abort(new Error('the client went away')))
  await Promise.race([allOpen, lost, timeout(STREAMS_WAIT_MS)])
  if (opened.size < expected.length) {
    spdy.end()
    throw new Error(
      `the client has opened ${opened.size} of ${expected.length} streams (${expected.join(', ')})`,
    )
  }
  return channelsOf(opened, { protocol, signal: gone.signal, end: () => spdy.end() })
}

function channelsOf(
  opened: ReadonlyMap<string, Duplex>,
  connection: { readonly protocol: string; readonly signal: AbortSignal; readonly end: () => void },
): RemoteChannels {
  const stdout = opened.get('stdout')
  const stderr = opened.get('stderr')
  const errors = opened.get('error')
  // Clients close their half of what they only read; that end must be taken note of.
  for (const stream of [stdout, stderr, errors]) stream?.resume()
  return {
    stdin: opened.get('stdin'),
    stdout,
    stderr,
    onResize(listener: (size: TerminalSize) => void) {
      const parse = createSizeParser()
      opened.get('resize')?.on('data', (bytes: Uint8Array) => {
        for (const size of parse(bytes)) listener(size)
      })
    },
    signal: connection.signal,
    async finish(status) {
      await Promise.all([endStream(stdout), endStream(stderr)])
      const words = errorWords(connection.protocol, status)
      if (words !== '') errors?.write(words)
      await endStream(errors)
      connection.end()
    },
  }
}

function streamTypes(protocol: string, wanted: WantedStreams): readonly string[] {
  return [
    'error',
    ...(wanted.stdin ? ['stdin'] : []),
    ...(wanted.stdout ? ['stdout'] : []),
    ...(wanted.stderr ? ['stderr'] : []),
    ...(wanted.tty && protocol !== 'v2.channel.k8s.io' ? ['resize'] : []),
  ]
}

/** Before version 4 any word on the error stream was an error. */
function errorWords(protocol: string, status: RemoteStatus): string {
  if (protocol === 'v4.channel.k8s.io') return JSON.stringify(status)
  return status.status === 'Success' ? '' : (status.message ?? 'the command failed')
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
