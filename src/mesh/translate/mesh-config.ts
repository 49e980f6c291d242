import { parse } from 'yaml'
import { messageOf, parseDurationMs } from '../../base/index.ts'
import type { ConfigMap } from '../../kube/index.ts'
import type { Mesh } from '../../model/index.ts'
import { isRecord, type Members, textOf } from './members.ts'
import { translateMeshTelemetry } from './mesh-telemetry.ts'
import { type ExportDefaults, translateExportDefaults, translateMeshTraffic } from './mesh-traffic.ts'
import { translateAuthorizers } from './mesh-authorizers.ts'
import type { MeshSettings } from './settings.ts'

const CONNECT_TIMEOUT_MS = 10_000

export interface MeshConfigResult {
  readonly mesh: Mesh
  readonly exports: ExportDefaults
  readonly problems: readonly string[]
}

/** Reads the mesh's ConfigMap (key `mesh`, YAML of Istio's MeshConfig). What is absent or broken keeps its default. */
export function translateMeshConfig(
  configMap: ConfigMap | undefined,
  settings: MeshSettings,
): MeshConfigResult {
  const problems: string[] = []
  const config = parseConfig(configMap?.data?.['mesh'], problems)
  const connectTimeout = textOf(config, 'connectTimeout')
  const connectTimeoutMs = connectTimeout === undefined ? CONNECT_TIMEOUT_MS : parseDurationMs(connectTimeout)
  if (connectTimeoutMs === undefined) {
    problems.push(`mesh.connectTimeout: ${connectTimeout} is not a duration such as 10s`)
  }
  const telemetry = translateMeshTelemetry(config, problems)
  return {
    mesh: {
      type: 'mesh',
      key: 'mesh',
      trustDomain: textOf(config, 'trustDomain') ?? settings.trustDomain,
      clusterDomain: settings.clusterDomain,
      rootNamespace: textOf(config, 'rootNamespace') ?? settings.rootNamespace,
      connectTimeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      outbound: outboundMode(config, problems),
      ...pathNormalization(config, problems),
      ...(settings.acceptsHttp10 === true && { acceptsHttp10: true }),
      ...tlsDefaults(config, problems),
      ...translateMeshTraffic(config, problems),
      ...telemetry,
      ...translateAuthorizers(config, problems),
    },
    exports: translateExportDefaults(config),
    problems,
  }
}

/** As in Istio, TLS of the mesh itself is not meant. */
function tlsDefaults(config: Members, problems: string[]): Pick<Mesh, 'tlsDefaults'> {
  const given = config['tlsDefaults']
  if (!isRecord(given)) return {}
  const version = textOf(given, 'minProtocolVersion') ?? 'TLS_AUTO'
  if (version !== 'TLS_AUTO') {
    problems.push('mesh.tlsDefaults.minProtocolVersion is not served, as in Istio; Gateways have their own')
  }
  const texts = (member: string): readonly string[] => {
    const list = given[member]
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string' && one !== '') : []
  }
  const [ciphers, curves] = [texts('cipherSuites'), texts('ecdhCurves')]
  if (ciphers.length === 0 && curves.length === 0) return {}
  return {
    tlsDefaults: { ...(ciphers.length > 0 && { ciphers }), ...(curves.length > 0 && { curves }) },
  }
}

function parseConfig(source: string | undefined, problems: string[]): Members {
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

function outboundMode(config: Members, problems: string[]): Mesh['outbound'] {
  const policy = config['outboundTrafficPolicy']
  const mode = isRecord(policy) ? policy['mode'] : undefined
  if (mode === undefined || mode === 'ALLOW_ANY') return 'allow-any'
  if (mode === 'REGISTRY_ONLY') return 'registry-only'
  problems.push('mesh.outboundTrafficPolicy.mode: must be ALLOW_ANY or REGISTRY_ONLY; ALLOW_ANY is used')
  return 'allow-any'
}

const NORMALIZATIONS: Readonly<Record<string, NonNullable<Mesh['pathNormalization']>>> = {
  NONE: 'none',
  BASE: 'base',
  MERGE_SLASHES: 'merge-slashes',
  DECODE_AND_MERGE_SLASHES: 'decode-and-merge-slashes',
}

function pathNormalization(config: Members, problems: string[]): Pick<Mesh, 'pathNormalization'> {
  const option = config['pathNormalization']
  const mode = isRecord(option) ? textOf(option, 'normalization') : undefined
  if (mode === undefined || mode === 'DEFAULT') return {}
  const known = Object.hasOwn(NORMALIZATIONS, mode) ? NORMALIZATIONS[mode] : undefined
  if (known !== undefined) return { pathNormalization: known }
  const modes = Object.keys(NORMALIZATIONS).join(', ')
  problems.push(`mesh.pathNormalization.normalization: must be one of ${modes}; BASE is used`)
  return {}
}
