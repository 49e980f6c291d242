import type { TrafficPolicy } from '../../../model/index.ts'
import { translateClientTls } from './client-tls.ts'
import { translateConnectionPool, translateConnectTimeout, translateRetryBudget } from './connection-pool.ts'
import { translateBalancer, translateLocality } from './load-balancer.ts'
import { translateOutlierDetection } from './outlier-detection.ts'
import type { IstioTrafficPolicy } from '../../resources/index.ts'

const NOT_SERVED = ['tunnel'] as const

/** @param path where the policy stands, for messages; @param problems what is not served is added to it */
export function translateTrafficPolicy(
  policy: IstioTrafficPolicy | undefined,
  path: string,
  problems: string[],
): TrafficPolicy {
  if (policy === undefined) return {}
  reportNotServed(policy, path, problems)
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
    ...translateProxyProtocol(policy),
  }
}

/** Version 1 is what an empty object asks for. */
function translateProxyProtocol({ proxyProtocol }: IstioTrafficPolicy): Pick<TrafficPolicy, 'proxyProtocol'> {
  if (proxyProtocol === undefined) return {}
  return { proxyProtocol: proxyProtocol.version === 'V2' ? 'v2' : 'v1' }
}

/** `portLevelSettings` by service port; they have no say in PROXY headers. */
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
        ...translateProxyProtocol(policy ?? {}),
      }
  }
  return ports
}

function reportNotServed(policy: IstioTrafficPolicy, path: string, problems: string[]): void {
  if (policy.loadBalancer?.zoneAwareLbSetting !== undefined) {
    problems.push(`${path}.loadBalancer.zoneAwareLbSetting is not served yet`)
  }
  for (const member of NOT_SERVED) {
    if (policy[member] !== undefined) problems.push(`${path}.${member} is not served yet`)
  }
}
