import type { IncomingMessage, ServerResponse } from 'node:http'
import { BODY_MAX_BYTES } from '../decode.ts'
import type { RequestBody } from '../request.ts'
import { tooLarge, tooManyRequests } from '../status-error.ts'

/** Reads bodies, and holds no more of them than fit. */
export interface BodyReader {
  /** @throws StatusError 413 for one that is too long, 429 when too much is held for others */
  readonly read: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<RequestBody>
}

/**
 * Of all bodies together, from their first byte until the answer is sent: what is made of them in between takes some
 * ten times as much. Twenty writers of the largest objects fit.
 */
const HELD_MAX_BYTES = 20 * BODY_MAX_BYTES
const RETRY_AFTER_SECONDS = 1

export function createBodyReader(heldMaxBytes: number = HELD_MAX_BYTES): BodyReader {
  let held = 0
  return {
    async read(incoming, outgoing) {
      let size = 0
      const chunks: Buffer[] = []
      outgoing.once('close', () => {
        held -= size
        size = 0
      })
      // Whoever is refused in the middle of a body still gets an answer, so the connection is left alone.
      for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
        const bytes = chunk as Buffer
        if (size + bytes.length > BODY_MAX_BYTES) throw tooLarge(BODY_MAX_BYTES)
        if (held + bytes.length > heldMaxBytes)
          throw tooManyRequests('too many requests, please try again later', RETRY_AFTER_SECONDS)
        size += bytes.length
        held += bytes.length
        chunks.push(bytes)
      }
      const [only] = chunks
      return { kind: 'bytes', bytes: chunks.length === 1 && only ? only : Buffer.concat(chunks) }
    },
  }
}
