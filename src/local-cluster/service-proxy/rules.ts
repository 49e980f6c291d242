import { createHash } from 'node:crypto'
import type { EndpointSlice, Service } from '../../kube/index.ts'

/** The content of the nftables table: chains with their rules, and the elements of its two verdict maps. */
export interface RuleSet {
  /** Chain name → rules, one statement a line. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** `address . protocol . port` → chain. */
  readonly addresses: ReadonlyMap<string, string>
  /** `protocol . port` → chain. */
  readonly nodePorts: ReadonlyMap<string, string>
}

export interface ServiceEndpoint {
  readonly address: string
  readonly port: number
}

interface PortOfService {
  readonly id: string
  readonly protocol: string
  readonly endpoints: readonly ServiceEndpoint[]
}

/** The chain that refuses connections to a Service without endpoints, as kube-proxy does. */
export const REFUSE_CHAIN = 'refuse'

const SLICE_SERVICE = 'kubernetes.io/service-name'

/** What the rules have to be for these Services; the same input always gives the same names. */
export function ruleSetFor(services: readonly Service[], slices: readonly EndpointSlice[]): RuleSet {
  const byService = groupSlices(slices)
  const chains = new Map<string, readonly string[]>()
  const addresses = new Map<string, string>()
  const nodePorts = new Map<string, string>()
  for (const service of services) {
    const clusterIp = service.spec?.clusterIP
    if (
      clusterIp === undefined ||
      clusterIp === 'None' ||
      clusterIp === '' ||
      service.spec?.type === 'ExternalName'
    )
      continue
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    const reachable = [clusterIp, ...loadBalancerAddresses(service), ...(service.spec?.externalIPs ?? [])]
    for (const port of service.spec?.ports ?? []) {
      const protocol = (port.protocol ?? 'TCP').toLowerCase()
      const endpoints = endpointsOf(byService.get(key) ?? [], port.name ?? '', port.protocol ?? 'TCP')
      const chain = addPort({ id: `${key}/${port.port}/${protocol}`, protocol, endpoints }, chains)
      for (const address of reachable) addresses.set(`${address} . ${protocol} . ${port.port}`, chain)
      if (port.nodePort !== undefined && port.nodePort > 0)
        nodePorts.set(`${protocol} . ${port.nodePort}`, chain)
    }
  }
  return { chains, addresses, nodePorts }
}

/** Addresses and ports of the endpoints that take new connections: the ready ones. */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: string,
): readonly ServiceEndpoint[] {
  const found = new Map<string, ServiceEndpoint>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== portName || (port.protocol ?? 'TCP') !== protocol || port.port === undefined)
        continue
      for (const endpoint of slice.endpoints ?? []) {
        const address = endpoint.addresses[0]
        if (address === undefined || endpoint.conditions?.ready === false) continue
        found.set(`${address}:${port.port}`, { address, port: port.port })
      }
    }
  }
  return [...found.values()].sort((a, b) => `${a.address}:${a.port}`.localeCompare(`${b.address}:${b.port}`))
}

/** @returns the chain that serves the port */
function addPort(port: PortOfService, chains: Map<string, readonly string[]>): string {
  if (port.endpoints.length === 0) return REFUSE_CHAIN
  const chain = `svc-${shortHash(port.id)}`
  const targets = port.endpoints.map((endpoint) => {
    const name = `ep-${shortHash(`${port.id} ${endpoint.address}:${endpoint.port}`)}`
    chains.set(name, [
      // A pod that reaches itself through its Service would see its own address as the caller's and drop the packet.
      `ip saddr ${endpoint.address} meta mark set meta mark | 0x4000`,
      `meta l4proto ${port.protocol} dnat to ${endpoint.address}:${endpoint.port}`,
    ])
    return name
  })
  const choices = targets.map((name, index) => `${index} : goto ${name}`).join(', ')
  chains.set(chain, [
    targets.length === 1 ? `goto ${targets[0]}` : `numgen random mod ${targets.length} vmap { ${choices} }`,
  ])
  return chain
}

function groupSlices(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>()
  for (const slice of slices) {
    const service = slice.metadata.labels?.[SLICE_SERVICE]
    if (service === undefined) continue
    const key = `${slice.metadata.namespace}/${service}`
    const group = groups.get(key)
    if (group) group.push(slice)
    else groups.set(key, [slice])
  }
  return groups
}

function loadBalancerAddresses(service: Service): readonly string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap((ingress) => ingress.ip ?? [])
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
