import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkDns1035Label,
  checkPathSegment,
  type FieldError,
  type KubeObject,
  type NameCheck,
  validateObjectMeta,
} from '../../../kube/index.ts'
import type { ServedResource } from '../resources.ts'

/** Kinds whose names must fit where a label of DNS, or one segment of a path, is wanted. */
const NAME_CHECKS: Readonly<Record<string, NameCheck>> = {
  'core/namespaces': checkDns1123Label,
  'core/services': checkDns1035Label,
  'rbac.authorization.k8s.io/roles': checkPathSegment,
  'rbac.authorization.k8s.io/rolebindings': checkPathSegment,
  'rbac.authorization.k8s.io/clusterroles': checkPathSegment,
  'rbac.authorization.k8s.io/clusterrolebindings': checkPathSegment,
}

export function validateMetadata(object: KubeObject, resource: ServedResource): readonly FieldError[] {
  return validateObjectMeta(object.metadata, NAME_CHECKS[resource.collection] ?? checkDns1123Subdomain)
}

/** What an update may not do to metadata. */
export function validateMetadataUpdate(object: KubeObject, current: KubeObject): readonly FieldError[] {
  if (current.metadata.deletionTimestamp === undefined) return []
  const before = new Set(current.metadata.finalizers ?? [])
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer))
  if (added.length === 0) return []
  const list = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`
  return [{ type: 'Forbidden', path: 'metadata.finalizers', detail }]
}
