import { messageTypes } from '../fields/message.ts'
import { isRecord, type MutableRecord } from '../json.ts'
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPathSegment,
  type NameCheck,
  validateStandardFinalizers,
} from '../names.ts'
import { formatGroupKind, type GroupVersionKind } from '../object.ts'
import { checkMetadata } from '../schema/compile.ts'
import type { CompiledSchema } from '../schema/compiled.ts'
import { inFieldOrder } from '../schema/field-order.ts'
import { messageSchemas } from '../schema/message-schema.ts'
import { defaultValue } from '../schema/defaults.ts'
import { pruneValue } from '../schema/prune.ts'
import { createPatternCache } from '../schema/regex.ts'
import { missingTexts } from '../schema/required.ts'
import type { StructuralSchema } from '../schema/structural.ts'
import { validateValue } from '../schema/validate.ts'
import { defaultBuiltIn } from './defaults.ts'
import { normalizeMessage } from './normalize.ts'
import { VALIDATORS } from './validators.ts'

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
      const metadata = checkMetadata(value, nameCheckOf(groupKind))
      const ofTable = validateValue({ schema, value, path: '' }, patterns)
      if (!isRecord(value) || ofTable.some((error) => error.wrongType)) return [...metadata, ...ofTable]
      const validator = Object.hasOwn(VALIDATORS, groupKind) ? VALIDATORS[groupKind] : undefined
      const own = validator?.(value, isRecord(old) ? old : undefined) ?? []
      return [
        ...metadata,
        ...(WITH_FREE_FINALIZERS.has(gvk.group) ? [] : validateStandardFinalizers(value['metadata'])),
        ...inFieldOrder(own, [...missingTexts(value, message), ...ofTable], message),
      ]
    },
  }
}

/** Groups whose objects, like custom resources, may have finalizers of any name. */
const WITH_FREE_FINALIZERS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'coordination.k8s.io',
])

/** `stringData` never reaches the store, but a writer may send it. */
function withStringData(schema: StructuralSchema, groupKind: string): StructuralSchema {
  if (groupKind !== 'Secret') return schema
  const stringData = { type: 'object', additionalProperties: { type: 'string' } } as const
  return { ...schema, properties: { ...schema.properties, stringData } }
}
