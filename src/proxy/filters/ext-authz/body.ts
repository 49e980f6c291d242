import type { ExternalAuthorizer } from '../../../model/index.ts'
import type { Exchange } from '../../exchange/types.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Waits for the part of a request's body that a service gets to see.
 * @param done gets undefined when the body is longer than may be
 */
export function gatherBody(
  exchange: Exchange,
  wanted: ExternalAuthorizer['body'],
  done: (body: Buffer | undefined) => void,
): void {
  const { kept } = exchange
  if (wanted === undefined || !exchange.hasBody || kept === undefined) return done(NOTHING)
  const look = (): void => {
    const isLonger = kept.bytes > wanted.bytesMax
    if (!isLonger && !exchange.requestDone && kept.bytes < wanted.bytesMax) return
    exchange.onBody = undefined
    if (isLonger && !wanted.mayBePartial) done(undefined)
    // What may be cut off need not be known to be complete; what may not has to be.
    else if (wanted.mayBePartial || exchange.requestDone)
      done(Buffer.concat(kept.chunks).subarray(0, wanted.bytesMax))
    else exchange.onBody = look
  }
  exchange.onBody = look
  look()
}
