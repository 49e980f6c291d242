import { withMembers } from '../json.ts'
import type { ServedResource } from '../resources.ts'
import { CRD_HOOKS, refusingWhenLeaving } from './crd.ts'
import { DAEMON_SET_HOOKS } from './daemonset.ts'
import { POLICY_HOOKS, WEBHOOK_HOOKS } from './expressions.ts'
import type { KindHooks } from './hook-types.ts'
import { INITIAL_STATUS } from './initial-status.ts'
import { JOB_HOOKS } from './job.ts'
import { NAMESPACE_HOOKS } from './namespace.ts'
import { POD_HOOKS } from './pod.ts'
import { SECRET_HOOKS } from './secret.ts'
import { SERVICE_HOOKS } from './service.ts'

const PLAIN: KindHooks = {
  prepareCreate: (object) => object,
  prepareUpdate: (object) => object,
  validate: () => [],
  reserve: (object) => ({ object, release: () => {} }),
  onMarkedDeleted: (object) => object,
  checkDelete: () => {},
}

const HOOKS: Readonly<Record<string, Partial<KindHooks>>> = {
  'core/namespaces': NAMESPACE_HOOKS,
  'core/pods': POD_HOOKS,
  'core/secrets': SECRET_HOOKS,
  'core/services': SERVICE_HOOKS,
  'apps/daemonsets': DAEMON_SET_HOOKS,
  'batch/jobs': JOB_HOOKS,
  'apiextensions.k8s.io/customresourcedefinitions': CRD_HOOKS,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': WEBHOOK_HOOKS,
  'admissionregistration.k8s.io/validatingadmissionpolicies': POLICY_HOOKS,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': WEBHOOK_HOOKS,
}

const BY_COLLECTION: ReadonlyMap<string, KindHooks> = new Map(
  [...new Set([...Object.keys(HOOKS), ...Object.keys(INITIAL_STATUS)])].map((collection) => [
    collection,
    startingWith(INITIAL_STATUS[collection], { ...PLAIN, ...HOOKS[collection] }),
  ]),
)

function startingWith(status: unknown, hooks: KindHooks): KindHooks {
  if (status === undefined) return hooks
  const prepareCreate: KindHooks['prepareCreate'] = (object, context) =>
    hooks.prepareCreate(withMembers(object, { status }), context)
  return { ...hooks, prepareCreate }
}

export function hooksOf(resource: ServedResource): KindHooks {
  if (resource.isCustom) return { ...PLAIN, prepareCreate: refusingWhenLeaving(resource) }
  return BY_COLLECTION.get(resource.collection) ?? PLAIN
}
