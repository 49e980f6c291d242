import { systemClock } from '../../src/base/index.ts'
import {
  ApiError,
  createKubeClient,
  type KubeClient,
  type KubeTransport,
  type TransportRequest,
} from '../../src/kube/client/index.ts'

/** A client of the API server whose writes are seen, and whose watches can be ended. */
export interface CountingClient {
  readonly client: KubeClient
  /** The objects whose status was written since this was asked last, in order, each as often as it was. */
  readonly statusWrites: () => readonly string[]
  /** Ends every watch as a server does that has forgotten the revision: all kinds are listed again. */
  readonly expireWatches: () => void
}

const GONE = { kind: 'Status', status: 'Failure', reason: 'Expired', message: 'too old', code: 410 }

/** By so much events come after the answer to the request that caused them, as they may over a network. */
const EVENTS_LATE_MS = 3

export function createCountingClient(transport: KubeTransport): CountingClient {
  let written: string[] = []
  const watches = new Set<AbortController>()

  /** `httproutes/shop` of `/apis/<group>/<version>/namespaces/<namespace>/httproutes/shop/status` */
  function note({ method, path }: TransportRequest): void {
    const [what, name, plural] = path.split('/').toReversed()
    if (method !== 'GET' && what === 'status') written.push(`${plural}/${name}`)
  }

  async function* watch(request: TransportRequest & { readonly signal: AbortSignal }) {
    const expiry = new AbortController()
    watches.add(expiry)
    try {
      const signal = AbortSignal.any([request.signal, expiry.signal])
      for await (const frames of transport.watch({ ...request, signal })) {
        await systemClock.sleep(EVENTS_LATE_MS)
        yield frames
      }
      if (expiry.signal.aborted) throw new ApiError(410, GONE)
    } finally {
      watches.delete(expiry)
    }
  }

  return {
    client: createKubeClient({
      ...transport,
      request(request) {
        note(request)
        return transport.request(request)
      },
      watch,
    }),
    statusWrites() {
      const all = written
      written = []
      return all
    },
    expireWatches() {
      for (const expiry of watches) expiry.abort()
    },
  }
}
