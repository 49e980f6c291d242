import type { TrafficPolicy } from '../../../model/index.ts'
import { translateClientTls } from './client-tls.ts'
import { translateConnectionPool, translateConnectTimeout, translateRetryBudget } from './connection-pool.ts'
import { translateBalancer, translateLocality } from './load-balancer.ts'
import { translateOutlierDetection } from './outlier-detection.ts'
import type { IstioTrafficPolicy } from '../../resources/index.ts'

/** @param path where the policy stands, for messages; @param problems what is not served is added to it */
export function translateTrafficPolicy(
  policy: IstioTrafficPolicy | undefined,
  path: string,
  problems: string[],
): TrafficPolicy {
  if (policy === undefined) return {}
  const balancer = translateBalancer(policy.loadBalancer, `${path}.loadBalancer`, problems)
  const locality = translateLocality(policy.loadBalancer, `${path}.loadBalancer`, problems)
  const connectTimeoutMs = translateConnectTimeout(policy.connectionPool, `${path}.connectionPool`, problems)
  const connections = translateConnectionPool(policy.connectionPool, `${path}.connectionPool`, problems)
  const retryBudget = translateRetryBudget(policy.retryBudget, `${path}.retryBudget`, problems)
  const outlierDetection = translateOutlierDetection(
    policy.outlierDetection,
    `${path}.outlierDetection`,
    problems,
  )
  const tls = translateClientTls(policy.tls, `${path}.tls`, problems)
  return {
    ...(tls === undefined ? {} : { tls }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
    ...(balancer === undefined ? {} : { balancer }),
    ...(locality === undefined ? {} : { locality }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(connections === undefined ? {} : { connections }),
    ...(retryBudget === undefined ? {} : { retryBudget }),
    ...translateTunnel(policy, path, problems),
    ...translateProxyProtocol(policy),
  }
}

/** @see Istio, TrafficPolicy.TunnelSettings: of TCP and TLS routes; CONNECT where no protocol is named */
function translateTunnel(
  { tunnel }: IstioTrafficPolicy,
  path: string,
  problems: string[],
): Pick<TrafficPolicy, 'tunnel' | 'tls'> {
  if (tunnel === undefined) return {}
  const { protocol = '', targetHost, targetPort } = tunnel
  // It is written into the request as it is.
  if (!/^[\w.:-]+$/.test(targetHost) || targetPort < 1 || targetPort > 65_535) {
    const reason = `${path}.tunnel: ${JSON.stringify(targetHost)}:${targetPort} is no host with a port`
    problems.push(`${reason}; no connection is made`)
    return { tls: { kind: 'refused', reason } }
  }
  const authority = `${targetHost.includes(':') ? `[${targetHost}]` : targetHost}:${targetPort}`
  if (protocol !== '' && protocol !== 'CONNECT') {
    problems.push(`${path}.tunnel.protocol ${protocol} is not served: CONNECT is used`)
  }
  return { tunnel: authority }
}

/** Version 1 is what an empty object asks for. */
function translateProxyProtocol({ proxyProtocol }: IstioTrafficPolicy): Pick<TrafficPolicy, 'proxyProtocol'> {
  if (proxyProtocol === undefined) return {}
  return { proxyProtocol: proxyProtocol.version === 'V2' ? 'v2' : 'v1' }
}

/** `portLevelSettings` by service port; they have no say in tunnels nor in PROXY headers. */
export function translatePortPolicies(
  policy: IstioTrafficPolicy | undefined,
  path: string,
  problems: string[],
): Readonly<Record<string, TrafficPolicy>> {
  const ports: Record<string, TrafficPolicy> = {}
  for (const [index, setting] of (policy?.portLevelSettings ?? []).entries()) {
    const at = `${path}.portLevelSettings[${index}]`
    const port = setting.port?.number
    if (port === undefined) problems.push(`${at}: names no port and is not used`)
    else
      ports[String(port)] ??= {
        ...translateTrafficPolicy(setting, at, problems),
        ...translateTunnel(policy ?? {}, path, []),
        ...translateProxyProtocol(policy ?? {}),
      }
  }
  return ports
}
