import { hkdfSync } from 'node:crypto'

/** The key that TLS sessions are sealed with at the moment: another every hour, so that none is worth stealing. */
export interface TicketKeys {
  /** 48 bytes; the same object as long as it holds. */
  readonly current: () => Buffer
}

/** Longer than sessions are kept by clients of ours (5 minutes), so that few of them meet the change. */
const ROTATION_MS = 3_600_000
const KEY_BYTES = 48

/**
 * Whoever has the secret makes the same keys at the same time, so that threads and successors of a process resume each
 * other's sessions without a word between them.
 */
export function createTicketKeys(options: {
  readonly secret: Buffer
  /** Milliseconds since the Unix epoch, since the others count the same hours. */
  readonly now: () => number
}): TicketKeys {
  let epoch = -1
  let key: Buffer = Buffer.alloc(0)
  return {
    current() {
      const now = Math.floor(options.now() / ROTATION_MS)
      if (now !== epoch) {
        epoch = now
        key = Buffer.from(hkdfSync('sha256', options.secret, '', `lateen TLS tickets ${epoch}`, KEY_BYTES))
      }
      return key
    },
  }
}
