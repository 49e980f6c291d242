import type { Container, Job, Pod } from '../../kube/index.ts'
import { podFromTemplate } from './pod-control.ts'

/** A pod keeps it until its end is counted in the Job's status, so that no end is lost or counted twice. */
export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking'
const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index'
export const INDEX_FAILURES = 'batch.kubernetes.io/job-index-failure-count'

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING_FINALIZER) ?? false
}

/** @returns undefined for a pod of a Job without indexes */
export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX]
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text)
}

export function isIndexed(job: Job): boolean {
  return job.spec.completionMode === 'Indexed'
}

/** @param slot the index that the pod works on, and how often it has failed before; undefined without indexes */
export function jobPodFrom(
  job: Job,
  slot: { readonly index: number; readonly failures: number } | undefined,
): Pod {
  const { name, uid = '' } = job.metadata
  const generateName = slot === undefined ? `${name}-` : `${name}-${slot.index}-`
  const pod = podFromTemplate(job, job.spec.template, { generateName })
  const labels = {
    ...pod.metadata.labels,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  }
  const finalizers = [...(pod.metadata.finalizers ?? []), TRACKING_FINALIZER]
  const tracked = { ...pod, metadata: { ...pod.metadata, labels, finalizers } }
  return slot === undefined ? tracked : withIndex(job, tracked, slot)
}

function withIndex(job: Job, pod: Pod, slot: { readonly index: number; readonly failures: number }): Pod {
  const index = String(slot.index)
  const isCounted = job.spec.backoffLimitPerIndex !== undefined
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, [COMPLETION_INDEX]: index },
      annotations: {
        ...pod.metadata.annotations,
        [COMPLETION_INDEX]: index,
        ...(isCounted ? { [INDEX_FAILURES]: String(slot.failures) } : {}),
      },
    },
    spec: {
      ...pod.spec,
      hostname: `${job.metadata.name}-${index}`.slice(0, 63),
      containers: pod.spec.containers.map(knowingItsIndex),
      ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(knowingItsIndex) } : {}),
    },
  }
}

function knowingItsIndex(container: Container): Container {
  const name = 'JOB_COMPLETION_INDEX'
  if (container.env?.some((one) => one.name === name)) return container
  const fieldPath = `metadata.labels['${COMPLETION_INDEX}']`
  return { ...container, env: [...(container.env ?? []), { name, valueFrom: { fieldRef: { fieldPath } } }] }
}

/** When a pod came to its end; undefined while nothing says so. */
export function finishedAtMs(pod: Pod): number | undefined {
  const ends = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
    .flatMap((status) => status.state?.terminated?.finishedAt ?? [])
    .map((text) => Date.parse(text))
  return ends.length > 0 ? Math.max(...ends) : undefined
}
