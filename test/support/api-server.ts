import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import type { TestCluster } from './cluster.ts'

/** kill -9 of the running API server; the cluster's supervisor starts another, which clients have to find again. */
export function killApiServer({ stateDirectory }: Pick<TestCluster, 'stateDirectory'>): void {
  const record = JSON.parse(readFileSync(join(stateDirectory, 'run/api-server.pid'), 'utf8'))
  process.kill(record.pid, 'SIGKILL')
}
