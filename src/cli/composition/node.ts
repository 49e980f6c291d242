import { basename, dirname } from 'node:path'
import { type Clock, type Logger, type Random, systemClock } from '../../base/index.ts'
import type { KubeClient } from '../../kube/client/index.ts'
import { CLUSTER_NETWORK, CLUSTER_NETWORK_IPV6, type StateDirectory } from '../../local-cluster/index.ts'
import { createNodeAgent, type NodeAgent, teardownNode as teardown } from '../../local-cluster/node/index.ts'
import { SERVICE_TABLE, type ServiceNetwork } from '../../local-cluster/service-proxy/index.ts'
import { ensureBridge, hasIpv6 } from '../../linux/index.ts'
import { PACKAGE_ROOT } from '../environment.ts'
import { builtInImages } from './images.ts'

/** Installed as a package, the dependencies and the pinned Node are its neighbours. */
const VISIBLE_ROOT = basename(dirname(PACKAGE_ROOT)) === 'node_modules' ? dirname(PACKAGE_ROOT) : PACKAGE_ROOT

/** What a container finds in its environment before image and pod have their say. */
const CONTAINER_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
} as const

/** The bridge's own, in the pods' networks. */
const [BRIDGE_ADDRESS, BRIDGE_ADDRESS_IPV6] = [
  inNetwork(CLUSTER_NETWORK.bridgeAddress, CLUSTER_NETWORK.podCidr),
  inNetwork(CLUSTER_NETWORK_IPV6.bridgeAddress, CLUSTER_NETWORK_IPV6.podCidr),
]

function inNetwork(address: string, cidr: string): string {
  return `${address}/${cidr.split('/')[1]}`
}

/** The networks of IPv6, on a machine that has it. */
export function clusterIpv6(): typeof CLUSTER_NETWORK_IPV6 | undefined {
  return hasIpv6() ? CLUSTER_NETWORK_IPV6 : undefined
}

/** What the service proxy translates, by family. */
export function serviceNetworks(): readonly ServiceNetwork[] {
  const { bridge } = CLUSTER_NETWORK
  const families = { ip: CLUSTER_NETWORK, ...(hasIpv6() ? { ip6: CLUSTER_NETWORK_IPV6 } : {}) }
  return (['ip', 'ip6'] as const).flatMap((family) => {
    const network = families[family]
    if (network === undefined) return []
    const { bridgeAddress, podCidr, serviceCidr, loadBalancerCidr } = network
    return [{ family, bridge, bridgeAddress, podCidr, virtualCidrs: [serviceCidr, loadBalancerCidr] }]
  })
}

/** The bridge with the cluster's own addresses; API server and DNS listen on it, so it comes before both. */
export async function ensureClusterNetwork(): Promise<void> {
  await ensureBridge({
    name: CLUSTER_NETWORK.bridge,
    address: BRIDGE_ADDRESS,
    extraAddresses: [`${CLUSTER_NETWORK.dnsAddress}/32`],
    routes: [CLUSTER_NETWORK.serviceCidr, CLUSTER_NETWORK.loadBalancerCidr],
    ...(hasIpv6()
      ? {
          ipv6: {
            address: BRIDGE_ADDRESS_IPV6,
            routes: [CLUSTER_NETWORK_IPV6.serviceCidr, CLUSTER_NETWORK_IPV6.loadBalancerCidr],
          },
        }
      : {}),
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
    network: { ...CLUSTER_NETWORK, ...(hasIpv6() ? { ipv6: CLUSTER_NETWORK_IPV6 } : {}) },
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
    bridgeAddresses: [BRIDGE_ADDRESS, ...(hasIpv6() ? [BRIDGE_ADDRESS_IPV6] : [])],
    tables: ['ip', ...(hasIpv6() ? ['ip6'] : [])].map((family) => `${family} ${SERVICE_TABLE}`),
    clock: systemClock,
  })
}
