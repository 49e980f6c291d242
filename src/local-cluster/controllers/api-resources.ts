import type { KubeObject } from '../../kube/index.ts'
import { isNotFound, type KindRef, type KubeClient } from '../../kube/client/index.ts'

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

export interface Remaining {
  readonly kind: KindRef
  readonly objects: readonly KubeObject[]
}

/** Deletes everything in a namespace. @returns what was there, most of which goes at once */
export async function deleteAllIn(
  client: KubeClient,
  resources: ApiResources,
  namespace: string,
): Promise<readonly Remaining[]> {
  const kinds = (await resources.list()).filter((kind) => kind.namespaced)
  const remaining = await Promise.all(
    kinds.map(async (kind) => ({ kind, objects: await deleteKindIn(client, kind, namespace) })),
  )
  return remaining.filter(({ objects }) => objects.length > 0)
}

async function deleteKindIn(
  client: KubeClient,
  kind: KindRef,
  namespace: string,
): Promise<readonly KubeObject[]> {
  try {
    const { items } = await client.list<KubeObject>(kind, { namespace })
    const untouched = items.filter((object) => object.metadata.deletionTimestamp === undefined)
    for (const { metadata } of untouched) {
      await client.delete(kind, metadata.name, namespace, { propagationPolicy: 'Background' })
    }
    return items
  } catch (error) {
    if (isNotFound(error)) return [] // a definition that went between two questions took its objects along
    throw error
  }
}
