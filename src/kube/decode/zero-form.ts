import { messageTypes } from '../fields/message.ts'
import type { MessageType } from '../fields/parse.ts'
import { isRecord, setOwn } from '../json.ts'
import type { GroupVersionKind } from '../object.ts'
import { hasTypeMeta } from '../schema/message-schema.ts'

/** Members that are no pointers in Go, so that it always writes them; `metadata`, `spec` and `status` of kinds are too. */
const STRUCTS: Readonly<Record<string, readonly string[]>> = {
  'apps/v1.DaemonSetSpec': ['template', 'updateStrategy'],
  'apps/v1.DeploymentSpec': ['strategy', 'template'],
  'apps/v1.ReplicaSetSpec': ['template'],
  'apps/v1.StatefulSetSpec': ['template', 'updateStrategy'],
  'autoscaling/v1.HorizontalPodAutoscalerSpec': ['scaleTargetRef'],
  'autoscaling/v2.HorizontalPodAutoscalerSpec': ['scaleTargetRef'],
  'apiextensions/v1.CustomResourceDefinitionSpec': ['names'],
  'batch/v1.CronJobSpec': ['jobTemplate'],
  'batch/v1.JobSpec': ['template'],
  'batch/v1.JobTemplateSpec': ['metadata', 'spec'],
  'core/v1.PersistentVolumeClaimSpec': ['resources'],
  'core/v1.PodTemplate': ['template'],
  'core/v1.PodTemplateSpec': ['metadata', 'spec'],
  'core/v1.ServiceStatus': ['loadBalancer'],
  'networking/v1.IngressStatus': ['loadBalancer'],
  'networking/v1.NetworkPolicySpec': ['podSelector'],
  'rbac/v1.ClusterRoleBinding': ['roleRef'],
  'rbac/v1.RoleBinding': ['roleRef'],
}
const OF_KINDS = ['metadata', 'spec', 'status'] as const

/**
 * A built-in object with what Go writes of its type even when it is not set: empty structs, and null for lists and
 * maps that are never left out. The field manager compares these forms, and owns no part that was there before.
 */
export function withZeroForm(value: unknown, gvk: GroupVersionKind): unknown {
  const message = messageTypes.ofKind(gvk)
  return message ? ofMessage(value, message) : value
}

function ofMessage(value: unknown, message: MessageType): unknown {
  if (!isRecord(value)) return value
  const out: Record<string, unknown> = { ...value }
  const structs = [...(STRUCTS[message.name] ?? []), ...(hasTypeMeta(message) ? OF_KINDS : [])]
  for (const { name, type, required } of message.fields) {
    const member = value[name]
    if (type.kind === 'message' && structs.includes(name)) {
      const inner = messageTypes.get(type.name)
      if (inner) setOwn(out, name, ofMessage(member ?? {}, inner))
    } else if (required && member === undefined && (type.kind === 'list' || type.kind === 'map')) {
      setOwn(out, name, null)
    }
  }
  return out
}
