import type { KubeTransport } from '../../src/kube/client/index.ts'

/** A transport that can be shut, as a client's network can: what is open ends, and nothing goes through. */
export interface Gate {
  readonly transport: KubeTransport
  readonly shut: () => void
  readonly open: () => void
}

export function createGate(inner: KubeTransport): Gate {
  let shutting: AbortController | undefined = new AbortController()
  const signalOf = (): AbortSignal => {
    if (!shutting) throw new Error('the network is away')
    return shutting.signal
  }
  return {
    transport: {
      request: async (request) =>
        inner.request(request.signal ? request : { ...request, signal: signalOf() }),
      watch: (request) => inner.watch({ ...request, signal: AbortSignal.any([request.signal, signalOf()]) }),
      stream: (request) => inner.stream(request),
      close: () => inner.close(),
    },
    shut() {
      shutting?.abort(new Error('the network goes away'))
      shutting = undefined
    },
    open() {
      shutting ??= new AbortController()
    },
  }
}
