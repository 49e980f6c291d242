import type { PersistentVolumeClaim, Pod } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreExisting } from './claim.ts'
import { createObjectQueue } from './object-queue.ts'
import { controllerReference, isActivePod } from './pods.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'
import { CLAIM } from './volume-kinds.ts'

/** Makes the claims of generic ephemeral volumes, which go with their pod. @see EphemeralVolumeSource */
export function createEphemeralClaims(context: ControllerContext): Controller {
  const { client, informers } = context
  const pods = informers.of<Pod>(KINDS.pod)
  const claims = informers.of<PersistentVolumeClaim>(CLAIM)
  const queue = createObjectQueue(context, {
    name: 'ephemeral-claims',
    concurrency: 2,
    reads: [pods, claims],
    reconcile: async ({ namespace, name }) => {
      const pod = pods.get(name, namespace)
      if (!pod || !isActivePod(pod)) return undefined
      const wanted = claimsFor(pod).filter(({ metadata }) => !claims.get(metadata.name, namespace))
      await Promise.all(wanted.map((claim) => client.create(CLAIM, claim).catch(ignoreExisting)))
      return undefined
    },
  })
  pods.onChange((changes) => {
    for (const { key, after } of changes)
      if (after?.spec.volumes?.some((one) => one.ephemeral)) queue.add(key)
  })
  return { name: 'ephemeral-claims', stop: queue.stop }
}

function claimsFor(pod: Pod): readonly PersistentVolumeClaim[] {
  const { name, namespace = '' } = pod.metadata
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const template = volume.ephemeral?.volumeClaimTemplate
    if (!template) return []
    const { labels, annotations } = template.metadata ?? {}
    const metadata = {
      name: `${name}-${volume.name}`,
      namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: [controllerReference(pod)],
    }
    return [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: template.spec } as const]
  })
}
