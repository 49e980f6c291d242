import { messageTypes } from '../fields/message.ts'
import { isRecord, type JsonRecord, type MutableRecord } from '../json.ts'
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPathSegment,
  type NameCheck,
} from '../names.ts'
import { formatGroupKind, type GroupVersionKind } from '../object.ts'
import { checkMetadata } from '../schema/compile.ts'
import type { CompiledSchema } from '../schema/compiled.ts'
import type { FieldError } from '../schema/field-error.ts'
import { messageSchemas } from '../schema/message-schema.ts'
import { defaultValue } from '../schema/defaults.ts'
import { pruneValue } from '../schema/prune.ts'
import { createPatternCache } from '../schema/regex.ts'
import type { StructuralSchema } from '../schema/structural.ts'
import { validateValue } from '../schema/validate.ts'
import { defaultBuiltIn } from './defaults.ts'
import { normalizeMessage } from './normalize.ts'
import { validateDefinition, validateWebhooks } from './validate-extension.ts'
import { validatePodSpec, validatePodUpdate } from './validate-pod.ts'
import {
  validateConfigMap,
  validateEndpointSlice,
  validateLease,
  validateRole,
  validateRoleBinding,
  validateSecret,
  validateService,
} from './validate-service.ts'
import {
  validateAutoscaler,
  validateCronJob,
  validateDeployment,
  validateJob,
  validateStatefulSet,
  validateWorkload,
} from './validate-workload.ts'
import { getRecord } from '../json.ts'

type Validator = (object: JsonRecord, old: JsonRecord | undefined) => readonly FieldError[]

const VALIDATORS: Readonly<Record<string, Validator>> = {
  Pod: validatePod,
  Service: validateService,
  ConfigMap: validateConfigMap,
  Secret: validateSecret,
  'Deployment.apps': validateDeployment,
  'ReplicaSet.apps': (object, old) => validateWorkload(object, old, 'replicaset'),
  'DaemonSet.apps': (object, old) => validateWorkload(object, old, 'daemonset'),
  'StatefulSet.apps': validateStatefulSet,
  'Job.batch': validateJob,
  'CronJob.batch': validateCronJob,
  'HorizontalPodAutoscaler.autoscaling': validateAutoscaler,
  'EndpointSlice.discovery.k8s.io': validateEndpointSlice,
  'Lease.coordination.k8s.io': validateLease,
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': validateWebhooks,
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': validateWebhooks,
  'CustomResourceDefinition.apiextensions.k8s.io': validateDefinition,
  'Role.rbac.authorization.k8s.io': validateRole,
  'ClusterRole.rbac.authorization.k8s.io': validateRole,
  'RoleBinding.rbac.authorization.k8s.io': validateRoleBinding,
  'ClusterRoleBinding.rbac.authorization.k8s.io': validateRoleBinding,
}

function validatePod(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const before = getRecord(old, 'spec')
  return [...validatePodSpec(spec, 'spec'), ...(before ? validatePodUpdate(spec, before) : [])]
}

/** Kinds whose names follow another rule than DNS subdomains. */
const NAME_CHECKS: Readonly<Record<string, NameCheck>> = {
  Namespace: checkDns1123Label,
  Service: checkDns1035Label,
  'Role.rbac.authorization.k8s.io': checkPathSegment,
  'ClusterRole.rbac.authorization.k8s.io': checkPathSegment,
  'RoleBinding.rbac.authorization.k8s.io': checkPathSegment,
  'ClusterRoleBinding.rbac.authorization.k8s.io': checkPathSegment,
}

/** The rule for names of a built-in kind. */
export function nameCheckOf(groupKind: string): NameCheck {
  return (Object.hasOwn(NAME_CHECKS, groupKind) ? NAME_CHECKS[groupKind] : undefined) ?? checkDns1123Subdomain
}

/**
 * Pruning, defaulting and validation of a built-in kind.
 * @returns undefined for a kind that is not built in
 */
export function builtInSchema(gvk: GroupVersionKind): CompiledSchema | undefined {
  const message = messageTypes.ofKind(gvk)
  const schema = message && messageSchemas.get(message.name)
  if (!message || !schema) return undefined
  const groupKind = formatGroupKind(gvk)
  const patterns = createPatternCache()
  return {
    prune: (value) => {
      const pruned: string[] = []
      const kept = pruneValue(withStringData(schema, groupKind), value, { path: '', root: false, pruned })
      return { value: kept, pruned: pruned.sort() }
    },
    applyDefaults: (value) => {
      const copy = defaultValue(schema, normalizeMessage(value, message))
      if (!isRecord(copy)) return copy
      const object = copy as MutableRecord
      defaultBuiltIn(object, groupKind)
      return object
    },
    validate: (value, old) => {
      const types = [
        ...validateValue({ schema, value, path: '' }, patterns),
        ...checkMetadata(value, nameCheckOf(groupKind)),
      ]
      if (!isRecord(value) || types.some((error) => error.wrongType)) return withoutRepeats(types)
      const validator = Object.hasOwn(VALIDATORS, groupKind) ? VALIDATORS[groupKind] : undefined
      return withoutRepeats([...types, ...(validator?.(value, isRecord(old) ? old : undefined) ?? [])])
    },
  }
}

/** A kind's own check and its field table may find the same fault; it is reported once. */
function withoutRepeats(errors: readonly FieldError[]): readonly FieldError[] {
  const seen = new Set<string>()
  return errors.filter((error) => {
    const key = `${error.type} ${error.path} ${error.type === 'Required value' ? '' : error.detail}`
    return !seen.has(key) && seen.add(key)
  })
}

/** `stringData` never reaches the store, but a writer may send it. */
function withStringData(schema: StructuralSchema, groupKind: string): StructuralSchema {
  if (groupKind !== 'Secret') return schema
  const stringData = { type: 'object', additionalProperties: { type: 'string' } } as const
  return { ...schema, properties: { ...schema.properties, stringData } }
}
