/**
 * local-cluster: the one-machine Kubernetes. `store/` keeps the objects, `apiserver/` serves them, `controllers/` make
 * the world follow them, `node/` runs pods as processes, `supervisor/` keeps the cluster's own processes running.
 * Composed by `cli`; the rest of the project knows it only through the Kubernetes API.
 */
export { CLUSTER_NETWORK, CLUSTER_NETWORK_IPV6 } from './network.ts'
export * from './supervisor/index.ts'
