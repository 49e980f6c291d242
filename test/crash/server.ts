/**
 * An API server as a process of its own, composed as `lateen api-server` composes it, without node and network:
 *   node test/crash/server.ts DIRECTORY [HISTORY_MAX [FAULT]]
 * It writes `listening PORT` when it serves. A store that cannot be opened is told, and the exit status is 1.
 */
import { join } from 'node:path'
import { createLogger, messageOf, systemClock, systemRandom } from '../../src/base/index.ts'
import { createApiServer, createPki } from '../../src/local-cluster/apiserver/index.ts'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'
import { type Fault, withFault } from './faults.ts'

const logger = createLogger({
  scope: 'server',
  level: 'warn',
  write: (line) => process.stderr.write(line),
  now: () => Date.now(),
})

async function serve(directory: string, historyMax: number, fault: Fault): Promise<void> {
  const common = { clock: systemClock, random: systemRandom, logger }
  const pki = await createPki({ directory: join(directory, 'pki'), clock: systemClock })
  const path = join(directory, 'store', 'store.db')
  const store = withFault(createSqliteStore({ path, historyMax, logger }), fault)
  const server = await createApiServer({ ...common, store, pki })
  const port = await server.listen({ host: '127.0.0.1', port: 0 })
  // A test that dies without ending its servers must not leave them behind.
  process.stdin.on('end', () => process.exit(0)).resume()
  process.stdout.write(`listening ${port}\n`)
}

try {
  await serve(process.argv[2] ?? '', Number(process.argv[3] ?? 20_000), (process.argv[4] ?? 'none') as Fault)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(1)
}
