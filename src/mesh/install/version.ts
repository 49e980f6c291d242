import type { Pod } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'

/** Under the names that `istioctl version -o json` has. */
export interface MeshVersion {
  /** One for each version and revision that a running control plane has; empty when none runs. */
  readonly meshVersion: readonly {
    readonly Component: 'pilot'
    readonly Revision: string
    readonly Info: { readonly version: string; readonly tag: string }
  }[]
  /** Every running proxy; ID is `pod.namespace`. */
  readonly dataPlaneVersion: readonly { readonly ID: string; readonly IstioVersion: string }[]
}

/** Which versions run in the cluster, by the tags of the images of running pods. */
export async function meshVersion(client: KubeClient, namespace: string): Promise<MeshVersion> {
  const [istiods, pods] = await Promise.all([
    client.list<Pod>(KINDS.pod, { namespace, labelSelector: 'app=istiod' }),
    client.list<Pod>(KINDS.pod),
  ])
  const controlPlane = new Map<string, MeshVersion['meshVersion'][number]>()
  for (const pod of istiods.items.filter(isRunning)) {
    const version = versionOf(pod, 'discovery')
    if (version === undefined) continue
    const Revision = pod.metadata.labels?.['istio.io/rev'] ?? 'default'
    const info = { Component: 'pilot', Revision, Info: { version, tag: version } } as const
    controlPlane.set(`${Revision}/${version}`, info)
  }
  const dataPlaneVersion = pods.items.filter(isRunning).flatMap((pod) => {
    const IstioVersion = versionOf(pod, 'istio-proxy')
    const ID = `${pod.metadata.name}.${pod.metadata.namespace}`
    return IstioVersion === undefined ? [] : [{ ID, IstioVersion }]
  })
  return { meshVersion: [...controlPlane.values()], dataPlaneVersion }
}

/** One that is on its way out answers no more. */
function isRunning(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined
}

function versionOf(pod: Pod, container: string): string | undefined {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const image = all.find(({ name }) => name === container)?.image
  const colon = image?.lastIndexOf(':') ?? -1
  return image === undefined || colon < 0 ? undefined : image.slice(colon + 1)
}
