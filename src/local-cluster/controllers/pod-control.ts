import { messageOf } from '../../base/index.ts'
import type { KubeObject, Pod, PodTemplateSpec } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'
import type { EventRecorder } from './events.ts'
import type { Expectations } from './expectations.ts'
import { controllerReference } from './pods.ts'

/** Makes and deletes the pods of owners, says so in events, and expects to see it. */
export interface PodControl {
  /** One, two, four…: where the first is refused, a hundred others need not be. @throws what the first refusal was */
  readonly create: (owner: KubeObject, pods: readonly Pod[], key: string) => Promise<void>
  /** All of them, whichever fails. @throws what the first refusal was */
  readonly remove: (owner: KubeObject, pods: readonly Pod[], key: string) => Promise<void>
}

export function createPodControl(options: {
  readonly client: KubeClient
  readonly events: EventRecorder
  readonly expectations: Expectations
  readonly component: string
}): PodControl {
  const { client, events, expectations, component } = options

  const createOne = async (owner: KubeObject, wanted: Pod, key: string) => {
    try {
      const pod = await client.create<Pod>(KINDS.pod, wanted)
      expectations.created(key, pod.metadata.uid ?? '')
      const message = `Created pod: ${pod.metadata.name}`
      events.record(owner, { type: 'Normal', reason: 'SuccessfulCreate', message, component })
    } catch (error) {
      const message = `Error creating: ${messageOf(error)}`
      events.record(owner, { type: 'Warning', reason: 'FailedCreate', message, component })
      throw error
    }
  }

  const removeOne = async (owner: KubeObject, pod: Pod, key: string) => {
    const { name, namespace, uid = '' } = pod.metadata
    expectations.deleted(key, uid)
    try {
      await client.delete(KINDS.pod, name, namespace, { uid })
      const message = `Deleted pod: ${name}`
      events.record(owner, { type: 'Normal', reason: 'SuccessfulDelete', message, component })
    } catch (error) {
      expectations.observe(uid, false) // nothing will be seen of a deletion that was refused
      const message = `Error deleting: ${messageOf(error)}`
      events.record(owner, { type: 'Warning', reason: 'FailedDelete', message, component })
      throw error
    }
  }

  return {
    async create(owner, pods, key) {
      for (let made = 0, batch = 1; made < pods.length; made += batch, batch *= 2) {
        const now = pods.slice(made, made + batch)
        rethrowFirst(await Promise.allSettled(now.map((pod) => createOne(owner, pod, key))))
      }
    },
    async remove(owner, pods, key) {
      rethrowFirst(await Promise.allSettled(pods.map((pod) => removeOne(owner, pod, key))))
    },
  }
}

/** A pod of an owner's template, with a name of its own or a generated one. */
export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplateSpec | undefined,
  name: { readonly name: string } | { readonly generateName: string },
): Pod {
  const { namespace } = owner.metadata
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      ...name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template?.spec ?? { containers: [] },
  }
}

function rethrowFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}
