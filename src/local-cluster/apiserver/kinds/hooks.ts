import type { ServedResource } from '../resources.ts'
import { CRD_HOOKS } from './crd.ts'
import { POLICY_HOOKS, WEBHOOK_HOOKS } from './expressions.ts'
import type { KindHooks } from './hook-types.ts'
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

const BY_COLLECTION: ReadonlyMap<string, KindHooks> = new Map(
  Object.entries({
    'core/namespaces': NAMESPACE_HOOKS,
    'core/pods': POD_HOOKS,
    'core/secrets': SECRET_HOOKS,
    'core/services': SERVICE_HOOKS,
    'batch/jobs': JOB_HOOKS,
    'apiextensions.k8s.io/customresourcedefinitions': CRD_HOOKS,
    'admissionregistration.k8s.io/mutatingwebhookconfigurations': WEBHOOK_HOOKS,
    'admissionregistration.k8s.io/validatingadmissionpolicies': POLICY_HOOKS,
    'admissionregistration.k8s.io/validatingwebhookconfigurations': WEBHOOK_HOOKS,
  } satisfies Record<string, Partial<KindHooks>>).map(([collection, hooks]) => [
    collection,
    { ...PLAIN, ...hooks },
  ]),
)

export function hooksOf(resource: ServedResource): KindHooks {
  return BY_COLLECTION.get(resource.collection) ?? PLAIN
}
