import type { Endpoint, EndpointSlice } from '../../kube/index.ts'

export interface ServiceEndpoint {
  readonly address: string
  readonly port: number
}

/** Which endpoints serve a port, for those who may use all of them and for those who may use this node's only. */
export interface EndpointChoice {
  readonly cluster: readonly ServiceEndpoint[]
  readonly local: readonly ServiceEndpoint[]
}

interface Candidate extends ServiceEndpoint {
  readonly isReady: boolean
  readonly isLocal: boolean
}

/**
 * The ready endpoints; where there are none, those that still serve while they end, so that the last pods of a Service
 * answer until they are gone. Each of the two choices falls back by itself.
 * @see Kubernetes, ProxyTerminatingEndpoints
 */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  wanted: {
    readonly portName: string
    readonly protocol: string
    readonly nodeName: string
    readonly addressType: 'IPv4' | 'IPv6'
  },
): EndpointChoice {
  const found = new Map<string, Candidate>()
  for (const slice of slices) {
    if (slice.addressType !== wanted.addressType) continue
    for (const { name, protocol, port } of slice.ports ?? []) {
      if ((name ?? '') !== wanted.portName || (protocol ?? 'TCP') !== wanted.protocol || port === undefined)
        continue
      for (const endpoint of slice.endpoints ?? []) {
        const [address] = endpoint.addresses
        if (address === undefined || !(isReady(endpoint) || isEnding(endpoint))) continue
        const isLocal = endpoint.nodeName === wanted.nodeName
        found.set(`${address}:${port}`, { address, port, isReady: isReady(endpoint), isLocal })
      }
    }
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
  return { cluster: usable(sorted), local: usable(sorted.filter((one) => one.isLocal)) }
}

/** What is not said is so. */
function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready !== false
}

function isEnding({ conditions }: Endpoint): boolean {
  return conditions?.terminating === true && conditions.serving === true
}

function usable(candidates: readonly Candidate[]): readonly ServiceEndpoint[] {
  const ready = candidates.filter((one) => one.isReady)
  return (ready.length > 0 ? ready : candidates).map(({ address, port }) => ({ address, port }))
}
