import type { Clock } from '../../base/index.ts'
import type {
  CustomResourceDefinition,
  Deployment,
  KubeObject,
  MutatingWebhookConfiguration,
  Pod,
} from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'

const POLL_MS = 100

export interface WaitOptions {
  readonly client: KubeClient
  readonly clock: Clock
  /** By the monotonic clock. */
  readonly deadline: number
  readonly signal?: AbortSignal
}

/** Waits until everything is ready. @throws Error at the deadline, with what is not ready and why */
export async function waitUntilReady(objects: readonly KubeObject[], options: WaitOptions): Promise<void> {
  const { clock, deadline, signal } = options
  let waiting = objects
  for (;;) {
    const states = await Promise.all(
      waiting.map(async (object) => ({ object, missing: await missing(object, options.client) })),
    )
    const unready = states.filter((state) => state.missing !== undefined)
    if (unready.length === 0) return
    if (clock.monotonic() >= deadline) {
      const lines = await Promise.all(unready.map((state) => describe(state, options.client)))
      throw new Error(`timed out while waiting for these to become ready:\n${lines.join('\n')}`)
    }
    waiting = unready.map((state) => state.object)
    await clock.sleep(POLL_MS, signal)
  }
}

async function describe(
  { object, missing }: { readonly object: KubeObject; readonly missing: string | undefined },
  client: KubeClient,
): Promise<string> {
  const { namespace, name } = object.metadata
  const line = `  ${object.kind}/${namespace === undefined ? '' : `${namespace}/`}${name} (${missing})`
  if (object.kind !== 'Deployment') return line
  const labels = Object.entries((object as Deployment).spec.selector?.matchLabels ?? {})
  const labelSelector = labels.map(([label, value]) => `${label}=${value}`).join(',')
  const { items } = await client.list<Pod>(KINDS.pod, { ...(namespace ? { namespace } : {}), labelSelector })
  return [line, ...items.filter((pod) => !isReady(pod)).map((pod) => `    ${podProblem(pod)}`)].join('\n')
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

function podProblem(pod: Pod): string {
  const { conditions = [], containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const unmet = conditions.find(({ status, message }) => status !== 'True' && message !== undefined)
  const waiting = [...initContainerStatuses, ...containerStatuses].flatMap(({ name, state }) =>
    state?.waiting
      ? [`${name}: ${state.waiting.reason}: ${state.waiting.message ?? ''}`.replace(/: $/, '')]
      : [],
  )
  return [`Pod/${pod.metadata.name}: ${unmet?.message ?? 'not ready'}`, ...waiting].join('; ')
}

/** @returns why it is not ready; undefined when it is */
async function missing(object: KubeObject, client: KubeClient): Promise<string | undefined> {
  const { name, namespace } = object.metadata
  switch (object.kind) {
    case 'CustomResourceDefinition': {
      const present = await client.get<CustomResourceDefinition>(KINDS.customResourceDefinition, name)
      const established = present?.status?.conditions?.find((condition) => condition.type === 'Established')
      return established?.status === 'True' ? undefined : (established?.message ?? 'not established')
    }
    case 'Deployment':
      return unavailable(await client.get<Deployment>(KINDS.deployment, name, namespace))
    case 'MutatingWebhookConfiguration': {
      const present = await client.get<MutatingWebhookConfiguration>(KINDS.mutatingWebhookConfiguration, name)
      const trusted = present?.webhooks?.every((webhook) => (webhook.clientConfig.caBundle ?? '') !== '')
      return trusted ? undefined : 'istiod has not given it its certificate authority yet'
    }
    default:
      return undefined
  }
}

function unavailable(deployment: Deployment | undefined): string | undefined {
  if (!deployment) return 'it does not exist'
  const { generation = 0 } = deployment.metadata
  const { observedGeneration = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {}
  if (observedGeneration < generation) return 'not looked at yet by its controller'
  const wanted = deployment.spec.replicas ?? 1
  if (updatedReplicas < wanted) return `${updatedReplicas} of ${wanted} replicas are up to date`
  if (availableReplicas < wanted) return `${availableReplicas} of ${wanted} replicas are available`
  return undefined
}
