import type { LocalityBalancing, Mesh, Retries } from '../../model/index.ts'
import type { IstioLoadBalancer } from '../resources/index.ts'
import { durationOf } from './istio-api/duration.ts'
import { translateLocality } from './istio-api/load-balancer.ts'
import { translateRetries } from './istio-api/retries.ts'
import { isRecord, type Members, textOf } from './members.ts'

/** What an object that says nothing of `exportTo` means, by MeshConfig. Absent: every namespace. */
export interface ExportDefaults {
  readonly key: 'mesh'
  readonly service?: readonly string[]
  readonly virtualService?: readonly string[]
  readonly destinationRule?: readonly string[]
}

type MeshTraffic = Pick<
  Mesh,
  'retries' | 'locality' | 'connections' | 'dnsRefreshMs' | 'detectionTimeoutMs' | 'trustDomainAliases'
>

/** What MeshConfig says of traffic where nobody says more. @param problems takes what is not served, or not as written */
export function translateMeshTraffic(config: Members, problems: string[]): MeshTraffic {
  reportUnserved(config, problems)
  const retries = retriesOf(config, problems)
  const locality = localityOf(config, problems)
  const keepAliveMs = keepAliveOf(config, problems)
  const dnsRefreshMs = positive(durationOf(textOf(config, 'dnsRefreshRate'), 'mesh.dnsRefreshRate', problems))
  const detectionTimeoutMs = positive(
    durationOf(textOf(config, 'protocolDetectionTimeout'), 'mesh.protocolDetectionTimeout', problems),
  )
  const protocol = textOf(config, 'h2UpgradePolicy') === 'UPGRADE' ? 'http2' : undefined
  const trustDomainAliases = textsOf(config['trustDomainAliases'])
  return {
    ...(retries !== undefined && { retries }),
    ...(locality !== undefined && { locality }),
    ...((keepAliveMs !== undefined || protocol !== undefined) && {
      connections: {
        ...(keepAliveMs !== undefined && { keepAliveMs }),
        ...(protocol !== undefined && { protocol }),
      },
    }),
    ...(dnsRefreshMs !== undefined && { dnsRefreshMs }),
    ...(detectionTimeoutMs !== undefined && { detectionTimeoutMs }),
    ...(trustDomainAliases.length > 0 && { trustDomainAliases }),
  }
}

export function translateExportDefaults(config: Members): ExportDefaults {
  const service = textsOf(config['defaultServiceExportTo'])
  const virtualService = textsOf(config['defaultVirtualServiceExportTo'])
  const destinationRule = textsOf(config['defaultDestinationRuleExportTo'])
  return {
    key: 'mesh',
    ...(service.length > 0 && { service }),
    ...(virtualService.length > 0 && { virtualService }),
    ...(destinationRule.length > 0 && { destinationRule }),
  }
}

/** What is given is of the shape that a VirtualService has, whose schema nobody has held it against. */
function retriesOf(config: Members, problems: string[]): Retries | undefined {
  const given = config['defaultHttpRetryPolicy']
  if (given === undefined) return undefined
  const path = 'mesh.defaultHttpRetryPolicy'
  if (!isRecord(given) || (given['attempts'] !== undefined && typeof given['attempts'] !== 'number')) {
    problems.push(`${path} is not of the form { attempts: 3, perTryTimeout: 2s }; Istio's default is used`)
    return undefined
  }
  const texts = Object.fromEntries(
    ['perTryTimeout', 'retryOn', 'backoff'].flatMap((name) => {
      const text = textOf(given, name)
      return text === undefined ? [] : [[name, text] as const]
    }),
  )
  const flags = Object.fromEntries(
    ['retryRemoteLocalities', 'retryIgnorePreviousHosts'].flatMap((name) =>
      typeof given[name] === 'boolean' ? [[name, given[name]] as const] : [],
    ),
  )
  const attempts = typeof given['attempts'] === 'number' ? { attempts: given['attempts'] } : {}
  return translateRetries({ ...texts, ...flags, ...attempts }, path, problems)
}

function localityOf(config: Members, problems: string[]): LocalityBalancing | undefined {
  const given = config['localityLbSetting']
  if (!isRecord(given)) return undefined
  const isWellFormed = ['distribute', 'failover', 'failoverPriority'].every(
    (member) => given[member] === undefined || Array.isArray(given[member]),
  )
  if (!isWellFormed) {
    problems.push(
      'mesh.localityLbSetting: distribute, failover and failoverPriority are lists; it is not used',
    )
    return undefined
  }
  const settings = { localityLbSetting: given } as IstioLoadBalancer
  const locality = translateLocality(settings, 'mesh', problems)
  // What holds anyway is not worth saying.
  const says = [given['distribute'], given['failover'], given['failoverPriority']].some(
    (list) => Array.isArray(list) && list.length > 0,
  )
  return says || locality?.enabled === false ? locality : undefined
}

/** Linux's own silence before the first probe, which Envoy leaves alone. */
const KEEP_ALIVE_MS = 7_200_000

function keepAliveOf(config: Members, problems: string[]): number | undefined {
  const given = config['tcpKeepalive']
  if (!isRecord(given)) return undefined
  for (const member of ['probes', 'interval']) {
    if (given[member] !== undefined)
      problems.push(`mesh.tcpKeepalive.${member} is not served: probes follow each second, ten at most`)
  }
  return positive(durationOf(textOf(given, 'time'), 'mesh.tcpKeepalive.time', problems)) ?? KEEP_ALIVE_MS
}

/** Members of MeshConfig that are read somewhere: here, by the injector, by the certificate authority. */
const SERVED: ReadonlySet<string> = new Set(
  `accessLogEncoding accessLogFile accessLogFormat connectTimeout defaultConfig defaultDestinationRuleExportTo defaultHttpRetryPolicy defaultProviders defaultServiceExportTo
  defaultVirtualServiceExportTo dnsRefreshRate enableAutoMtls enablePrometheusMerge enableTracing extensionProviders h2UpgradePolicy localityLbSetting
  meshMTLS outboundTrafficPolicy pathNormalization protocolDetectionTimeout rootNamespace tcpKeepalive tlsDefaults trustDomain trustDomainAliases`.split(
    /\s+/,
  ),
)

/** Of the others those that are Istio's, and why they have no effect here; what is neither is nobody's. */
const UNSERVED: Readonly<Record<string, string>> = {
  ca: 'the control plane is the authority',
  caCertificates: 'roots are those of the certificate authority',
  certificates: 'certificates are not made for Services',
  configSources: 'configuration comes from the API server',
  disableEnvoyListenerLog: 'connections without a request are not logged',
  discoverySelectors: 'every namespace is of the mesh; leave out what a client needs not with a Sidecar',
  enableEnvoyAccessLogService: 'logs go to files and OpenTelemetry',
  hboneIdleTimeout: 'there are no tunnels of HBONE',
  inboundClusterStatName: 'statistics have Istio’s usual names',
  inboundTrafficPolicy: 'ports that no Service names are handed on as they are dialled',
  ingressClass: 'Ingress objects are not read; use a Gateway',
  ingressControllerMode: 'Ingress objects are not read; use a Gateway',
  ingressSelector: 'Ingress objects are not read; use a Gateway',
  ingressService: 'Ingress objects are not read; use a Gateway',
  outboundClusterStatName: 'statistics have Istio’s usual names',
  proxyHttpPort: 'there is no explicit HTTP proxy; use egress listeners of a Sidecar',
  proxyInboundListenPort: 'captured connections come in at 15006',
  proxyListenPort: 'captured connections go out at 15001',
  serviceScopeConfigs: 'there is one cluster in the mesh',
  serviceSettings: 'there is one cluster in the mesh',
  verifyCertificateAtClient: 'servers are verified where a DestinationRule says so',
}

/** What Istio fills in by itself says nothing. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  disableEnvoyListenerLog: false,
  enableEnvoyAccessLogService: false,
  ingressClass: 'istio',
  ingressControllerMode: 'STRICT',
  ingressService: 'istio-ingressgateway',
  proxyHttpPort: 0,
  proxyInboundListenPort: 15006,
  proxyListenPort: 15001,
  verifyCertificateAtClient: true,
}

function reportUnserved(config: Members, problems: string[]): void {
  for (const [name, value] of Object.entries(config)) {
    if (SERVED.has(name) || value === undefined || value === null || value === '') continue
    if (Array.isArray(value) && value.length === 0) continue
    if (Object.hasOwn(DEFAULTS, name) && DEFAULTS[name] === value) continue
    const reason = Object.hasOwn(UNSERVED, name) ? UNSERVED[name] : undefined
    problems.push(
      reason === undefined
        ? `mesh.${name} is no member of MeshConfig that is known here; it has no effect`
        : `mesh.${name} is not served: ${reason}`,
    )
  }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string' && one !== '') : []
}

function positive(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value
}
