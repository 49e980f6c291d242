/**
 * proxy/host: how proxies are run. One in a process of its own (`runProxy`), or all those of a node in one process
 * (`createNodeProxy`), each with sockets in its pod's network namespace, a subscription, a log and an end of its own;
 * or one that is told its configuration by the process that it lives in (`createLocalProxy`).
 */
export {
  createLocalProxy,
  type LocalProxy,
  type LocalProxyOptions,
  type ModelChanges,
  type RequestBounds,
} from './local.ts'
import type { NodeProxy, NodeProxyOptions } from './node-proxy.ts'
import type { RunProxyOptions } from './single.ts'

export type { NodeProxy, NodeProxyOptions, RunProxyOptions }
export { type Predecessor, takeOver } from './take-over.ts'

// What subscribes to a control plane takes some 30 MB for gRPC and protobuf, which a proxy without one does not load.
export async function createNodeProxy(options: NodeProxyOptions): Promise<NodeProxy> {
  return (await import('./node-proxy.ts')).createNodeProxy(options)
}

export async function runProxy(options: RunProxyOptions): Promise<number> {
  return (await import('./single.ts')).runProxy(options)
}
