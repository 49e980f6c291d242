import { SLAB_BYTES } from './slabs.ts'
import type { Exchange, KeptBody } from './types.ts'

/** Request bytes kept for another try (Envoy would keep up to its buffer limit). */
export const KEPT_BYTES_MAX = 64 * 1024
/** Below this a run gets memory of its own size: a slab would be mostly empty. */
const SLAB_RUN_MIN = SLAB_BYTES / 2
/** From here on the body is kept until there is somebody to send it to. */
export function keepForLater(exchange: Exchange): void {
  if (exchange.hasBody) exchange.kept ??= { chunks: [], slabs: [], bytes: 0, overflowed: false }
}

/** Adds a run of body bytes. */
export function keepBytes(
  exchange: Exchange,
  kept: KeptBody,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const length = end - start
  kept.bytes += length
  if (length < SLAB_RUN_MIN || length > SLAB_BYTES) {
    kept.chunks.push(Buffer.copyBytesFrom(bytes, start, length))
    return
  }
  const slab = exchange.context.thread.slabs.take()
  bytes.copy(slab, 0, start, end)
  kept.slabs.push(slab)
  kept.chunks.push(slab.subarray(0, length))
}

/** More than may be kept: it can be sent once, not again. */
export function limitKept(exchange: Exchange, kept: KeptBody): void {
  if (kept.bytes <= KEPT_BYTES_MAX) return
  kept.overflowed = true
  empty(exchange, kept)
}

/** There will be no other try. */
export function dropKept(exchange: Exchange): void {
  const { kept } = exchange
  if (kept === undefined) return
  exchange.kept = undefined
  empty(exchange, kept)
}

function empty(exchange: Exchange, kept: KeptBody): void {
  const { slabs } = exchange.context.thread
  for (const slab of kept.slabs) slabs.give(slab)
  kept.slabs.length = kept.chunks.length = 0
}
