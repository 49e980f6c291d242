import type { Pod } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'

export interface MeshVersion {
  /** Versions of the control plane's running pods, each once; empty when none runs. */
  readonly controlPlane: readonly string[]
  /** Version → how many running proxies have it. */
  readonly dataPlane: Readonly<Record<string, number>>
}

/** Which versions run in the cluster, by the tags of the images of ready pods. */
export async function meshVersion(client: KubeClient, namespace: string): Promise<MeshVersion> {
  const [istiods, pods] = await Promise.all([
    client.list<Pod>(KINDS.pod, { namespace, labelSelector: 'app=istiod' }),
    client.list<Pod>(KINDS.pod),
  ])
  const running = (items: readonly Pod[]) => items.filter((pod) => pod.status?.phase === 'Running')
  const controlPlane = running(istiods.items).flatMap((pod) => versionOf(pod, 'discovery') ?? [])
  const dataPlane: Record<string, number> = {}
  for (const pod of running(pods.items)) {
    const version = versionOf(pod, 'istio-proxy')
    if (version !== undefined) dataPlane[version] = (dataPlane[version] ?? 0) + 1
  }
  return { controlPlane: [...new Set(controlPlane)], dataPlane }
}

function versionOf(pod: Pod, container: string): string | undefined {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const image = all.find(({ name }) => name === container)?.image
  const colon = image?.lastIndexOf(':') ?? -1
  return image === undefined || colon < 0 ? undefined : image.slice(colon + 1)
}
