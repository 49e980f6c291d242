import { fail, ok, type Result } from '../../base/index.ts'
import { type AppProbers, PROBERS_VARIABLE, readAppProbers } from './app-probers.ts'
import type { HttpSettings } from '../exchange/rules.ts'
import { readHttpSettings } from './http-settings.ts'
import { nodeId } from '../../xds/types/index.ts'
import type { ProxyNode } from '../../xds/client/index.ts'

/** Where Istio mounts what a proxy needs. */
export const PROXY_FILES = {
  rootCertificate: '/var/run/secrets/istio/root-cert.pem',
  token: '/var/run/secrets/tokens/istio-token',
  labels: '/etc/istio/pod/labels',
} as const

export interface Bootstrap {
  /** Variables of the container, for logs and spans that name them. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly node: ProxyNode
  /** `host:port` */
  readonly discoveryAddress: string
  /** Without TLS: ProxyConfig's controlPlaneAuthPolicy NONE. */
  readonly plaintext: boolean
  readonly clusterDomain: string
  readonly logLevel: string
  readonly drainMs: number
  /** ProxyConfig's gatewayTopology.proxyProtocol: connections to a gateway begin with a PROXY header. */
  readonly proxyProtocol?: boolean
  /** ProxyConfig's proxyHeaders and gatewayTopology. */
  readonly http: HttpSettings
  /** What is asked of the application in the kubelet's place. */
  readonly appProbers?: AppProbers
}

const DEFAULT_DISCOVERY = 'istiod.istio-system.svc:15012'
const DEFAULT_DRAIN_MS = 5000

/**
 * Reads what the injected container says: arguments, environment and mounted files, under Istio's names.
 * @param readFile by the container's own paths; undefined when there is no such file
 */
export function readBootstrap(options: {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly podIps: readonly string[]
  readonly version: string
  readonly readFile: (path: string) => string | undefined
}): Result<Bootstrap, string> {
  const { args, env } = options
  const role = args[args.indexOf('proxy') + 1]
  if (!args.includes('proxy') || (role !== 'sidecar' && role !== 'router')) {
    return fail(
      `the arguments must be "proxy sidecar" or "proxy router", with options after them; they are "${args.join(' ')}"`,
    )
  }
  const podName = env['POD_NAME']
  const namespace = env['POD_NAMESPACE']
  if (!podName || !namespace)
    return fail('the environment must have POD_NAME and POD_NAMESPACE (the downward API)')
  const ips =
    options.podIps.length > 0
      ? options.podIps
      : (env['INSTANCE_IP'] ?? '').split(',').filter((ip) => ip !== '')
  const ip = ips[0]
  if (ip === undefined) return fail('the environment must have INSTANCE_IP (the downward API, status.podIP)')
  const config = parseConfig(env, role)
  if (!config.ok) return config
  const appProbers = readAppProbers(env[PROBERS_VARIABLE])
  if (!appProbers.ok) return appProbers
  const clusterDomain = domainOf(flag(args, '--domain'), namespace)
  return ok({
    node: {
      id: nodeId({ role, ip, podName, namespace, clusterDomain }),
      role,
      namespace,
      podName,
      serviceAccount: env['SERVICE_ACCOUNT'] ?? 'default',
      labels: parseLabels(options.readFile(PROXY_FILES.labels) ?? ''),
      ips,
      cluster: env['ISTIO_META_CLUSTER_ID'] ?? 'Kubernetes',
      version: options.version,
    },
    discoveryAddress: config.value.discoveryAddress ?? DEFAULT_DISCOVERY,
    plaintext: config.value.plaintext ?? false,
    clusterDomain,
    logLevel: flag(args, '--proxyLogLevel') ?? 'warning',
    environment: env,
    drainMs: config.value.drainMs ?? DEFAULT_DRAIN_MS,
    proxyProtocol: config.value.proxyProtocol === true,
    http: config.value.http,
    appProbers: appProbers.value,
  })
}

type Environment = Readonly<Record<string, string | undefined>>

interface ProxyConfig {
  readonly discoveryAddress?: string
  readonly plaintext?: boolean
  readonly drainMs?: number
  readonly proxyProtocol?: boolean
  readonly http: HttpSettings
}

function parseConfig(env: Environment, role: 'sidecar' | 'router'): Result<ProxyConfig, string> {
  const text = env['PROXY_CONFIG']
  if (text === undefined || text === '') return ok({ http: readHttpSettings({}, role, env) })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fail(`PROXY_CONFIG is not JSON: ${text.slice(0, 100)}`)
  }
  if (!isObject(value)) return fail('PROXY_CONFIG is not a JSON object')
  const fields = value
  const address = fields['discoveryAddress']
  const topology = fields['gatewayTopology']
  const duration = fields['terminationDrainDuration']
  const drain = typeof duration === 'string' ? /^(\d+)s$/.exec(duration) : null
  return ok({
    http: readHttpSettings(fields, role, env),
    ...(typeof address === 'string' && { discoveryAddress: address }),
    ...(fields['controlPlaneAuthPolicy'] === 'NONE' && { plaintext: true }),
    ...(isObject(topology) && isObject(topology['proxyProtocol']) && { proxyProtocol: true }),
    ...(drain && { drainMs: Number(drain[1]) * 1000 }),
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** `--name value` or `--name=value` */
function flag(args: readonly string[], name: string): string | undefined {
  const joined = args.find((arg) => arg.startsWith(`${name}=`))
  if (joined !== undefined) return joined.slice(name.length + 1)
  const index = args.indexOf(name)
  return index < 0 ? undefined : args[index + 1]
}

/** `demo.svc.cluster.local` → `cluster.local` */
function domainOf(domain: string | undefined, namespace: string): string {
  const prefix = `${namespace}.svc.`
  return domain?.startsWith(prefix) ? domain.slice(prefix.length) : 'cluster.local'
}

/** The downward API's form: one `name="value"` a line, values quoted as in Go. */
function parseLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const match = /^([^=]+)="(.*)"$/.exec(line.trim())
    if (match) labels[match[1] as string] = (match[2] as string).replaceAll(/\\(["\\])/g, '$1')
  }
  return labels
}
