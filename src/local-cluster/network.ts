/** The addresses and names of the one-machine cluster. k3s' ranges, so that the article's outputs look alike. */
export const CLUSTER_NETWORK = {
  podCidr: '10.42.0.0/16',
  bridge: 'lateen0',
  bridgeAddress: '10.42.0.1',
  serviceCidr: '10.43.0.0/16',
  kubernetesServiceAddress: '10.43.0.1',
  dnsAddress: '10.43.0.10',
  loadBalancerCidr: '10.44.0.0/24',
  clusterDomain: 'cluster.local',
  nodeName: 'lateen',
  apiPort: 6443,
} as const

/**
 * The same for IPv6, where the machine has it. Unique local addresses (RFC 4193): no network of the machine is hidden
 * by them, they are never routed beyond it, and programs that choose among addresses (RFC 6724) keep to IPv4 for what
 * is outside of the cluster. As many pods as IPv4 has: the two addresses of a pod end alike.
 */
export const CLUSTER_NETWORK_IPV6 = {
  podCidr: 'fd00:10:42::/112',
  bridgeAddress: 'fd00:10:42::1',
  serviceCidr: 'fd00:10:43::/112',
  loadBalancerCidr: 'fd00:10:44::/120',
} as const
