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
