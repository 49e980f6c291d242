import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import { encodeSpans, type FinishedSpan, type SpanAttribute } from '../../telemetry/index.ts'

/** Takes spans that are over and sends them, many at a time, when the proxy has nothing better to do. */
export interface SpanExporter {
  readonly add: (span: FinishedSpan) => void
  readonly counters: ExportCounters
  /** Sends what there is, once, and ends. */
  readonly close: () => void
}

export interface ExportCounters {
  sent: number
  /** Thrown away: the queue was full, the collector did not take them, or was not there. */
  dropped: number
  exports: number
  failures: number
}

/** Sends one export. @throws when it was not taken; @returns the spans that the collector did not want */
export interface SpanTransport {
  readonly send: (request: Uint8Array) => Promise<{ readonly rejected: number; readonly message: string }>
  readonly close: () => void
}

/** Spans that wait; OpenTelemetry's defaults for a batch. */
export const QUEUE_SPANS_MAX = 2048
const BATCH_SPANS_MAX = 512
const BATCH_MS = 1000
/** A collector that fails is left alone for longer and longer. */
const WAIT_MS_MAX = 30_000

export function createSpanExporter(options: {
  readonly transport: SpanTransport
  readonly resource: () => readonly SpanAttribute[]
  readonly scope: { readonly name: string; readonly version: string }
  readonly clock: Clock
  readonly logger: Logger
}): SpanExporter {
  const { transport, clock, logger } = options
  const counters: ExportCounters = { sent: 0, dropped: 0, exports: 0, failures: 0 }
  let waiting: FinishedSpan[] = []
  let sending = false
  let closed = false
  let failuresInRow = 0
  let cancelTimer: (() => void) | undefined

  function schedule(ms: number): void {
    cancelTimer ??= clock.after(ms, () => {
      cancelTimer = undefined
      void flush()
    })
  }

  function nextWait(): number {
    return failuresInRow === 0 ? BATCH_MS : Math.min(WAIT_MS_MAX, BATCH_MS * 2 ** failuresInRow)
  }

  /** One export at a time: a slow collector makes batches larger, and then drops, never a crowd of calls. */
  async function flush(): Promise<void> {
    if (sending || waiting.length === 0) return
    sending = true
    const batch = waiting.slice(0, BATCH_SPANS_MAX)
    waiting = waiting.slice(BATCH_SPANS_MAX)
    counters.exports++
    try {
      const { rejected, message } = await transport.send(
        encodeSpans(batch, options.resource(), options.scope),
      )
      counters.sent += batch.length - rejected
      counters.dropped += rejected
      if (rejected > 0) logger.warn(`the collector did not want ${rejected} spans: ${message}`)
      failuresInRow = 0
    } catch (error) {
      counters.dropped += batch.length
      counters.failures++
      failuresInRow++
      if (failuresInRow === 1) logger.warn(`spans are not taken by the collector: ${messageOf(error)}`)
    }
    sending = false
    if (closed) transport.close()
    else if (waiting.length >= BATCH_SPANS_MAX && failuresInRow === 0) schedule(0)
    else if (waiting.length > 0) schedule(nextWait())
  }

  return {
    counters,
    add(span) {
      if (closed || waiting.length >= QUEUE_SPANS_MAX) {
        counters.dropped++
        return
      }
      waiting.push(span)
      if (sending) return
      if (waiting.length === BATCH_SPANS_MAX && failuresInRow === 0) {
        cancelTimer?.()
        cancelTimer = undefined
        schedule(0)
      } else schedule(nextWait())
    },
    close() {
      if (closed) return
      closed = true
      cancelTimer?.()
      cancelTimer = undefined
      if (waiting.length === 0 && !sending) transport.close()
      else void flush()
    },
  }
}
