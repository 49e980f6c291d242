import { getList, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1123Subdomain, checkPathSegment } from '../names.ts'
import { type FieldError, invalid, required, unsupported } from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import { checkText, checkUnchanged, validateLabelSelector } from './checks.ts'

const RBAC_GROUP = 'rbac.authorization.k8s.io'

export function validateRole(object: JsonRecord): readonly FieldError[] {
  return validateRules(object, true)
}

export function validateClusterRole(object: JsonRecord): readonly FieldError[] {
  const aggregation = getRecord(object, 'aggregationRule')
  const selectors = getList(aggregation, 'clusterRoleSelectors')
  const path = 'aggregationRule.clusterRoleSelectors'
  const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil'
  return [
    ...validateRules(object, false),
    ...(aggregation && selectors.length === 0 ? [required(path, detail)] : []),
    ...selectors.flatMap((selector, index) =>
      isRecord(selector) ? validateLabelSelector(selector, `${path}[${index}]`) : [],
    ),
  ]
}

function validateRules(object: JsonRecord, isNamespaced: boolean): readonly FieldError[] {
  return getList(object, 'rules').flatMap((rule, index) => {
    const at = `rules[${index}]`
    const urls = getList(rule, 'nonResourceURLs')
    const hasResources = ['apiGroups', 'resources', 'resourceNames'].some(
      (field) => getList(rule, field).length > 0,
    )
    const errors: FieldError[] = []
    if (getList(rule, 'verbs').length === 0) errors.push(required(`${at}.verbs`))
    if (urls.length > 0) {
      const refuse = (detail: string) => errors.push(invalid(`${at}.nonResourceURLs`, urls, detail))
      if (isNamespaced) refuse('namespaced rules cannot apply to non-resource URLs')
      if (hasResources) refuse('rules cannot apply to both regular resources and non-resource URLs')
      return errors
    }
    if (getList(rule, 'apiGroups').length === 0)
      errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    if (getList(rule, 'resources').length === 0)
      errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    return errors
  })
}

type Check = (object: JsonRecord, old: JsonRecord | undefined) => readonly FieldError[]

export const validateRoleBinding: Check = (object, old) =>
  validateBinding(object, old, ['Role', 'ClusterRole'])

export const validateClusterRoleBinding: Check = (object, old) =>
  validateBinding(object, old, ['ClusterRole'])

function validateBinding(
  object: JsonRecord,
  old: JsonRecord | undefined,
  kinds: readonly string[],
): readonly FieldError[] {
  const role = getRecord(object, 'roleRef')
  const [group, kind] = [getString(role, 'apiGroup') ?? '', getString(role, 'kind') ?? '']
  const name = getString(role, 'name') ?? ''
  const values = { now: role, before: getPath(old, 'roleRef'), shown: goForm(role, 'rbac/v1.RoleRef') }
  const isNamespaced = kinds.includes('Role')
  return [
    ...(group === RBAC_GROUP ? [] : [unsupported('roleRef.apiGroup', group, [RBAC_GROUP])]),
    ...(kinds.includes(kind) ? [] : [unsupported('roleRef.kind', kind, kinds)]),
    ...(name === '' ? [] : checkText(name, checkPathSegment, 'roleRef.name')),
    ...getList(object, 'subjects').flatMap((subject, index) =>
      validateSubject(subject, `subjects[${index}]`, isNamespaced),
    ),
    ...(name === '' ? [required('roleRef.name')] : []),
    ...(old ? checkUnchanged('roleRef', values) : []),
  ]
}

function validateSubject(subject: unknown, path: string, isNamespaced: boolean): readonly FieldError[] {
  const name = getString(subject, 'name') ?? ''
  const kind = getString(subject, 'kind') ?? ''
  const group = getString(subject, 'apiGroup') ?? ''
  const errors: FieldError[] = name === '' ? [required(`${path}.name`)] : []
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...checkText(name, checkDns1123Subdomain, `${path}.name`))
      if (group !== '') errors.push(unsupported(`${path}.apiGroup`, group, ['']))
      if (!isNamespaced && (getString(subject, 'namespace') ?? '') === '')
        errors.push(required(`${path}.namespace`))
      return errors
    case 'User':
    case 'Group':
      if (group !== RBAC_GROUP) errors.push(unsupported(`${path}.apiGroup`, group, [RBAC_GROUP]))
      return errors
    default:
      return [...errors, unsupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group'])]
  }
}
