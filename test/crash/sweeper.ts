import { ApiError, type KubeClient, KINDS } from '../../src/kube/client/index.ts'
import type { Note } from './ledger.ts'
import { untilGone, type Workload, type WorkloadOptions } from './workload.ts'

const NAMESPACE = 'other'
const SWEPT = 5

type Fate = 'there' | 'unknown' | 'gone'

/** Makes some objects and deletes them as a collection: what was acknowledged as deleted never comes back. */
export function createSweeper(options: WorkloadOptions): Workload {
  const { client } = options
  const fates = new Map<string, Fate>()
  let generation = 0
  let acknowledged = 0
  const sweepOnce = async () => {
    generation += 1
    const names = Array.from({ length: SWEPT }, (_, index) => `swept-${generation}-${index}`)
    await Promise.all(
      names.map(async (name) => {
        fates.set(name, 'unknown')
        await client.create<Note>(KINDS.configMap, sweepable(name))
        fates.set(name, 'there')
        acknowledged += 1
      }),
    )
    for (const name of fates.keys()) if (fates.get(name) === 'there') fates.set(name, 'unknown')
    await deleteCollection(client)
    for (const name of fates.keys()) fates.set(name, 'gone')
    acknowledged += 1
  }
  return {
    run: (isOver) => untilGone(options, isOver, sweepOnce),
    async check() {
      const { items } = await client.list<Note>(KINDS.configMap, {
        namespace: NAMESPACE,
        labelSelector: 'swept',
      })
      const found = new Set(items.map(({ metadata }) => metadata.name))
      const wrong: string[] = []
      for (const [name, fate] of fates) {
        if (fate === 'there' && !found.has(name)) wrong.push(`${name} was created and is lost`)
        if (fate === 'gone' && found.has(name))
          wrong.push(`${name} was deleted with its collection and is back`)
        if (found.has(name)) fates.set(name, 'there')
        else fates.delete(name)
      }
      for (const name of found) if (!fates.has(name)) wrong.push(`${name} was never asked for`)
      return wrong
    },
    acknowledged: () => acknowledged,
  }
}

function sweepable(name: string): Note {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: NAMESPACE, labels: { swept: 'yes' } },
  }
}

async function deleteCollection(client: KubeClient): Promise<void> {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`
  const { status, body } = await client.request({ method: 'DELETE', path, query: { labelSelector: 'swept' } })
  if (status !== 200) throw new ApiError(status, body)
}
