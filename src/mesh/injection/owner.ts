import type { Pod } from '../../kube/index.ts'
import type { WorkloadOwner } from './proxy-container.ts'

/**
 * The workload of a pod by its controller: a ReplicaSet stands for its Deployment, a Job named by a CronJob for that.
 * @param namespace of the request: a pod that is being created need not name it
 */
export function workloadOwner(pod: Pod, namespace: string): WorkloadOwner {
  const controller = pod.metadata.ownerReferences?.find((reference) => reference.controller)
  if (!controller) {
    // While it is created, a pod with a generated name does not know it yet.
    const name = pod.metadata.name || (pod.metadata.generateName ?? '').replace(/-$/, '')
    return { name, apiVersion: 'v1', kind: 'Pod', namespace }
  }
  const { apiVersion, kind, name } = controller
  const hash = pod.metadata.labels?.['pod-template-hash']
  if (kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`)) {
    return { name: name.slice(0, -hash.length - 1), apiVersion: 'apps/v1', kind: 'Deployment', namespace }
  }
  const cronJob = kind === 'Job' ? /^(.+)-\d{8,10}$/.exec(name)?.[1] : undefined
  if (cronJob !== undefined) return { name: cronJob, apiVersion: 'batch/v1', kind: 'CronJob', namespace }
  return { name, apiVersion, kind, namespace }
}
