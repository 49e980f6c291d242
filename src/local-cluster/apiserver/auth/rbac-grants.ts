import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../kube/index.ts'
import type { User } from '../request.ts'
import { isSuperuser, type Attributes, type Decision, type UserRules } from './access.ts'
import { EVERYTHING, ruleAllows } from './rbac-rules.ts'

export interface RbacObjects {
  readonly roles: readonly Role[]
  readonly clusterRoles: readonly ClusterRole[]
  readonly roleBindings: readonly RoleBinding[]
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
}

/** What one subject of one binding is given. */
interface Grant {
  /** '' where it holds in the whole cluster */
  readonly namespace: string
  readonly description: string
  readonly rules: readonly PolicyRule[] | undefined
  readonly missing: string
}

export interface Grants {
  readonly decide: (attributes: Attributes) => Decision
  readonly rulesOf: (user: User, namespace: string) => UserRules
}

const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:'

/**
 * Role based access control as a pure decision: one rule of one binding that allows is enough, nothing forbids.
 * Grants are looked up by subject, so a decision costs what its user was granted, not what the cluster holds.
 */
export function createGrants(objects: RbacObjects): Grants {
  const bySubject = indexGrants(objects)
  const grantsOf = (user: User, namespace: string): readonly Grant[] => {
    const found = [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)].flatMap((key) =>
      (bySubject.get(key) ?? []).filter((grant) => grant.namespace === '' || grant.namespace === namespace),
    )
    return found.length < 2 ? found : [...new Set(found)]
  }
  return {
    decide(attributes) {
      if (isSuperuser(attributes.user)) return { allowed: true, reason: '' }
      const namespace = attributes.kind === 'resource' ? attributes.path.namespace : ''
      const grants = grantsOf(attributes.user, namespace)
      let reason: string | undefined
      for (const { rules, description } of grants) {
        if (!rules?.some((rule) => ruleAllows(rule, attributes))) continue
        if (reason === undefined || description < reason) reason = description
      }
      if (reason !== undefined) return { allowed: true, reason: `RBAC: allowed by ${reason}` }
      const missing = missingOf(grants)
      return { allowed: false, reason: missing.length === 0 ? '' : `RBAC: ${formatErrors(missing)}` }
    },
    rulesOf(user, namespace) {
      const grants = grantsOf(user, namespace)
      const ofRoles = grants.flatMap(({ rules }) => rules ?? [])
      return { rules: isSuperuser(user) ? [...EVERYTHING, ...ofRoles] : ofRoles, errors: missingOf(grants) }
    },
  }
}

function missingOf(grants: readonly Grant[]): readonly string[] {
  return [...new Set(grants.flatMap(({ rules, missing }) => (rules ? [] : [missing])))].sort()
}

function formatErrors(errors: readonly string[]): string {
  return errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`
}

function indexGrants(objects: RbacObjects): ReadonlyMap<string, readonly Grant[]> {
  const clusterRoles = new Map(objects.clusterRoles.map((role) => [role.metadata.name, role.rules ?? []]))
  const roles = new Map(
    objects.roles.map(({ metadata, rules }) => [`${metadata.namespace}/${metadata.name}`, rules ?? []]),
  )
  const bySubject = new Map<string, Grant[]>()
  const add = (binding: RoleBinding | ClusterRoleBinding, namespace: string) => {
    const { roleRef, metadata } = binding
    const rules =
      roleRef.kind === 'Role' ? roles.get(`${namespace}/${roleRef.name}`) : clusterRoles.get(roleRef.name)
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace)
      if (key === undefined) continue
      const name = namespace === '' ? metadata.name : `${metadata.name}/${namespace}`
      const to = describeSubject(subject, namespace)
      const description = `${binding.kind} ${quote(name)} of ${roleRef.kind} ${quote(roleRef.name)} to ${to}`
      const grant = { namespace, rules, description, missing: `${roleName(roleRef)} not found` }
      bySubject.set(key, [...(bySubject.get(key) ?? []), grant])
    }
  }
  for (const binding of objects.clusterRoleBindings) add(binding, '')
  for (const binding of objects.roleBindings) add(binding, binding.metadata.namespace ?? '')
  return bySubject
}

/** A ServiceAccount is a user by another name. */
function subjectKey({ kind, name, namespace }: Subject, ofBinding: string): string | undefined {
  switch (kind) {
    case 'User':
    case 'Group':
      return `${kind} ${name}`
    case 'ServiceAccount': {
      const home = namespace || ofBinding
      return home === '' ? undefined : `User ${SERVICE_ACCOUNT_PREFIX}${home}:${name}`
    }
    default:
      return undefined
  }
}

function describeSubject({ kind, name, namespace }: Subject, ofBinding: string): string {
  if (kind !== 'ServiceAccount') return `${kind} ${quote(name)}`
  return `${kind} ${quote(`${name}/${namespace || ofBinding}`)}`
}

function roleName({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${quote(name)}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
