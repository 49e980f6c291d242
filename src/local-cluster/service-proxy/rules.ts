import { createHash } from 'node:crypto'
import { deepEqual } from '../../base/index.ts'
import type { EndpointSlice, Service, ServicePort } from '../../kube/index.ts'
import { type EndpointChoice, endpointsOf, type ServiceEndpoint } from './endpoints.ts'

/** As nftables calls them. */
export type Family = 'ip' | 'ip6'

/** The content of one family's nftables table: chains with their rules, sets of clients, and the elements of its two verdict maps. */
export interface RuleSet {
  readonly family: Family
  /** Chain name → rules, one statement a line. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Set of clients that keep to an endpoint → seconds after which they may get another. */
  readonly clients: ReadonlyMap<string, number>
  /** `address . protocol . port` → chain. */
  readonly addresses: ReadonlyMap<string, string>
  /** `protocol . port` → chain. */
  readonly nodePorts: ReadonlyMap<string, string>
}

/** Where the rules are in force. */
export interface RuleContext {
  readonly family: Family
  /** Endpoints of this node are local. */
  readonly nodeName: string
  readonly podCidr: string
}

/** The chain that refuses connections to a Service without endpoints, as kube-proxy does. */
export const REFUSE_CHAIN = 'refuse'
/** The chain for who may use local endpoints only, where there are others: that they are elsewhere is not told. */
export const DISCARD_CHAIN = 'discard'

const SLICE_SERVICE = 'kubernetes.io/service-name'
/** Kubernetes' default, 3 hours. */
const AFFINITY_SECONDS = 10_800

/** What is made of Services, one after another. */
interface Draft {
  readonly family: Family
  readonly chains: Map<string, readonly string[]>
  readonly clients: Map<string, number>
  readonly addresses: Map<string, string>
  readonly nodePorts: Map<string, string>
}

/** A port of a Service, with all that its chains depend on. */
interface PortOfService {
  readonly id: string
  readonly service: Service
  readonly protocol: string
  readonly port: ServicePort
  readonly endpoints: EndpointChoice
}

/** What the rules have to be for these Services; the same input always gives the same names. */
export function ruleSetFor(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  context: RuleContext,
): RuleSet {
  const byService = groupSlices(slices)
  const draft: Draft = {
    family: context.family,
    chains: new Map(),
    clients: new Map(),
    addresses: new Map(),
    nodePorts: new Map(),
  }
  for (const service of services) {
    if (service.spec.type === 'ExternalName' || clusterAddresses(service, context.family).length === 0)
      continue
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    for (const port of service.spec.ports ?? []) {
      const protocol = port.protocol ?? 'TCP'
      const endpoints = endpointsOf(byService.get(key) ?? [], {
        portName: port.name ?? '',
        protocol,
        nodeName: context.nodeName,
        addressType: context.family === 'ip' ? 'IPv4' : 'IPv6',
      })
      const id = `${key}/${port.port}/${protocol.toLowerCase()}`
      addPort({ id, service, protocol: protocol.toLowerCase(), port, endpoints }, draft, context)
    }
  }
  return draft
}

function addPort(of: PortOfService, draft: Draft, context: RuleContext): void {
  const { spec } = of.service
  const internal = chainFor(of, spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster', draft)
  addAddresses(of, clusterAddresses(of.service, draft.family), internal, draft)
  const balanced = ofFamily(loadBalancerAddresses(of.service), draft.family)
  const others = ofFamily(spec.externalIPs ?? [], draft.family)
  const { nodePort = 0 } = of.port
  if (balanced.length + others.length + nodePort === 0) return
  const external = externalChain(of, draft, context)
  addAddresses(of, others, external, draft)
  if (nodePort > 0) draft.nodePorts.set(`${of.protocol} . ${nodePort}`, external)
  if (balanced.length > 0) addAddresses(of, balanced, guardedChain(of, external, draft), draft)
}

function addAddresses(of: PortOfService, addresses: readonly string[], chain: string, draft: Draft): void {
  for (const address of addresses) draft.addresses.set(`${address} . ${of.protocol} . ${of.port.port}`, chain)
}

/** With the policy Local, who comes from outside gets local endpoints; pods and the machine itself get all. */
function externalChain(of: PortOfService, draft: Draft, { podCidr, family }: RuleContext): string {
  if (of.service.spec.externalTrafficPolicy !== 'Local') return chainFor(of, 'cluster', draft)
  const local = chainFor(of, 'local', draft)
  const all = chainFor(of, 'cluster', draft)
  if (local === all) return all
  return addChain('ext', of.id, draft, [
    `${family} saddr ${podCidr} goto ${all}`,
    `fib saddr type local goto ${all}`,
    `goto ${local}`,
  ])
}

/** A LoadBalancer may be for some clients only; the others get no answer. */
function guardedChain(of: PortOfService, chain: string, draft: Draft): string {
  const given = (of.service.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim())
  const ranges = ofFamily(given, draft.family).filter((range) => range !== '')
  if (ranges.length === 0) return chain
  const allowed = `${draft.family} saddr { ${ranges.join(', ')} } goto ${chain}`
  return addChain('fw', of.id, draft, [allowed, 'drop'])
}

/** @returns the chain that shares the port's connections out */
function chainFor(of: PortOfService, choice: keyof EndpointChoice, draft: Draft): string {
  const endpoints = of.endpoints[choice]
  if (of.endpoints.cluster.length === 0) return REFUSE_CHAIN
  if (endpoints.length === 0) return DISCARD_CHAIN
  // Where all endpoints are local there is one chain for both.
  const isAll = deepEqual(endpoints, of.endpoints.cluster)
  const targets = endpoints.map((endpoint) => endpointChain(of, endpoint, draft))
  const kept = targets.flatMap(({ chain, clients }) =>
    clients === undefined ? [] : [`${draft.family} saddr @${clients} goto ${chain}`],
  )
  const choices = targets.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ')
  return addChain('svc', isAll ? of.id : `${of.id} ${choice}`, draft, [
    ...kept,
    targets.length === 1
      ? `goto ${targets[0]?.chain}`
      : `numgen random mod ${targets.length} vmap { ${choices} }`,
  ])
}

/** @returns the chain that leads to one endpoint, and the set of the clients that keep to it if they are to */
function endpointChain(
  { id, protocol, service }: PortOfService,
  { address, port }: ServiceEndpoint,
  draft: Draft,
): { readonly chain: string; readonly clients: string | undefined } {
  const { sessionAffinity, sessionAffinityConfig } = service.spec
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS
  const { family } = draft
  const target = socketText(address, port)
  const about = `${id} ${target}`
  // The time belongs to the name: the kernel cannot change that of a set.
  const clients = sessionAffinity === 'ClientIP' ? `cl-${shortHash(`${about} ${seconds}`)}` : undefined
  if (clients !== undefined) draft.clients.set(clients, seconds)
  const chain = addChain('ep', about, draft, [
    // A pod that reaches itself through its Service would see its own address as the caller's and drop the packet.
    `${family} saddr ${address} meta mark set meta mark | 0x4000`,
    ...(clients === undefined ? [] : [`update @${clients} { ${family} saddr }`]),
    `meta l4proto ${protocol} dnat to ${target}`,
  ])
  return { chain, clients }
}

function addChain(kind: string, about: string, draft: Draft, rules: readonly string[]): string {
  const name = `${kind}-${shortHash(about)}`
  draft.chains.set(name, rules)
  return name
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

/** None where the Service is headless, or of the other family alone. */
function clusterAddresses({ spec }: Service, family: Family): readonly string[] {
  const { clusterIP = '', clusterIPs = [clusterIP] } = spec
  return ofFamily(clusterIPs, family).filter((address) => address !== '' && address !== 'None')
}

/** Addresses or networks. */
function ofFamily(texts: readonly string[], family: Family): readonly string[] {
  return texts.filter((text) => text.includes(':') === (family === 'ip6'))
}

/** As nftables writes it, and everybody else. */
export function socketText(address: string, port: number | string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What says that a proxy is in front of its address wants to be reached there. */
function loadBalancerAddresses(service: Service): readonly string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip === undefined || ipMode === 'Proxy' ? [] : [ip],
  )
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
