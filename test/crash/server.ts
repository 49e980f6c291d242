/**
 * An API server as a process of its own, composed as `lateen api-server` composes it, without node and network:
 *   node test/crash/server.ts DIRECTORY [--history-max N] [--fault FAULT] [--controllers] [--interference WHERE]
 * It writes `listening PORT` when it serves. A store that cannot be opened is told, and the exit status is 1.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createLogger, messageOf, parseIpv4Cidr, systemClock, systemRandom } from '../../src/base/index.ts'
import { createKubeClient } from '../../src/kube/client/index.ts'
import { createApiServer, createPki } from '../../src/local-cluster/apiserver/index.ts'
import { startControllers } from '../../src/local-cluster/controllers/index.ts'
import { createSqliteStore } from '../../src/local-cluster/store/index.ts'
import { type Fault, withFault } from './faults.ts'
import { interfere, type Interference } from './interference.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'history-max': { type: 'string', default: '20000' },
    fault: { type: 'string', default: 'none' },
    controllers: { type: 'boolean', default: false },
    interference: { type: 'string', default: 'none' },
  },
})

const logger = createLogger({
  scope: 'server',
  level: 'warn',
  write: (line) => process.stderr.write(line),
  now: () => Date.now(),
})

async function serve(directory: string): Promise<void> {
  const common = { clock: systemClock, random: systemRandom, logger }
  const pki = await createPki({ directory: join(directory, 'pki'), clock: systemClock })
  const path = join(directory, 'store', 'store.db')
  const historyMax = Number(values['history-max'])
  const store = withFault(createSqliteStore({ path, historyMax, logger }), values.fault as Fault)
  const server = await createApiServer({ ...common, store, pki })
  const port = await server.listen({ host: '127.0.0.1', port: 0 })
  if (values.controllers) {
    const loadBalancerPool = parseIpv4Cidr('10.44.0.0/24')
    if (!loadBalancerPool) throw new Error('no pool of addresses')
    startControllers({
      ...common,
      client: createKubeClient(server.localTransport({ name: 'system:lateen', groups: ['system:masters'] })),
      loadBalancerPool,
      rootCertificate: pki.caCertificate,
      volumesDirectory: join(directory, 'volumes'),
    })
  }
  // A test that dies without ending its servers must not leave them behind.
  process.stdin.on('end', () => process.exit(0)).resume()
  process.stdout.write(`listening ${port}\n`)
}

try {
  interfere(values.interference as Interference)
  await serve(positionals[0] ?? '')
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exit(1)
}
