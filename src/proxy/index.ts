/**
 * proxy: the data plane. One engine, two hostings: a process of its own in a container (`runProxy`), or many instances
 * in one process, each with sockets in its pod's network namespace (`createNodeProxy`). Built on raw sockets with
 * codecs of its own.
 *
 * The way of a request: listener/ (accept, detect) → http1/, http2/ (codecs) → exchange/ (what happens to a request, whatever the
 * version: attempts, retries, timeouts, local replies) → routing → filters/ in their declared order → upstream/
 * (cluster, balancer, host, kept connections) → back → telemetry. The way of a change: xds client → config/ (decode,
 * reject or apply, swap) → tables, clusters, listeners.
 */
export { createProxyInstance, type ProxyInstance, type ProxyInstanceOptions } from './instance.ts'
export {
  createLocalProxy,
  createNodeProxy,
  type LocalProxy,
  type RequestBounds,
  type ModelChanges,
  type NodeProxy,
  type NodeProxyOptions,
  type Predecessor,
  runProxy,
  type RunProxyOptions,
  takeOver,
} from './host/index.ts'
