import type {
  Origin,
  PathMatch,
  Route,
  RouteMatch,
  Service,
  ServicePort,
  Workload,
} from '../../model/index.ts'
import type { ClusterStatus, ProxyDump } from './dump.ts'

/** The rows below a heading. */
export type Rows = readonly (readonly string[])[]

export interface ClusterFilter {
  readonly fqdn?: string | undefined
  readonly port?: number | undefined
  readonly subset?: string | undefined
  readonly direction?: string | undefined
}

export const CLUSTER_HEADING = ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE']

/** Envoy's names of how endpoints are found. */
const TYPES: Readonly<Record<Service['resolution'], string>> = {
  static: 'EDS',
  dns: 'STRICT_DNS',
  'logical-dns': 'LOGICAL_DNS',
  passthrough: 'ORIGINAL_DST',
}

/** @see istio/istio istioctl/pkg/writer/envoy/configdump/cluster.go */
export function clusterRows(dump: ProxyDump, own: Workload | undefined, filter: ClusterFilter): Rows {
  const outbound = dump.services.flatMap((service) =>
    service.ports.flatMap((port) => clustersOf(service, port)),
  )
  const inbound = inboundPorts(own).map((port) => ['', String(port), '', 'inbound', 'ORIGINAL_DST', ''])
  const fixed =
    own === undefined
      ? [['BlackHoleCluster', '-', '-', '-', 'STATIC', '']]
      : [
          ['BlackHoleCluster', '-', '-', '-', 'STATIC', ''],
          ['InboundPassthroughCluster', '-', '-', '-', 'ORIGINAL_DST', ''],
          ['PassthroughCluster', '-', '-', '-', 'ORIGINAL_DST', ''],
        ]
  return [...inbound, ...outbound, ...fixed]
    .filter(
      ([fqdn, port, subset, direction]) =>
        (filter.fqdn === undefined || fqdn?.includes(filter.fqdn)) &&
        (filter.port === undefined || port === String(filter.port)) &&
        (filter.subset === undefined || subset === filter.subset) &&
        (filter.direction === undefined || direction === filter.direction),
    )
    .toSorted(byCells)
}

function clustersOf(service: Service, { port }: ServicePort): Rows {
  const type = TYPES[service.resolution]
  const rule = service.policies[0]?.origin
  const name = rule === undefined ? '' : `${rule.name}.${rule.namespace}`
  const subsets = [...new Set(service.policies.flatMap((policy) => policy.subsets.map((one) => one.name)))]
  return ['-', ...subsets].map((subset) => [service.hostname, String(port), subset, 'outbound', type, name])
}

function inboundPorts(own: Workload | undefined): readonly number[] {
  const ports = Object.values(own?.services ?? {}).flatMap((membership) => Object.values(membership.ports))
  return [...new Set(ports)].toSorted((a, b) => a - b)
}

export const ENDPOINT_HEADING = ['NAME', 'STATUS', 'LOCALITY', 'CLUSTER']

export interface EndpointFilter {
  readonly address?: string | undefined
  readonly port?: number | undefined
  readonly cluster?: string | undefined
  readonly status?: string | undefined
}

/** Of the services that the proxy knows; what it has found out about an endpoint is told for those that it has used. */
export function endpointRows(dump: ProxyDump, filter: EndpointFilter): Rows {
  const statuses = new Map(dump.clusters.flatMap(healthOf))
  const services = new Map<string, Service>(dump.services.map((service) => [service.key, service]))
  return dump.workloads
    .flatMap((workload) =>
      Object.entries(workload.services).flatMap(([key, membership]) => {
        const service = services.get(key)
        if (service === undefined) return []
        return Object.entries(membership.ports).flatMap(([port, target]) => {
          const cluster = `outbound|${port}||${service.hostname}`
          const names =
            workload.addresses.length > 0 ? workload.addresses.slice(0, 1) : [workload.hostname ?? '']
          return names.map((address) => {
            const name = address.includes(':') ? `[${address}]:${target}` : `${address}:${target}`
            const health = statuses.get(`${cluster} ${name}`) ?? (membership.ready ? 'HEALTHY' : 'UNHEALTHY')
            return { address, port: target, cells: [name, health, localityOf(workload), cluster] }
          })
        })
      }),
    )
    .filter(
      ({ address, port, cells: [, status, , cluster] }) =>
        (filter.address === undefined || address === filter.address) &&
        (filter.port === undefined || port === filter.port) &&
        (filter.cluster === undefined || cluster === filter.cluster) &&
        (filter.status === undefined || status?.toLowerCase() === filter.status.toLowerCase()),
    )
    .map(({ cells }) => cells)
    .toSorted(byCells)
}

function healthOf({ name, host_statuses: hosts }: ClusterStatus): readonly (readonly [string, string])[] {
  return hosts.map(({ address: { socket_address: at }, health_status: health }) => {
    const place = at.address.includes(':') ? `[${at.address}]` : at.address
    const isWell = health['failed_outlier_check'] !== true && health['failed_active_health_check'] !== true
    return [`${name} ${place}:${at.port_value}`, isWell ? 'HEALTHY' : 'UNHEALTHY']
  })
}

function localityOf({ locality }: Workload): string {
  const parts = [locality?.region, locality?.zone, locality?.subzone].map((part) => part ?? '')
  return parts.join('/').replace(/\/+$/, '')
}

export const ROUTE_HEADING = ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'VIRTUAL SERVICE']

/** One row for each domain and match of a rule; services without a rule have the one that leads to them. */
export function routeRows(dump: ProxyDump, filter: { readonly name?: string | undefined }): Rows {
  const byListener = new Map<string, string>(
    dump.listeners.map(({ key, protocol, port }) => [
      key,
      `${protocol === 'https' ? 'https' : 'http'}.${port}`,
    ]),
  )
  const ruled = dump.routes.flatMap((route) => rowsOfRoute(route, byListener))
  const hosts = new Set(dump.routes.flatMap(({ scope, domains }) => (scope.kind === 'mesh' ? domains : [])))
  const isGateway = dump.listeners.length > 0
  const plain = isGateway
    ? []
    : dump.services
        .filter(({ hostname }) => !hosts.has(hostname))
        .flatMap(({ hostname, ports }) =>
          ports
            .filter(({ protocol }) => protocol === 'http' || protocol === 'http2' || protocol === 'grpc')
            .map(({ port }) => [String(port), `${hostname}:${port}`, hostname, '/*', '']),
        )
  return [...ruled, ...plain]
    .filter(([name]) => filter.name === undefined || name === filter.name)
    .toSorted(byCells)
}

function rowsOfRoute(route: Route, byListener: ReadonlyMap<string, string>): Rows {
  const { scope, domains, matches, origin } = route
  const ofListeners =
    scope.kind === 'gateway'
      ? [...new Set(scope.listeners.map((listener) => byListener.get(listener) ?? listener))]
      : undefined
  return domains.flatMap((domain) =>
    matches.flatMap((match) => {
      const names = ofListeners ?? [match.port === undefined ? '*' : String(match.port)]
      return names.map((name) => [
        name,
        `${domain}:${name.slice(name.lastIndexOf('.') + 1)}`,
        domain,
        matchText(match),
        originText(origin),
      ])
    }),
  )
}

function matchText({ path }: RouteMatch): string {
  return path === undefined ? '/*' : pathText(path)
}

/** As istioctl: a star behind a prefix; expressions as they are. */
function pathText(path: PathMatch): string {
  switch (path.kind) {
    case 'exact':
      return path.value
    case 'regex':
      return `regex ${path.value}`
    default:
      return path.value === '' || path.value === '/' ? '/*' : `${path.value}*`
  }
}

/** A VirtualService by its name, as istioctl has it; of other kinds it is said which. */
function originText({ kind, name, namespace }: Origin): string {
  const place = `${name}.${namespace}`
  return kind === 'VirtualService' ? place : `${kind}/${place}`
}

export const LISTENER_HEADING = ['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION']

export function listenerRows(
  dump: ProxyDump,
  own: Workload | undefined,
  filter: { readonly port?: number | undefined; readonly address?: string | undefined },
): Rows {
  const gateway = dump.listeners.flatMap(({ port, protocol, hostnames, tls }) => {
    const route = `${protocol === 'https' ? 'https' : 'http'}.${port}`
    const destination = protocol === 'http' || protocol === 'https' ? `Route: ${route}` : 'Bytes: by route'
    const matches =
      tls === undefined ? ['ALL'] : hostnames.map((name) => (name === '*' ? 'ALL' : `SNI: ${name}`))
    return matches.map((match) => ['0.0.0.0', String(port), match, destination])
  })
  const sidecar =
    dump.listeners.length > 0
      ? []
      : [
          ...dump.services.flatMap((service) => outboundRows(service)),
          ...inboundPorts(own).map((port) => [
            '0.0.0.0',
            '15006',
            `Addr: *:${port}`,
            `Cluster: inbound|${port}||`,
          ]),
          ['0.0.0.0', '15001', 'ALL', 'PassthroughCluster'],
          ['0.0.0.0', '15006', 'ALL', 'InboundPassthroughCluster'],
        ]
  return [...gateway, ...sidecar]
    .filter(
      ([address, port]) =>
        (filter.port === undefined || port === String(filter.port)) &&
        (filter.address === undefined || address === filter.address),
    )
    .toSorted(byCells)
}

function outboundRows({ addresses, ports, hostname }: Service): Rows {
  return addresses.flatMap((address) =>
    ports.map(({ port, protocol }) => {
      const isHttp = protocol === 'http' || protocol === 'http2' || protocol === 'grpc'
      const destination = isHttp ? `Route: ${port}` : `Cluster: outbound|${port}||${hostname}`
      return [
        address,
        String(port),
        protocol === 'auto' ? 'Trans: raw_buffer; App: sniffed' : 'ALL',
        destination,
      ]
    }),
  )
}

export const SECRET_HEADING = [
  'RESOURCE NAME',
  'TYPE',
  'STATUS',
  'VALID CERT',
  'SERIAL NUMBER',
  'NOT AFTER',
  'NOT BEFORE',
]

interface ShownCertificate {
  readonly path: string
  readonly serial_number: string
  readonly valid_from: string
  readonly expiration_time: string
}

/** @param page what `/certs` says */
export function secretRows(page: string, now: number): Rows {
  const { certificates } = JSON.parse(page) as {
    readonly certificates: readonly Readonly<Record<'cert_chain' | 'ca_cert', readonly ShownCertificate[]>>[]
  }
  const rowOf = (type: string) => (one: ShownCertificate) => {
    const isValid = Date.parse(one.valid_from) <= now && now < Date.parse(one.expiration_time)
    return [
      one.path,
      type,
      'ACTIVE',
      String(isValid),
      one.serial_number,
      one.expiration_time.replace(/\.\d+Z$/, 'Z'),
      one.valid_from.replace(/\.\d+Z$/, 'Z'),
    ]
  }
  return certificates.flatMap(({ cert_chain: chain, ca_cert: roots }) => [
    ...chain.map(rowOf('Cert Chain')),
    ...roots.map(rowOf('CA')),
  ])
}

function byCells(a: readonly string[], b: readonly string[]): number {
  for (const [index, cell] of a.entries()) {
    const other = b[index] ?? ''
    if (cell === other) continue
    const [left, right] = [Number(cell), Number(other)]
    if (cell !== '' && other !== '' && !Number.isNaN(left) && !Number.isNaN(right)) return left - right
    return cell < other ? -1 : 1
  }
  return 0
}
