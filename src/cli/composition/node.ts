import { basename, dirname } from 'node:path'
import { type Clock, type Logger, type Random, systemClock } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import { CLUSTER_NETWORK, type StateDirectory } from '../../local-cluster/index.ts'
import { createNodeAgent, type NodeAgent, teardownNode as teardown } from '../../local-cluster/node/index.ts'
import { SERVICE_TABLE } from '../../local-cluster/service-proxy/index.ts'
import { ensureBridge } from '../../linux/index.ts'
import { PACKAGE_ROOT } from '../environment.ts'
import { builtInImages } from './images.ts'

/** Installed as a package, the dependencies and the pinned Node are its neighbours. */
const VISIBLE_ROOT = basename(dirname(PACKAGE_ROOT)) === 'node_modules' ? dirname(PACKAGE_ROOT) : PACKAGE_ROOT

/** What a container finds in its environment before image and pod have their say. */
const CONTAINER_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
} as const

/** The bridge's own, in the pods' network. */
const BRIDGE_ADDRESS = `${CLUSTER_NETWORK.bridgeAddress}/${CLUSTER_NETWORK.podCidr.split('/')[1]}`

/** The bridge with the cluster's own addresses; API server and DNS listen on it, so it comes before both. */
export async function ensureClusterNetwork(): Promise<void> {
  await ensureBridge({
    name: CLUSTER_NETWORK.bridge,
    address: BRIDGE_ADDRESS,
    extraAddresses: [`${CLUSTER_NETWORK.dnsAddress}/32`],
    routes: [CLUSTER_NETWORK.serviceCidr, CLUSTER_NETWORK.loadBalancerCidr],
  })
}

export async function startNode(options: {
  readonly client: KubeClient
  readonly state: StateDirectory
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): Promise<NodeAgent> {
  const { state } = options
  return createNodeAgent({
    client: options.client,
    clock: options.clock,
    random: options.random,
    logger: options.logger.scope('node'),
    stateDir: state.root,
    clusterId: state.clusterId,
    nodeName: CLUSTER_NETWORK.nodeName,
    network: CLUSTER_NETWORK,
    images: builtInImages(),
    imagesFile: state.images,
    nodeProxySocket: state.nodeProxySocket,
    visiblePaths: [VISIBLE_ROOT],
    containerEnv: CONTAINER_ENV,
  })
}

export async function teardownNode(state: StateDirectory): Promise<void> {
  await teardown({
    stateDir: state.root,
    clusterId: state.clusterId,
    bridge: CLUSTER_NETWORK.bridge,
    bridgeAddress: BRIDGE_ADDRESS,
    tables: [`ip ${SERVICE_TABLE}`],
    clock: systemClock,
  })
}
