import type { ProxiedAddresses } from '../proxy-protocol/read.ts'
import type { Http1Pool } from './http1-pool.ts'
import type { Http2Pool } from './http2-pool.ts'

export interface Pools {
  readonly http1: Http1Pool
  readonly http2: Http2Pool
}

/** Whose connections they are: one connection of a client. */
interface ClientEnds {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
}

/**
 * Connections to an endpoint that is told whose they are, so that each of them serves one connection of a client.
 * @see Envoy, upstream PROXY protocol: its addresses are part of the pool's key
 */
export interface ClientPools {
  readonly of: (client: ClientEnds) => Pools
  readonly idle: () => number
  readonly remove: () => void
}

/** Clients whose connections are kept for their next request; of more, those that came first are closed when idle. */
const CLIENTS_MAX = 1024

export function createClientPools(options: {
  readonly make: (addresses: ProxiedAddresses) => Pools
}): ClientPools {
  const known = new Map<string, Pools>()

  function forgetFirst(): void {
    const [first] = known
    if (first === undefined) return
    known.delete(first[0])
    removePools(first[1])
  }

  return {
    of({ remoteAddress, remotePort, localAddress, localPort }) {
      const id = `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
      let pools = known.get(id)
      if (pools === undefined) {
        if (known.size >= CLIENTS_MAX) forgetFirst()
        pools = options.make({
          source: { address: remoteAddress, port: remotePort },
          destination: { address: localAddress, port: localPort },
        })
        known.set(id, pools)
      }
      return pools
    },
    idle: () => known.values().reduce((sum, { http1, http2 }) => sum + http1.idle() + http2.idle(), 0),
    remove() {
      for (const pools of known.values()) removePools(pools)
      known.clear()
    },
  }
}

function removePools({ http1, http2 }: Pools): void {
  http1.remove()
  http2.remove()
}
