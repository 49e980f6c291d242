import type { ClusterRole, KubeObject, PolicyRule, RoleBinding } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import type { AdmissionRequest } from '../admission/types.ts'
import { sameJson, withMembers } from '../json.ts'
import type { User } from '../request.ts'
import { forbidden, notFound, type StatusError } from '../status-error.ts'
import { type Authorizer, isSuperuser } from './access.ts'
import { compactRules, describeRule, EVERYTHING, missingRules, quotedList } from './rbac-rules.ts'

const GROUP = 'rbac.authorization.k8s.io'

/**
 * Nobody gives away more than they hold: who writes a role must hold its rules (or may `escalate` it), who binds one
 * must hold the rules of the role (or may `bind` it).
 * @throws StatusError 403
 */
export function checkEscalation(store: Store, authorizer: Authorizer, request: AdmissionRequest): void {
  const { asked, object, old } = request
  const { info } = asked.resource
  const { user } = asked.request
  if (info.group !== GROUP || !object || isSuperuser(user)) return
  if (old && onlyCollectorFieldsDiffer(object, old)) return
  const namespace = asked.path.namespace
  const refuse = (detail: string) => forbidden(info, object.metadata.name, detail)
  switch (info.kind) {
    case 'Role':
    case 'ClusterRole': {
      const target = { plural: info.plural, name: object.metadata.name, namespace }
      if (may(authorizer, user, 'escalate', target)) return
      const { rules = [], aggregationRule } = object as ClusterRole
      const isAggregated = aggregationRule !== undefined
      if (isAggregated && missingRules(authorizer.rulesOf(user, '').rules, EVERYTHING).length > 0) {
        throw refuse('must have cluster-admin privileges to use the aggregationRule')
      }
      return checkHeld(authorizer, { user, namespace, wanted: rules }, refuse)
    }
    case 'RoleBinding':
    case 'ClusterRoleBinding': {
      const { roleRef } = object as RoleBinding
      const plural = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
      const target = { plural, name: roleRef.name, namespace }
      if (may(authorizer, user, 'bind', target)) return
      const wanted = rulesOfRole(store, target)
      return checkHeld(authorizer, { user, namespace, wanted }, refuse)
    }
  }
}

interface RoleTarget {
  readonly plural: string
  readonly name: string
  readonly namespace: string
}

function may(authorizer: Authorizer, user: User, verb: string, { plural, name, namespace }: RoleTarget) {
  const path = { group: GROUP, version: 'v1', plural, namespace, name, subresource: '' }
  return authorizer.authorize({ kind: 'resource', user, verb, path }).allowed
}

function rulesOfRole(store: Store, { plural, name, namespace }: RoleTarget): readonly PolicyRule[] {
  const home = plural === 'roles' ? namespace : ''
  const role = store.get({ collection: `${GROUP}/${plural}`, namespace: home, name })?.object
  if (!role) throw notFound({ group: GROUP, plural }, name)
  return (role as ClusterRole).rules ?? []
}

function checkHeld(
  authorizer: Authorizer,
  asks: { readonly user: User; readonly namespace: string; readonly wanted: readonly PolicyRule[] },
  refuse: (detail: string) => StatusError,
): void {
  const { user, namespace, wanted } = asks
  const held = authorizer.rulesOf(user, namespace)
  const missing = missingOrRefused(held.rules, wanted, refuse)
  if (missing.length === 0) return
  const rules = compactRules(missing).map(describeRule).sort().join('\n')
  const errors = held.errors.length === 0 ? '' : `; resolution errors: [${held.errors.join(', ')}]`
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`
  throw refuse(`${who} is attempting to grant RBAC permissions not currently held:\n${rules}${errors}`)
}

function missingOrRefused(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
  refuse: (detail: string) => StatusError,
): readonly PolicyRule[] {
  try {
    return missingRules(held, wanted)
  } catch (error) {
    if (error instanceof RangeError) throw refuse(error.message)
    throw error
  }
}

/** The garbage collector changes owners and finalizers of roles that it could not grant. */
function onlyCollectorFieldsDiffer(object: KubeObject, old: KubeObject): boolean {
  const strip = (value: KubeObject) => ({
    ...value,
    metadata: withMembers(value.metadata, {
      ownerReferences: undefined,
      finalizers: undefined,
      managedFields: undefined,
    }),
  })
  return sameJson(strip(object), strip(old))
}
