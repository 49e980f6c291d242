import type { KubeObject } from '../kube/index.ts'
import { type KindRef, type KubeClient, KINDS } from '../kube/client/index.ts'
import { RESOURCE_KINDS } from '../mesh/resources/index.ts'

const READ: readonly KindRef[] = [
  KINDS.node,
  ...Object.values(RESOURCE_KINDS).filter((kind) => kind.kind !== 'ConfigMap'),
]

/** All that rules refer to, in every namespace: a reference may lead anywhere. */
export async function readMeshObjects(client: KubeClient): Promise<readonly KubeObject[]> {
  const lists = await Promise.all(
    READ.map(async (kind) => {
      try {
        const { items } = await client.list<KubeObject>(kind)
        // Members of a list name neither their kind nor their version.
        const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
        return items.map((item) => ({ ...item, apiVersion, kind: kind.kind }))
      } catch (error) {
        if (error instanceof Error && 'status' in error && error.status === 404) return [] // the kind is not installed
        throw error
      }
    }),
  )
  return lists.flat()
}

/** A file's object takes the place of the cluster's of the same name: it is what would be after applying it. */
export function overlay(cluster: readonly KubeObject[], files: readonly KubeObject[]): readonly KubeObject[] {
  const nameOf = (object: KubeObject) =>
    [object.apiVersion.split('/')[0], object.kind, object.metadata.namespace, object.metadata.name].join('/')
  const replaced = new Set(files.map(nameOf))
  return [...cluster.filter((object) => !replaced.has(nameOf(object))), ...files]
}
