/**
 * proxy/host: how proxies are run. One in a process of its own (`runProxy`), or all those of a node in one process
 * (`createNodeProxy`), each with sockets in its pod's network namespace, a subscription, a log and an end of its own.
 */
export { createNodeProxy, type NodeProxy, type NodeProxyOptions } from './node-proxy.ts'
export { runProxy, type RunProxyOptions } from './single.ts'
