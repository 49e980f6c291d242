import type { Pod, PodTemplateSpec, StatefulSet } from '../../kube/index.ts'
import { podFromTemplate } from './pod-control.ts'
import { isPodReady, readySinceMs } from './pods.ts'
import { REVISION_LABEL } from './revisions.ts'
import { claimVolumes } from './stateful-claims.ts'
import type { StatefulPod } from './stateful-plan.ts'

const POD_NAME = 'statefulset.kubernetes.io/pod-name'
const POD_INDEX = 'apps.kubernetes.io/pod-index'

/** @returns the pod's ordinal in the set, undefined for a name that is not the set's to give */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`
  const rest = pod.metadata.name.startsWith(prefix) ? pod.metadata.name.slice(prefix.length) : ''
  return /^(?:0|[1-9]\d{0,8})$/.test(rest) ? Number(rest) : undefined
}

/** A pod with a name, host name and DNS name that its successor will have too. */
export function statefulPodFrom(
  set: StatefulSet,
  from: { readonly template: PodTemplateSpec; readonly revision: string },
  ordinal: number,
): Pod {
  const name = `${set.metadata.name}-${ordinal}`
  const pod = podFromTemplate(set, from.template, { name })
  const { serviceName } = set.spec
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        [POD_NAME]: name,
        [POD_INDEX]: String(ordinal),
        [REVISION_LABEL]: from.revision,
      },
    },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(serviceName === undefined || serviceName === '' ? {} : { subdomain: serviceName }),
      ...claimVolumes(set, pod.spec, ordinal),
    },
  }
}

/** @returns when a ready pod that counts as unavailable will be available; undefined for all others */
export function availableInMs(set: StatefulSet, pod: Pod, nowMs: number): number | undefined {
  const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000
  if (minReadyMs === 0 || !isPodReady(pod)) return undefined
  const leftMs = (readySinceMs(pod) ?? nowMs) + minReadyMs - nowMs
  return leftMs > 0 ? leftMs : undefined
}

export function toStatefulPod(
  set: StatefulSet,
  pod: Pod,
  facts: { readonly ordinal: number; readonly updateRevision: string; readonly nowMs: number },
): StatefulPod {
  const isReady = pod.status?.phase === 'Running' && isPodReady(pod)
  return {
    ordinal: facts.ordinal,
    phase: phaseOf(pod, isReady),
    isAvailable: isReady && availableInMs(set, pod, facts.nowMs) === undefined,
    isUpdated: pod.metadata.labels?.[REVISION_LABEL] === facts.updateRevision,
  }
}

function phaseOf(pod: Pod, isReady: boolean): StatefulPod['phase'] {
  if (pod.metadata.deletionTimestamp !== undefined) return 'terminating'
  if (pod.status?.phase === 'Failed') return 'failed'
  if (pod.status?.phase === 'Succeeded') return 'succeeded'
  return isReady ? 'ready' : 'starting'
}
