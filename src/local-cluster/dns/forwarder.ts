import { type Clock, type Logger, messageOf, type Random, randomIndex } from '../../base/index.ts'
import { HEADER_BYTES, RCODE, rcodeOf, type Transport } from './message.ts'
import { type UpstreamAddress, askOverTcp, askOverUdp, parseUpstream } from './upstream.ts'

/** Queries that wait for an upstream at the same time; more are told to come back. */
const UNDER_WAY_MAX = 256
/** What a client waits at most: shorter than a stub resolver's own patience (5 s), so that it hears from us. */
const TOTAL_MS = 1_500
/** One lost datagram is not the end. */
const TRIES_MIN = 2

export type ForwardResult =
  | { readonly kind: 'answered'; readonly bytes: Buffer }
  /** The host has no name server: there is no world outside the cluster. */
  | { readonly kind: 'no-upstream' }
  | { readonly kind: 'failed'; readonly reason: string }

/** Asks the host's name servers, one after the other, within one bounded time. */
export interface Forwarder {
  /** @param query a whole message; its answer carries the same id */
  readonly ask: (query: Buffer, transport: Transport) => Promise<ForwardResult>
  readonly stop: () => void
}

export function createForwarder(options: {
  readonly upstreams: () => readonly string[]
  /** Never asked: a question would come back to us. */
  readonly self: { readonly address: string; readonly port: number }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): Forwarder {
  const { clock, random, logger, self } = options
  const stopping = new AbortController()
  let underWay = 0

  const tryAll = async (query: Buffer, transport: Transport): Promise<ForwardResult> => {
    const upstreams = options
      .upstreams()
      .flatMap((text) => parseUpstream(text) ?? [])
      .filter((one) => one.address !== self.address || one.port !== self.port)
    if (upstreams.length === 0) return { kind: 'no-upstream' }
    const deadline = clock.monotonic() + TOTAL_MS
    const tries = Math.max(TRIES_MIN, upstreams.length)
    let last: ForwardResult = { kind: 'failed', reason: 'no upstream was tried' }
    for (let index = 0; index < tries; index++) {
      const leftMs = deadline - clock.monotonic()
      if (leftMs <= 0 || stopping.signal.aborted) break
      const upstream = upstreams[index % upstreams.length] as UpstreamAddress
      last = await tryOne(upstream, query, transport, leftMs / (tries - index))
      if (last.kind === 'answered' && !isRefusal(last.bytes)) return last
    }
    return last
  }

  const tryOne = async (
    upstream: UpstreamAddress,
    query: Buffer,
    transport: Transport,
    timeoutMs: number,
  ): Promise<ForwardResult> => {
    const abort = new AbortController()
    const cancel = clock.after(timeoutMs, () => abort.abort(new Error('no answer in time')))
    const onStop = () => abort.abort(stopping.signal.reason)
    stopping.signal.addEventListener('abort', onStop, { once: true })
    // An id of our own: the client's is known to whoever shares its network.
    const renamed = Buffer.from(query)
    renamed.writeUInt16BE(randomIndex(random, 65_536), 0)
    try {
      const ask = transport === 'udp' ? askOverUdp : askOverTcp
      const bytes = Buffer.from(await ask(upstream, renamed, abort.signal))
      bytes.writeUInt16BE(query.readUInt16BE(0), 0)
      return { kind: 'answered', bytes }
    } catch (error) {
      const reason = `${upstream.address}:${upstream.port}: ${messageOf(error)}`
      logger.debug('an upstream name server gave no answer', {
        upstream: upstream.address,
        error: messageOf(error),
      })
      return { kind: 'failed', reason }
    } finally {
      cancel()
      stopping.signal.removeEventListener('abort', onStop)
    }
  }

  return {
    async ask(query, transport) {
      if (query.length < HEADER_BYTES) return { kind: 'failed', reason: 'the query is too short' }
      if (underWay >= UNDER_WAY_MAX)
        return { kind: 'failed', reason: `${UNDER_WAY_MAX} queries are under way` }
      underWay += 1
      try {
        return await tryAll(query, transport)
      } finally {
        underWay -= 1
      }
    },
    stop: () => stopping.abort(new Error('the name server stops')),
  }
}

/** Another upstream may know better. */
function isRefusal(bytes: Buffer): boolean {
  const rcode = rcodeOf(bytes)
  return rcode === RCODE.serverFailure || rcode === RCODE.refused || rcode === RCODE.notImplemented
}
