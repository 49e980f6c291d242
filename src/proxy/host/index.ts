/**
 * proxy/host: how proxies are run. One in a process of its own (`runProxy`), or all those of a node in one process
 * (`createNodeProxy`), each with sockets in its pod's network namespace, a subscription, a log and an end of its own;
 * or one that is told its configuration by the process that it lives in (`createLocalProxy`).
 */
export { createLocalProxy, type LocalProxy, type LocalProxyOptions, type ModelChanges } from './local.ts'
export { createNodeProxy, type NodeProxy, type NodeProxyOptions } from './node-proxy.ts'
export { runProxy, type RunProxyOptions } from './single.ts'
export { type Predecessor, takeOver } from './take-over.ts'
