import type { IncomingMessage, ServerResponse } from 'node:http'
import { BODY_MAX_BYTES } from '../decode.ts'
import type { RequestBody } from '../request.ts'
import { type StatusError, tooLarge, tooManyRequests } from '../status-error.ts'

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
      outgoing.once('close', () => {
        held -= size
        size = 0
      })
      return readChunks(incoming, (bytes) => {
        if (size + bytes.length > BODY_MAX_BYTES) return tooLarge(BODY_MAX_BYTES)
        if (held + bytes.length > heldMaxBytes)
          return tooManyRequests('too many requests, please try again later', RETRY_AFTER_SECONDS)
        size += bytes.length
        held += bytes.length
        return undefined
      })
    },
  }
}

/**
 * By events, since an async iterator costs as much as the rest of reading a small body.
 * @param refuse whoever is refused in the middle of a body still gets an answer, so the connection is left alone
 */
function readChunks(
  incoming: IncomingMessage,
  refuse: (bytes: Buffer) => StatusError | undefined,
): Promise<RequestBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const onData = (bytes: Buffer) => {
      const refusal = refuse(bytes)
      if (refusal === undefined) {
        chunks.push(bytes)
        return
      }
      incoming.off('data', onData)
      incoming.pause()
      reject(refusal)
    }
    const onEnd = () => {
      const [only] = chunks
      resolve({ kind: 'bytes', bytes: chunks.length === 1 && only ? only : Buffer.concat(chunks) })
    }
    const onClose = () => {
      if (!incoming.readableEnded) reject(new Error('the client went away before the end of its request'))
    }
    if (incoming.readableEnded) return onEnd()
    if (incoming.destroyed) return onClose()
    incoming.on('data', onData)
    incoming.on('end', onEnd)
    incoming.on('error', reject)
    incoming.on('close', onClose)
    return undefined
  })
}
