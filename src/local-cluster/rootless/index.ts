/**
 * local-cluster/rootless: the cluster of somebody who is not root. It runs in a user namespace with network and mount
 * namespaces of its own (`namespaces`), has its ports forwarded to 127.0.0.1 of the machine (`forward*`), and reaches the
 * world through slirp4netns or pasta where one is installed (`wayOut`).
 */
export {
  type Forward,
  FORWARD_HOST,
  plannedForwards,
  type PlannedForward,
  type ForwardTarget,
} from './forward-plan.ts'
export { createForwarder, type Forwarder, readForwards } from './forwarder.ts'
export { startListeners } from './listeners.ts'
export { type ClusterNamespaces, createClusterNamespaces, HOLDER, resolvConfPath } from './namespaces.ts'
export { findWayOut, type WayOut, wayOutWords } from './way-out.ts'
