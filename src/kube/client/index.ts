/**
 * kube/client: the Kubernetes API as seen by a program. A transport carries requests (HTTPS with keep-alive, or the
 * API server's own process), a client speaks of objects, an informer keeps a copy of a kind and tells what changed.
 * Answers that are no success are thrown as ApiError; what is missing is `undefined`, not an error.
 */
export { ApiError, isAlreadyExists, isConflict, isExpired, isNotFound } from './api-error.ts'
export {
  createKubeClient,
  type DeleteOptions,
  type KubeClient,
  type ListOptions,
  type ListResult,
  type PatchOptions,
  type UpdateOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './client.ts'
export { httpsTransport, type HttpsTransportConfig } from './https-transport.ts'
export { type Change, createInformer, type Informer, type InformerOptions } from './informer.ts'
export { type KindRef, KINDS, pathOf } from './kind-ref.ts'
export { inClusterConfig, type KubeconfigContext, parseKubeconfig } from './kubeconfig.ts'
export { openPortForward } from './port-forward.ts'
export {
  formatQuery,
  type KubeTransport,
  type Query,
  type TransportRequest,
  type TransportResponse,
  type WatchFrames,
} from './transport.ts'
