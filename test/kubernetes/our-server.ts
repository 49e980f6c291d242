import { join } from 'node:path'
import { silentLogger, systemClock, systemRandom } from '../../src/base/index.ts'
import { createApiServer, createPki } from '../../src/local-cluster/apiserver/index.ts'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'

/**
 * Our API server alone, without the controllers and the node that `lateen up` adds: kube-apiserver has none either.
 * Runs until SIGTERM.
 */
export async function serve(directory: string, port: number): Promise<void> {
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const pki = await createPki({ directory: join(directory, 'pki'), clock: systemClock })
  const store = createSqliteStore({ path: join(directory, 'store.db') })
  const server = await createApiServer({ ...common, store, pki })
  await server.listen({ host: '127.0.0.1', port })
  await new Promise((resolve) => process.once('SIGTERM', resolve))
  await server.close()
  store.close()
}
