/**
 * local-cluster/service-proxy: the addresses of Services. One nftables table for each family that
 * the machine has, `ip lateen` and `ip6 lateen`, in the host's namespace turns
 * ClusterIPs, node ports and LoadBalancer addresses into those of ready endpoints, for the host and for pods.
 */
export { SERVICE_TABLE, type ServiceNetwork } from './script.ts'
export { createServiceProxy, type ServiceProxy, type ServiceProxyOptions } from './service-proxy.ts'
