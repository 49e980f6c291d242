import { KINDS } from '../../src/kube/client/index.ts'
import { waitFor } from '../support/wait.ts'
import type { Note } from './ledger.ts'
import { untilGone, type Workload, type WorkloadOptions } from './workload.ts'

const NOTES = 3
const DEADLINE_MS = 20_000

/** Namespaces that are deleted with what is in them, which takes the server and its controllers several writes. */
export function createNamespaceWriters(options: WorkloadOptions): Workload {
  const { client } = options
  /** the names whose deletion was acknowledged, and that were not seen to be gone yet */
  const deleted = new Set<string>()
  let generation = 0
  let acknowledged = 0
  const makeAndDelete = async () => {
    const name = `brief-${(generation += 1)}`
    await client.create(KINDS.namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    for (let index = 0; index < NOTES; index += 1) {
      const metadata = { name: `inside-${index}`, namespace: name }
      await client.create<Note>(KINDS.configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
    }
    await client.delete(KINDS.namespace, name)
    deleted.add(name)
    acknowledged += NOTES + 2
  }
  return {
    run: (isOver) => untilGone(options, isOver, makeAndDelete),
    async check() {
      const wrong: string[] = []
      await waitFor(
        `the deleted namespaces ${[...deleted].join(', ')} to be gone`,
        async () => {
          const { items } = await client.list(KINDS.namespace)
          return !items.some(({ metadata }) => deleted.has(metadata.name))
        },
        { deadlineMs: DEADLINE_MS },
      ).catch((error: Error) => wrong.push(error.message))
      const { items } = await client.list<Note>(KINDS.configMap)
      const left = items.filter(({ metadata }) => deleted.has(metadata.namespace ?? ''))
      for (const { metadata } of left)
        wrong.push(`${metadata.namespace} is gone, but not its ${metadata.name}`)
      deleted.clear()
      return wrong
    },
    acknowledged: () => acknowledged,
  }
}
