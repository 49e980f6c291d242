import type { KubeObject } from '../../../kube/index.ts'

/** The priority classes that every cluster has, for what keeps it running. */
export const SYSTEM_PRIORITY_CLASSES: readonly KubeObject[] = [
  systemClass(
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ),
  systemClass(
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
]

function systemClass(name: string, value: number, description: string): KubeObject {
  const object = {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name, generation: 1 },
    value,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  }
  return object
}
