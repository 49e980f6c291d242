import type { EndpointSlice, Service } from '../../kube/index.ts'

/** One port of a Service or endpoint, as a question names it: `_http._tcp`. */
export interface NamedPort {
  readonly name: string
  readonly protocol: string
  readonly port: number
}

export interface EndpointRecord {
  /** The pod's hostname where it has one, its address with dashes otherwise. */
  readonly hostname: string
  readonly address: string
  readonly ports: readonly NamedPort[]
}

/** What the name server knows of one Service. Only endpoints that may be published are kept. */
export interface ServiceRecord {
  readonly namespace: string
  readonly name: string
  readonly target:
    | {
        readonly kind: 'virtual'
        readonly addresses: readonly string[]
        readonly ports: readonly NamedPort[]
      }
    | { readonly kind: 'headless' }
    | { readonly kind: 'external'; readonly host: string }
  readonly endpoints: readonly EndpointRecord[]
}

export function serviceRecord(service: Service, slices: readonly EndpointSlice[]): ServiceRecord {
  const { namespace = 'default', name } = service.metadata
  return { namespace, name, target: targetOf(service), endpoints: endpointsOf(slices) }
}

function targetOf(service: Service): ServiceRecord['target'] {
  const { type, externalName, clusterIP, clusterIPs, ports } = service.spec
  if (type === 'ExternalName')
    return { kind: 'external', host: withoutDot((externalName ?? '').toLowerCase()) }
  if (clusterIP === undefined || clusterIP === '' || clusterIP === 'None') return { kind: 'headless' }
  return {
    kind: 'virtual',
    addresses: clusterIPs ?? [clusterIP],
    ports: (ports ?? []).map((port) => ({
      name: port.name ?? '',
      protocol: (port.protocol ?? 'TCP').toLowerCase(),
      port: port.port,
    })),
  }
}

/** `ready` says it all: a Service that publishes addresses which are not ready has slices that call them ready. */
function endpointsOf(slices: readonly EndpointSlice[]): readonly EndpointRecord[] {
  const byAddress = new Map<string, EndpointRecord>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6') continue
    const ports = (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
      port === undefined ? [] : [{ name: name ?? '', protocol: (protocol ?? 'TCP').toLowerCase(), port }],
    )
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue
      for (const address of endpoint.addresses) {
        const known = byAddress.get(address)
        byAddress.set(address, {
          hostname: endpoint.hostname?.toLowerCase() ?? known?.hostname ?? dashed(address),
          address,
          ports: [...(known?.ports ?? []), ...ports],
        })
      }
    }
  }
  return [...byAddress.values()]
}

function dashed(address: string): string {
  return address.replaceAll(/[.:]/g, '-')
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
