import type { Pod } from '../src/kube/index.ts'
import { type KubeClient, KINDS } from '../src/kube/client/index.ts'

/** What the control plane has sent to all proxies together since it started. */
export interface Pushed {
  readonly bytes: number
  readonly responses: number
}

/** Reads istiod's own metrics. @throws when it is not there to be asked */
export async function pushedSoFar(client: KubeClient): Promise<Pushed> {
  const { items } = await client.list<Pod>(KINDS.pod, {
    namespace: 'istio-system',
    labelSelector: 'app=istiod',
  })
  const address = items.find((pod) => pod.status?.podIP !== undefined)?.status?.podIP
  if (address === undefined) throw new Error('istiod has no pod with an address')
  const answer = await fetch(`http://${address}:15014/metrics`)
  const text = await answer.text()
  return {
    bytes: sumOf(text, 'pilot_xds_config_size_bytes_sum'),
    responses: sumOf(text, 'pilot_xds_config_size_bytes_count'),
  }
}

/** Over all label sets of one metric in Prometheus' text format. */
function sumOf(text: string, metric: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
