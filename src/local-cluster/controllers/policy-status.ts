import type { KubeObject } from '../../kube/index.ts'
import type { KindRef } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

const POLICY: KindRef = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
  namespaced: false,
}

interface Policy extends KubeObject {
  readonly status?: { readonly observedGeneration?: number }
}

/**
 * Says of ValidatingAdmissionPolicies that they are looked at. An expression that cannot be read has been refused when
 * the policy was written; types are not checked any further, so there are no warnings to tell.
 */
export function createPolicyStatusController(context: ControllerContext): Controller {
  const { client, informers } = context
  const policies = informers.of<Policy>(POLICY)
  const queue = createObjectQueue(context, {
    name: 'policy-status',
    concurrency: 1,
    reads: [policies],
    reconcile: async ({ name }) => {
      const policy = policies.get(name)
      const generation = policy?.metadata.generation ?? 0
      if (!policy || (policy.status?.observedGeneration ?? 0) >= generation) return undefined
      const status = { ...policy.status, observedGeneration: generation, typeChecking: {} }
      await client.update(POLICY, { ...policy, status }, { subresource: 'status' }).catch(ignoreOvertaken)
      return undefined
    },
  })
  policies.onChange((changes) => changes.forEach(({ key }) => queue.add(key)))
  return { name: 'policy-status', stop: queue.stop }
}
