import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import type { Authorizer } from './access.ts'
import { createGrants, type Grants } from './rbac-grants.ts'

const COLLECTIONS = ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'].map(
  (plural) => `rbac.authorization.k8s.io/${plural}`,
)

export interface StoreAuthorizer extends Authorizer {
  readonly stop: () => void
}

/** Decides by the roles and bindings in the store: a change of them counts from its commit on. */
export function createAuthorizer(store: Store): StoreAuthorizer {
  let grants: Grants | undefined
  const forget = () => (grants = undefined)
  const stops = COLLECTIONS.map((collection) => {
    const subscribed = store.subscribe({ collection, onEvents: forget })
    return subscribed.kind === 'subscribed' ? subscribed.stop : () => {}
  })
  const current = () => (grants ??= readGrants(store))
  return {
    authorize: (attributes) => current().decide(attributes),
    rulesOf: (user, namespace) => current().rulesOf(user, namespace),
    stop: () => stops.forEach((stop) => stop()),
  }
}

function readGrants(store: Store): Grants {
  return createGrants({
    roles: listed(store, 'roles') as readonly Role[],
    clusterRoles: listed(store, 'clusterroles') as readonly ClusterRole[],
    roleBindings: listed(store, 'rolebindings') as readonly RoleBinding[],
    clusterRoleBindings: listed(store, 'clusterrolebindings') as readonly ClusterRoleBinding[],
  })
}

function listed(store: Store, plural: string): readonly KubeObject[] {
  const result = store.list({ collection: `rbac.authorization.k8s.io/${plural}` })
  return result.kind === 'listed' ? result.objects.map(({ object }) => object) : []
}
