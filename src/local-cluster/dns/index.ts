/**
 * local-cluster/dns: the cluster's name server. Names of Services, their endpoints and pods under the cluster domain
 * and the reverse of their addresses are answered from memory; everything else is forwarded to the host's own name
 * servers within a bounded time. It knows the cluster only through informers on Services and EndpointSlices, and
 * keeps answering from what it last saw while the API server is away.
 * @see Kubernetes, "DNS-Based Service Discovery", version 1.1.0
 */
export { type ClusterDns, type ClusterDnsOptions, createClusterDns } from './cluster-dns.ts'
export { parseResolvConf } from './resolv-conf.ts'
