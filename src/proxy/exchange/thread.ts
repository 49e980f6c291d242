import { randomFillSync } from 'node:crypto'
import type { Clock, Random } from '../../base/index.ts'
import type { SharedTokens } from '../filters/rate-limit/shared-tokens.ts'
import { createFraming } from '../http1/framing.ts'
import { createBlockPool, createHeadBlock } from '../http1/head-block.ts'
import { createOutBuffer } from '../http1/out-buffer.ts'
import { createHttp2Thread } from '../http2/connection.ts'
import type { SharedLoads } from '../upstream/shared-load.ts'
import { createTimerWheel } from '../net/timer-wheel.ts'
import { createSlabs } from './slabs.ts'
import { createRequestIds } from './request-id.ts'
import type { ProxyThread } from './types.ts'

const READ_BYTES = 64 * 1024

export function createProxyThread(options: {
  readonly clock: Clock
  readonly random: Random
  /** Absent: it is the only thread. */
  readonly tokens?: SharedTokens
  /** Absent: as for tokens. */
  readonly loads?: SharedLoads
  /** Calls back after all sockets that had something to read. @default setImmediate */
  readonly defer?: (callback: () => void) => void
}): ProxyThread {
  const wheel = createTimerWheel(options.clock)
  const blocks = createBlockPool()
  return {
    clock: options.clock,
    random: options.random,
    tokens: options.tokens,
    loads: options.loads,
    wheel,
    out: createOutBuffer(options.defer),
    readBuffer: Buffer.allocUnsafeSlow(READ_BYTES),
    blocks,
    slabs: createSlabs(),
    responseBlock: createHeadBlock(),
    framing: createFraming(),
    target: { method: '', authority: '', path: '' },
    http2: createHttp2Thread({
      clock: options.clock,
      wheel,
      blocks,
      ...(options.defer !== undefined && { defer: options.defer }),
    }),
    edgeLines: { address: '', forwardedFor: '', external: '' },
    requestId: createRequestIds(randomFillSync),
    httpDate: createHttpDate(options.clock),
  }
}

/** `Tue, 15 Nov 1994 08:12:31 GMT`, formatted once a second. */
function createHttpDate(clock: Clock): () => string {
  let second = -1
  let text = ''
  return () => {
    const now = Math.floor(clock.now() / 1000)
    if (now !== second) {
      second = now
      text = new Date(now * 1000).toUTCString()
    }
    return text
  }
}
