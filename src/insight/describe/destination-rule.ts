import type { KubeObject } from '../../kube/index.ts'
import type { ServicePolicy } from '../../model/index.ts'
import { field, hasLabels, listAt, numberAt, textAt } from '../analyze/read.ts'
import type { Labels, World } from './world.ts'

/** The subsets of a service's policy, by whether one of some pods belongs to them. */
export interface SubsetSplit {
  readonly matching: readonly string[]
  readonly others: readonly string[]
  /** `name`, or `name.namespace`, of the DestinationRule that defines them; absent: there is none. */
  readonly rule?: string
}

export function splitSubsets(
  policy: ServicePolicy | undefined,
  pods: readonly Labels[],
  world: World,
): SubsetSplit {
  if (policy === undefined) return { matching: [], others: [] }
  const isOf = (labels: Labels) => pods.some((pod) => hasLabels(pod, labels))
  const names = (wanted: boolean) =>
    policy.subsets.filter((subset) => isOf(subset.labels) === wanted).map((subset) => subset.name)
  return { matching: names(true), others: names(false), rule: world.nameOf(policy.origin) }
}

export function destinationRuleLines(rule: KubeObject, split: SubsetSplit, world: World): readonly string[] {
  return [
    `DestinationRule: ${world.nameOf(rule.metadata)} for "${textAt(rule, 'spec', 'host') ?? ''}"`,
    ...subsetLines(split),
    ...trafficPolicyLines(field(rule, 'spec', 'trafficPolicy')),
  ]
}

function subsetLines({ matching, others }: SubsetSplit): readonly string[] {
  if (matching.length === 0) {
    return others.length === 0
      ? []
      : [`   WARNING POD DOES NOT MATCH ANY SUBSETS.  (Non matching subsets ${others.join(',')})`]
  }
  const lines = [`   Matching subsets: ${matching.join(',')}`]
  if (others.length > 0) lines.push(`      (Non-matching subsets ${others.join(',')})`)
  return lines
}

function trafficPolicyLines(policy: unknown): readonly string[] {
  if (policy === undefined) return ['   No Traffic Policy']
  const lines: string[] = []
  const mode = tlsMode(policy)
  if (mode !== undefined) lines.push(`   Traffic Policy TLS Mode: ${mode}`)
  lines.push(...shortPolicyLines(policy, '   '))
  const ports = listAt(policy, 'portLevelSettings')
  if (ports.length === 0) return lines
  lines.push('   Port Level Settings:')
  for (const port of ports) {
    lines.push(`    ${numberAt(port, 'port', 'number') ?? 0}:`)
    const ofPort = tlsMode(port)
    if (ofPort !== undefined) lines.push(`      TLS Mode: ${ofPort}`)
    lines.push(...shortPolicyLines(port, '      '))
  }
  return lines
}

function tlsMode(policy: unknown): string | undefined {
  return field(policy, 'tls') === undefined ? undefined : (textAt(policy, 'tls', 'mode') ?? 'DISABLE')
}

const SHORT_POLICIES = [
  ['loadBalancer', 'load balancer'],
  ['connectionPool', 'connection pool'],
  ['outlierDetection', 'outlier detection'],
] as const

function shortPolicyLines(policy: unknown, indent: string): readonly string[] {
  const given = SHORT_POLICIES.filter(([member]) => field(policy, member) !== undefined)
  return given.length === 0 ? [] : [`${indent}Policies: ${given.map(([, words]) => words).join('/')}`]
}
