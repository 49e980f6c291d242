import type { KubeObject } from '../../kube/index.ts'
import type { KindRef, KubeClient } from '../../kube/client/index.ts'

/** The kinds that the API server serves just now: discovery, as any client sees it. */
export interface ApiResources {
  /** Kinds whose objects can be listed, watched and deleted, in their preferred version. */
  readonly list: () => Promise<readonly KindRef[]>
}

interface DiscoveredResource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}

export function createApiResources(client: KubeClient): ApiResources {
  const resourcesOf = async (path: string, group: string, version: string): Promise<readonly KindRef[]> => {
    const { status, body } = await client.request({ method: 'GET', path })
    if (status !== 200) return [] // a group that went between two questions
    const { resources } = body as { readonly resources?: readonly DiscoveredResource[] }
    return (resources ?? [])
      .filter(
        (one) =>
          !one.name.includes('/') && ['list', 'watch', 'delete'].every((verb) => one.verbs.includes(verb)),
      )
      .map((one) => ({ group, version, plural: one.name, kind: one.kind, namespaced: one.namespaced }))
  }
  return {
    async list() {
      const { body } = await client.request({ method: 'GET', path: '/apis' })
      const { groups } = body as {
        readonly groups?: readonly {
          readonly name: string
          readonly preferredVersion: { readonly version: string }
        }[]
      }
      const paths = (groups ?? []).map(({ name, preferredVersion: { version } }) =>
        resourcesOf(`/apis/${name}/${version}`, name, version),
      )
      return (await Promise.all([resourcesOf('/api/v1', '', 'v1'), ...paths])).flat()
    },
  }
}

/** Deletes everything in a namespace. @returns how many objects are still there */
export async function deleteAllIn(
  client: KubeClient,
  resources: ApiResources,
  namespace: string,
): Promise<number> {
  const kinds = (await resources.list()).filter((kind) => kind.namespaced)
  const counts = await Promise.all(
    kinds.map(async (kind) => {
      const { items } = await client.list<KubeObject>(kind, { namespace })
      await Promise.all(
        items
          .filter((object) => object.metadata.deletionTimestamp === undefined)
          .map((object) =>
            client.delete(kind, object.metadata.name, namespace, { propagationPolicy: 'Background' }),
          ),
      )
      return items.length
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
