import { parse } from 'yaml'
import { messageOf, parseDurationMs } from '../../base/index.ts'
import type { ConfigMap } from '../../kube/index.ts'
import type { Mesh } from '../../model/index.ts'
import type { MeshSettings } from './settings.ts'

/** Istio's text access-log format, used when a log file is named and no format of its own. */
export const DEFAULT_ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n'

const CONNECT_TIMEOUT_MS = 10_000

export interface MeshConfigResult {
  readonly mesh: Mesh
  readonly problems: readonly string[]
}

/** Reads the mesh's ConfigMap (key `mesh`, YAML of Istio's MeshConfig). What is absent or broken keeps its default. */
export function translateMeshConfig(
  configMap: ConfigMap | undefined,
  settings: MeshSettings,
): MeshConfigResult {
  const problems: string[] = []
  const config = parseConfig(configMap?.data?.['mesh'], problems)
  const connectTimeout = text(config, 'connectTimeout')
  const connectTimeoutMs = connectTimeout === undefined ? CONNECT_TIMEOUT_MS : parseDurationMs(connectTimeout)
  if (connectTimeoutMs === undefined) {
    problems.push(`mesh.connectTimeout: ${connectTimeout} is not a duration such as 10s`)
  }
  const logFormat = accessLogFormat(config, problems)
  return {
    mesh: {
      type: 'mesh',
      key: 'mesh',
      trustDomain: text(config, 'trustDomain') ?? settings.trustDomain,
      clusterDomain: settings.clusterDomain,
      rootNamespace: text(config, 'rootNamespace') ?? settings.rootNamespace,
      connectTimeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      outbound: outboundMode(config, problems),
      ...(logFormat === undefined ? {} : { accessLogFormat: logFormat }),
    },
    problems,
  }
}

function parseConfig(source: string | undefined, problems: string[]): Readonly<Record<string, unknown>> {
  if (source === undefined) return {}
  try {
    const parsed: unknown = parse(source, { maxAliasCount: 0 })
    if (isRecord(parsed)) return parsed
    if (parsed !== null) problems.push('mesh: must be a YAML mapping; the defaults are used')
  } catch (thrown) {
    problems.push(`mesh: is not YAML (${messageOf(thrown)}); the defaults are used`)
  }
  return {}
}

function outboundMode(config: Readonly<Record<string, unknown>>, problems: string[]): Mesh['outbound'] {
  const policy = config['outboundTrafficPolicy']
  const mode = isRecord(policy) ? policy['mode'] : undefined
  if (mode === undefined || mode === 'ALLOW_ANY') return 'allow-any'
  if (mode === 'REGISTRY_ONLY') return 'registry-only'
  problems.push('mesh.outboundTrafficPolicy.mode: must be ALLOW_ANY or REGISTRY_ONLY; ALLOW_ANY is used')
  return 'allow-any'
}

/** Only the proxy's own output is served as a log file, in text. */
function accessLogFormat(config: Readonly<Record<string, unknown>>, problems: string[]): string | undefined {
  const file = text(config, 'accessLogFile')
  if (file === undefined || file === '') return undefined
  if (file !== '/dev/stdout') problems.push(`mesh.accessLogFile: ${file} is not served, /dev/stdout is used`)
  const encoding = text(config, 'accessLogEncoding')
  if (encoding !== undefined && encoding !== 'TEXT') {
    problems.push(`mesh.accessLogEncoding: ${encoding} is not served yet, TEXT is used`)
  }
  const format = text(config, 'accessLogFormat')
  return format === undefined || format === '' ? DEFAULT_ACCESS_LOG_FORMAT : format
}

function text(config: Readonly<Record<string, unknown>>, member: string): string | undefined {
  const value = Object.hasOwn(config, member) ? config[member] : undefined
  return typeof value === 'string' ? value : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
