import type { KubeObject, Pod } from '../../kube/index.ts'
import type { Amounts } from './amounts.ts'

export interface ResourceQuota extends KubeObject {
  readonly spec?: ResourceQuotaSpec
  readonly status?: { readonly hard?: Amounts; readonly used?: Amounts }
}

export interface ResourceQuotaSpec {
  readonly hard?: Amounts
  readonly scopes?: readonly string[]
  readonly scopeSelector?: { readonly matchExpressions?: readonly ScopeRequirement[] }
}

interface ScopeRequirement {
  readonly scopeName: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** Whether an object is of those that a quota with scopes is about; only pods are ever in a scope. */
export function isInScopes(quota: ResourceQuota, object: KubeObject): boolean {
  const { scopes = [], scopeSelector } = quota.spec ?? {}
  const plain = scopes.map((scopeName): ScopeRequirement => ({ scopeName, operator: 'Exists' }))
  const requirements = [...plain, ...(scopeSelector?.matchExpressions ?? [])]
  if (requirements.length === 0) return true
  if (object.kind !== 'Pod') return false
  return requirements.every((requirement) => matches(object as Pod, requirement))
}

function matches(pod: Pod, requirement: ScopeRequirement): boolean {
  switch (requirement.scopeName) {
    case 'Terminating':
      return hasDeadline(pod)
    case 'NotTerminating':
      return !hasDeadline(pod)
    case 'BestEffort':
      return pod.status?.qosClass === 'BestEffort'
    case 'NotBestEffort':
      return pod.status?.qosClass !== 'BestEffort'
    case 'PriorityClass':
      return matchesPriorityClass(pod.spec.priorityClassName ?? '', requirement)
    case 'CrossNamespacePodAffinity':
      return looksElsewhere(pod)
    default:
      return false
  }
}

export function hasDeadline(pod: Pod): boolean {
  return (pod.spec.activeDeadlineSeconds ?? -1) >= 0
}

function matchesPriorityClass(name: string, { operator, values = [] }: ScopeRequirement): boolean {
  switch (operator) {
    case 'Exists':
      return name !== ''
    case 'DoesNotExist':
      return name === ''
    case 'In':
      return name !== '' && values.includes(name)
    case 'NotIn':
      return !values.includes(name)
    default:
      return false
  }
}

interface AffinityTerm {
  readonly namespaces?: readonly string[]
  readonly namespaceSelector?: object
}

function looksElsewhere({ spec }: Pod): boolean {
  const sides = [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]
  const terms = sides.flatMap((side): readonly AffinityTerm[] => [
    ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm),
  ])
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined)
}
