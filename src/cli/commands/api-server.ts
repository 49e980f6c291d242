import { join } from 'node:path'
import { defined, parseIpv4Cidr, parseIpv6Cidr, systemClock, systemRandom } from '../../base/index.ts'
import { createKubeClient } from '../../kube/client/index.ts'
import {
  createApiServer,
  createPki,
  type NodeApi,
  writeKubeconfig,
} from '../../local-cluster/apiserver/index.ts'
import { startControllers } from '../../local-cluster/controllers/index.ts'
import { CLUSTER_NETWORK, createStateDirectory } from '../../local-cluster/index.ts'
import { createServiceProxy } from '../../local-cluster/service-proxy/index.ts'
import { createSqliteStore } from '../../local-cluster/store/index.ts'
import { stateOf } from '../cluster.ts'
import { clusterIpv6, ensureClusterNetwork, serviceNetworks, startNode } from '../composition/node.ts'
import { processLogger, terminationSignal, untilAborted } from '../environment.ts'
import { exitWith } from '../exit.ts'
import type { CommandCall } from '../command-call.ts'

const SYSTEM_USER = { name: 'system:lateen', groups: ['system:masters'] } as const
/** What is under way has this long: a webhook that is waited for may leave more to wait for than anybody has. */
const STOP_MS = 3_000

/** The process of the API server, the controllers and the node agent: everything but proxies and pods. */
export async function run(call: CommandCall): Promise<void> {
  const stopping = terminationSignal()
  const state = stateOf(call)
  createStateDirectory(state)
  const port = Number(call.options['apiPort'])
  const logger = processLogger('api-server')
  const common = { clock: systemClock, random: systemRandom, logger }

  const [pki] = await Promise.all([
    createPki({ directory: state.pki, clock: systemClock }),
    ensureClusterNetwork(),
  ])
  const ipv6 = clusterIpv6()
  const store = createSqliteStore({ path: state.store, logger })
  let node: NodeApi | undefined
  const server = await createApiServer({
    ...common,
    store,
    pki,
    node: () => node,
    serviceCidrIpv6: ipv6?.serviceCidr,
    advertised: {
      serviceAddress: CLUSTER_NETWORK.kubernetesServiceAddress,
      endpointAddress: CLUSTER_NETWORK.bridgeAddress,
      endpointPort: port,
    },
  })
  await server.listen({ host: '127.0.0.1', port })
  await server.listen({ host: CLUSTER_NETWORK.bridgeAddress, port })
  const client = createKubeClient(server.localTransport(SYSTEM_USER))

  const services = createServiceProxy({
    ...common,
    client,
    logger: logger.scope('service-proxy'),
    nodeName: CLUSTER_NETWORK.nodeName,
    networks: serviceNetworks(),
  })
  const agent = await startNode({ ...common, client, state })
  node = agent.nodeApi
  const controllers = startControllers({
    ...common,
    client,
    loadBalancerPool: defined(parseIpv4Cidr(CLUSTER_NETWORK.loadBalancerCidr), 'the pool of addresses'),
    loadBalancerPoolIpv6: ipv6 && parseIpv6Cidr(ipv6.loadBalancerCidr),
    rootCertificate: pki.caCertificate,
    volumesDirectory: join(state.root, 'volumes'),
  })
  writeKubeconfig({ path: join(state.kubeconfig), pki, server: `https://127.0.0.1:${port}` })
  logger.info('ready', { port })

  await untilAborted(stopping)
  // Pods are not ended: they outlive this process, and the next one adopts them.
  const ended = Promise.all([controllers.stop(), services.stop(), agent.stop()]).then(() => server.close())
  await Promise.race([ended, systemClock.sleep(STOP_MS)])
  store.close()
  // Everything that was acknowledged is on disk. A command that somebody runs in a pod must not hold up the end.
  exitWith(0)
}
