import { randomFillSync } from 'node:crypto'

export interface TraceIdSource {
  /** 32 hexadecimal digits. */
  readonly traceId: () => string
  /** 16 hexadecimal digits. */
  readonly spanId: () => string
}

const POOL_BYTES = 4096
const TRACE_BYTES = 16
const SPAN_BYTES = 8

/** Random bytes are fetched many at a time: one call of the generator costs more than an id. */
export function createTraceIds(): TraceIdSource {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let at = POOL_BYTES

  function take(bytes: number): string {
    if (at + bytes > POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    const id = pool.toString('hex', at, at + bytes)
    at += bytes
    // All zeros would mean that there is none.
    return /[^0]/.test(id) ? id : take(bytes)
  }

  return { traceId: () => take(TRACE_BYTES), spanId: () => take(SPAN_BYTES) }
}
