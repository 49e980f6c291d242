import type { JsonRecord } from '../json.ts'
import type { FieldError } from '../schema/field-error.ts'
import {
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from './validate-access.ts'
import { validateAdmissionPolicy, validatePolicyBinding, validateWebhooks } from './validate-admission.ts'
import { validateAutoscaler } from './validate-autoscaler.ts'
import { validateCronJob, validateJob } from './validate-batch.ts'
import { validateEvent, validateLease, validateNode } from './validate-cluster.ts'
import { validateConfigMap, validateSecret } from './validate-data.ts'
import { validateDefinition } from './validate-definition.ts'
import { validateEndpoints, validateEndpointSlice } from './validate-endpoints.ts'
import { validateIngress, validateIngressClass, validateNetworkPolicy } from './validate-network.ts'
import { validatePod } from './validate-pod.ts'
import {
  validateBudget,
  validateLimitRange,
  validatePriorityClass,
  validateQuota,
} from './validate-policy.ts'
import { validateService } from './validate-service.ts'
import { validateClaim, validateStorageClass, validateVolume } from './validate-storage.ts'
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateStatefulSet,
} from './validate-workload.ts'

type Validator = (object: JsonRecord, old: JsonRecord | undefined) => readonly FieldError[]

/** What each kind asks beyond the types of its fields, by kind and group. */
export const VALIDATORS: Readonly<Record<string, Validator>> = {
  Pod: validatePod,
  Service: validateService,
  Endpoints: validateEndpoints,
  ConfigMap: validateConfigMap,
  Secret: validateSecret,
  PersistentVolume: validateVolume,
  PersistentVolumeClaim: validateClaim,
  ResourceQuota: validateQuota,
  LimitRange: validateLimitRange,
  Node: validateNode,
  Event: validateEvent,
  'Event.events.k8s.io': validateEvent,
  'Deployment.apps': validateDeployment,
  'ReplicaSet.apps': validateReplicaSet,
  'DaemonSet.apps': validateDaemonSet,
  'StatefulSet.apps': validateStatefulSet,
  'Job.batch': validateJob,
  'CronJob.batch': validateCronJob,
  'HorizontalPodAutoscaler.autoscaling': validateAutoscaler,
  'PodDisruptionBudget.policy': validateBudget,
  'PriorityClass.scheduling.k8s.io': validatePriorityClass,
  'StorageClass.storage.k8s.io': validateStorageClass,
  'EndpointSlice.discovery.k8s.io': validateEndpointSlice,
  'Ingress.networking.k8s.io': validateIngress,
  'IngressClass.networking.k8s.io': validateIngressClass,
  'NetworkPolicy.networking.k8s.io': validateNetworkPolicy,
  'Lease.coordination.k8s.io': validateLease,
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': validateWebhooks,
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': validateWebhooks,
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': validateAdmissionPolicy,
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': validatePolicyBinding,
  'CustomResourceDefinition.apiextensions.k8s.io': validateDefinition,
  'Role.rbac.authorization.k8s.io': validateRole,
  'ClusterRole.rbac.authorization.k8s.io': validateClusterRole,
  'RoleBinding.rbac.authorization.k8s.io': validateRoleBinding,
  'ClusterRoleBinding.rbac.authorization.k8s.io': validateClusterRoleBinding,
}
