import type { Answer, SrvAnswer, StringAnswer } from 'dns-packet'
import {
  formatIpv4,
  formatIpv6,
  type Ipv4Cidr,
  type Ipv6Cidr,
  parseIpv4,
  parseIpv6,
} from '../../base/index.ts'
import type { EndpointRecord, NamedPort, ServiceRecord } from './records.ts'
import type { DnsView } from './view.ts'

/** Seconds that a client may keep what it was told, presence or absence alike. */
const TTL = 5
/** The version of the specification that a client may ask for at `dns-version`. */
const SCHEMA_VERSION = '1.1.0'

/** What the name server is responsible for. */
export interface DnsZones {
  /** Lower case, without the dot at its end. */
  readonly domain: string
  readonly serverAddress: string
  /** Address ranges whose reverse names end here; bits are a multiple of eight. */
  readonly ranges: readonly Ipv4Cidr[]
  /** The same of IPv6, whose bits are a multiple of four. */
  readonly ranges6?: readonly Ipv6Cidr[]
}

export interface DnsQuestion {
  readonly name: string
  readonly type: string
}

export type DnsAnswer =
  | { readonly kind: 'records'; readonly answers: readonly Answer[]; readonly additionals: readonly Answer[] }
  /** The name exists, records of this type do not. */
  | { readonly kind: 'no-data'; readonly zone: string }
  | { readonly kind: 'no-name'; readonly zone: string }
  /** An ExternalName: the client is told the other name and, as it asked for recursion, what is behind it. */
  | { readonly kind: 'alias'; readonly record: StringAnswer; readonly target: string }
  /** No name of ours. */
  | { readonly kind: 'foreign' }

interface Asked {
  readonly type: string
  /** The name as the client wrote it: answers repeat its upper and lower case. */
  readonly owner: string
  readonly zones: DnsZones
  readonly view: DnsView
}

/** Answers one question from what is known; the whole of the cluster's naming rules. */
export function answerQuestion(question: DnsQuestion, view: DnsView, zones: DnsZones): DnsAnswer {
  const name = question.name.toLowerCase().replace(/\.$/, '')
  const asked: Asked = { type: question.type, owner: question.name, zones, view }
  if (name === zones.domain) return answerApex(asked)
  if (name.endsWith(`.${zones.domain}`)) {
    const labels = name.slice(0, -zones.domain.length - 1).split('.')
    const branch = labels.pop()
    if (branch === 'svc') return answerService(labels, asked)
    if (branch === 'pod') return answerPod(labels, asked)
    if (branch === 'dns') return answerServer(labels, asked)
    if (branch === 'dns-version' && labels.length === 0) return answerVersion(asked)
    return noName(asked)
  }
  for (const tree of REVERSE_TREES) if (name.endsWith(tree.suffix)) return answerReverse(name, tree, asked)
  return { kind: 'foreign' }
}

/** The start of authority that negative answers carry, so that their absence is remembered for `TTL` seconds only. */
export function startOfAuthority(zone: string, domain: string): Answer {
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: TTL,
  }
  return { type: 'SOA', name: zone, ttl: TTL, class: 'IN', data }
}

function answerApex(asked: Asked): DnsAnswer {
  const { domain, serverAddress } = asked.zones
  if (asked.type === 'SOA') return records([startOfAuthority(asked.owner, domain)])
  if (asked.type !== 'NS') return noData(asked)
  const server = `ns.dns.${domain}`
  const additionals = addressRecords(server, 'A', [serverAddress])
  return records([{ type: 'NS', name: asked.owner, ttl: TTL, class: 'IN', data: server }], additionals)
}

function answerServer(labels: readonly string[], asked: Asked): DnsAnswer {
  if (labels.length === 0) return noData(asked)
  return labels.length === 1 && labels[0] === 'ns'
    ? addressesOrNoData(asked, [asked.zones.serverAddress])
    : noName(asked)
}

function answerVersion(asked: Asked): DnsAnswer {
  if (asked.type !== 'TXT') return noData(asked)
  return records([{ type: 'TXT', name: asked.owner, ttl: TTL, class: 'IN', data: SCHEMA_VERSION }])
}

/** `_port._protocol.service.namespace`, `host.service.namespace`, `service.namespace`, `namespace` or nothing. */
function answerService(labels: readonly string[], asked: Asked): DnsAnswer {
  const [namespace, name, third, fourth] = labels.toReversed()
  if (namespace === undefined) return noData(asked)
  if (name === undefined) return asked.view.hasNamespace(namespace) ? noData(asked) : noName(asked)
  const service = asked.view.service(namespace, name)
  if (!service || labels.length > 4) return noName(asked)
  if (fourth !== undefined) return answerPort(service, fourth, third ?? '', asked)
  if (third === undefined) return answerServiceName(service, asked)
  return third.startsWith('_') ? answerProtocol(service, third, asked) : answerHost(service, third, asked)
}

function answerServiceName(service: ServiceRecord, asked: Asked): DnsAnswer {
  const { target } = service
  switch (target.kind) {
    case 'external':
      return answerExternal(target.host, asked)
    case 'virtual':
      return asked.type === 'SRV'
        ? portRecords(service, () => true, asked)
        : addressesOrNoData(asked, target.addresses)
    case 'headless': {
      // Specification 2.4.1: without a ready endpoint the name does not exist.
      if (service.endpoints.length === 0) return noName(asked)
      if (asked.type === 'SRV') return portRecords(service, () => true, asked)
      return addressesOrNoData(
        asked,
        service.endpoints.map((endpoint) => endpoint.address),
      )
    }
  }
}

function answerExternal(host: string, asked: Asked): DnsAnswer {
  const record: StringAnswer = { type: 'CNAME', name: asked.owner, ttl: TTL, class: 'IN', data: host }
  // An address is no name to point to.
  if (host === '' || canonical(host) !== undefined) return noData(asked)
  return asked.type === 'CNAME' ? records([record]) : { kind: 'alias', record, target: host }
}

function answerHost(service: ServiceRecord, hostname: string, asked: Asked): DnsAnswer {
  const endpoints = service.endpoints.filter((endpoint) => endpoint.hostname === hostname)
  if (endpoints.length === 0) return noName(asked)
  if (asked.type === 'SRV')
    return portRecords({ ...service, endpoints, target: { kind: 'headless' } }, () => true, asked)
  return addressesOrNoData(
    asked,
    endpoints.map((endpoint) => endpoint.address),
  )
}

/** `_tcp.service.namespace`: an inner node above the ports of that protocol, without records of its own. */
function answerProtocol(service: ServiceRecord, label: string, asked: Asked): DnsAnswer {
  const isThere = allPorts(service).some((port) => port.name !== '' && `_${port.protocol}` === label)
  return isThere ? noData(asked) : noName(asked)
}

function answerPort(service: ServiceRecord, port: string, protocol: string, asked: Asked): DnsAnswer {
  const isAsked = (one: NamedPort) =>
    one.name !== '' && `_${one.name}` === port && `_${one.protocol}` === protocol
  if (!allPorts(service).some(isAsked)) return noName(asked)
  return asked.type === 'SRV' ? portRecords(service, isAsked, asked) : noData(asked)
}

function allPorts(service: ServiceRecord): readonly NamedPort[] {
  if (service.target.kind === 'virtual') return service.target.ports
  return service.target.kind === 'headless' ? service.endpoints.flatMap((endpoint) => endpoint.ports) : []
}

/** SRV records lead to the Service's own name, or to every endpoint's where it has no address of its own. */
function portRecords(service: ServiceRecord, isAsked: (port: NamedPort) => boolean, asked: Asked): DnsAnswer {
  const name = nameOf(service, asked.zones)
  const { target } = service
  const hosts =
    target.kind === 'virtual'
      ? [{ name, addresses: target.addresses, ports: target.ports }]
      : service.endpoints.map((endpoint) => ({
          name: `${endpoint.hostname}.${name}`,
          addresses: [endpoint.address],
          ports: endpoint.ports,
        }))
  const found = hosts.flatMap((host) =>
    host.ports.filter(isAsked).map((port) => ({ host: host.name, port: port.port })),
  )
  if (found.length === 0) return noData(asked)
  const weight = Math.max(1, Math.floor(100 / found.length))
  const answers = found.map(({ host, port }): SrvAnswer => {
    const data = { priority: 0, weight, port, target: host }
    return { type: 'SRV', name: asked.owner, ttl: TTL, class: 'IN', data }
  })
  const additionals = hosts.flatMap((host) => [
    ...addressRecords(host.name, 'A', host.addresses),
    ...addressRecords(host.name, 'AAAA', host.addresses),
  ])
  return records(answers, additionals)
}

/**
 * `10-42-0-7.namespace`: the address is in the name, and whether a pod has it is not asked (CoreDNS' `pods insecure`).
 */
function answerPod(labels: readonly string[], asked: Asked): DnsAnswer {
  const [host, namespace] = labels
  if (host === undefined || namespace === undefined) return noData(asked)
  const address =
    labels.length === 2
      ? (canonical(host.replaceAll('-', '.')) ?? canonical(host.replaceAll('-', ':')))
      : undefined
  return address === undefined ? noName(asked) : addressesOrNoData(asked, [address])
}

/** @returns the address as it is stored, undefined for what is none */
function canonical(text: string): string | undefined {
  const [quad, long] = [parseIpv4(text), parseIpv6(text)]
  if (quad !== undefined) return formatIpv4(quad)
  return long === undefined ? undefined : formatIpv6(long)
}

/** Where the names of addresses are: a label for each byte of IPv4, for each hexadecimal digit of IPv6. */
interface ReverseTree {
  readonly suffix: string
  readonly labels: number
  /** @param labels in the order of the address */
  readonly textOf: (labels: readonly string[]) => string
}

const REVERSE_TREES: readonly ReverseTree[] = [
  { suffix: '.in-addr.arpa', labels: 4, textOf: (labels) => labels.join('.') },
  {
    suffix: '.ip6.arpa',
    labels: 32,
    textOf: (labels) => (labels.join('').match(/.{4}/g) ?? []).join(':'),
  },
]

function answerReverse(name: string, tree: ReverseTree, asked: Asked): DnsAnswer {
  const labels = name.slice(0, -tree.suffix.length).split('.')
  const address = labels.length === tree.labels ? canonical(tree.textOf(labels.toReversed())) : undefined
  const owners = address === undefined ? [] : namesAt(address, asked)
  if (owners.length > 0) {
    if (asked.type !== 'PTR' && asked.type !== 'ANY')
      return { kind: 'no-data', zone: zoneOfReverse(name, asked) ?? name }
    return records(owners.map((data) => ({ type: 'PTR', name: asked.owner, ttl: TTL, class: 'IN', data })))
  }
  const zone = zoneOfReverse(name, asked)
  if (zone === undefined) return { kind: 'foreign' }
  return labels.length < tree.labels ? { kind: 'no-data', zone } : { kind: 'no-name', zone }
}

/** A Service's own address has its name alone; an endpoint's has one for each Service that it is behind. */
function namesAt(address: string, asked: Asked): readonly string[] {
  const services = asked.view.servicesAt(address)
  const own = services.filter(({ target }) => target.kind === 'virtual' && target.addresses.includes(address))
  if (own.length > 0) return own.map((service) => nameOf(service, asked.zones))
  const isThere = (endpoint: EndpointRecord) => endpoint.address === address
  return services.flatMap((service) =>
    service.endpoints.filter(isThere).map(({ hostname }) => `${hostname}.${nameOf(service, asked.zones)}`),
  )
}

function zoneOfReverse(name: string, asked: Asked): string | undefined {
  const { ranges, ranges6 = [] } = asked.zones
  return [...ranges.map(reverseZone), ...ranges6.map(reverseZone6)].find(
    (zone) => name === zone || name.endsWith(`.${zone}`),
  )
}

/** `10.42.0.0/16` → `42.10.in-addr.arpa` */
function reverseZone(range: Ipv4Cidr): string {
  const octets = formatIpv4(range.base).split('.')
  return `${octets
    .slice(0, Math.floor(range.bits / 8))
    .toReversed()
    .join('.')}.in-addr.arpa`
}

/** `fd00:10:42::/112` → 28 digits from the last on, then `ip6.arpa` */
function reverseZone6({ base, bits }: Ipv6Cidr): string {
  const digits = Buffer.from(base)
    .toString('hex')
    .split('')
    .slice(0, Math.floor(bits / 4))
  return `${digits.toReversed().join('.')}.ip6.arpa`
}

function nameOf(service: ServiceRecord, zones: DnsZones): string {
  return `${service.name}.${service.namespace}.svc.${zones.domain}`
}

function addressesOrNoData(asked: Asked, addresses: readonly string[]): DnsAnswer {
  const wanted = (['A', 'AAAA'] as const).filter((type) => asked.type === type || asked.type === 'ANY')
  const answers = wanted.flatMap((type) => addressRecords(asked.owner, type, addresses))
  return answers.length === 0 ? noData(asked) : records(answers)
}

export function addressRecords(
  name: string,
  type: 'A' | 'AAAA',
  addresses: readonly string[],
): readonly StringAnswer[] {
  return addresses
    .filter((address) => address.includes(':') === (type === 'AAAA'))
    .map((data) => ({ type, name, ttl: TTL, class: 'IN', data }))
}

function records(answers: readonly Answer[], additionals: readonly Answer[] = []): DnsAnswer {
  return { kind: 'records', answers, additionals }
}

function noData(asked: Asked): DnsAnswer {
  return { kind: 'no-data', zone: asked.zones.domain }
}

function noName(asked: Asked): DnsAnswer {
  return { kind: 'no-name', zone: asked.zones.domain }
}
