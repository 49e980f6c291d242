import { type KubeObject, parseQuantity } from '../../kube/index.ts'
import { ApiError, type KindRef, type KubeClient } from '../../kube/client/index.ts'

const POD_METRICS: KindRef = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  plural: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
}

interface PodMetrics extends KubeObject {
  readonly timestamp: string
  readonly window: string
  readonly containers: readonly {
    readonly name: string
    readonly usage: Readonly<Record<string, string>>
  }[]
}

/** What pods use of one resource, in thousandths of its unit. */
export interface PodUse {
  readonly millis: number
  readonly atMs: number
  readonly windowMs: number
}

/**
 * What the pods of a namespace use, by name, as metrics.k8s.io says.
 * @param container '' for the pod as a whole
 * @throws ApiError when nothing is measured
 */
export async function podUses(
  client: KubeClient,
  asked: { readonly namespace: string; readonly resource: string; readonly container: string },
): Promise<ReadonlyMap<string, PodUse>> {
  const { items } = await client.list<PodMetrics>(POD_METRICS, { namespace: asked.namespace })
  const uses = new Map<string, PodUse>()
  for (const { metadata, timestamp, window, containers } of items) {
    const counted = containers.filter(({ name }) => asked.container === '' || name === asked.container)
    const amounts = counted.map(({ usage }) => usage[asked.resource])
    // A container without a figure makes the pod one without.
    if (amounts.length === 0 || amounts.includes(undefined)) continue
    const millis = amounts.reduce((sum, amount) => sum + millisOf(amount ?? '0'), 0)
    uses.set(metadata.name, {
      millis,
      atMs: Date.parse(timestamp),
      windowMs: Number.parseFloat(window) * 1000,
    })
  }
  return uses
}

export function millisOf(quantity: string): number {
  const parsed = parseQuantity(quantity)
  return parsed ? Number((parsed.nanos + 999_999n) / 1_000_000n) : 0
}

/** Why there are no figures, as the autoscaler of Kubernetes would be told. */
export function metricsProblem(error: unknown): string {
  const detail = error instanceof ApiError ? error.message : String(error)
  return `unable to fetch metrics from resource metrics API: ${detail}`
}
