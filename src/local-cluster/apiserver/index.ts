/**
 * apiserver: the Kubernetes API of one machine, over a Store. Requests come over TLS (client certificates,
 * ServiceAccount tokens) or from the same process (`localTransport`), and go the same way: authorize, decode,
 * admission (built-in, webhooks), defaults, validation, store. Answers and errors are Kubernetes' own.
 * What kinds are is data in src/kube; CustomResourceDefinitions add more while it runs.
 */
export { createPki, type Pki, type PkiOptions } from './auth/pki.ts'
export type { Issued } from './auth/certificate.ts'
export { writeKubeconfig } from './auth/kubeconfig.ts'
export { TOKEN_ISSUER } from './auth/service-account-token.ts'
export type { Attributes, Authorize } from './auth/access.ts'
export type {
  AttachRequest,
  ExecRequest,
  LogRequest,
  NodeApi,
  NodeUsage,
  PodUsage,
  RemoteIo,
  TerminalSize,
} from './node-api.ts'
export type { User } from './request.ts'
export type { Advertised } from './kubernetes-service.ts'
export type { ServiceRanges } from './kinds/service-allocator.ts'
export { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts'
export {
  badRequest,
  failure,
  forbidden,
  internalError,
  notFound,
  type Status,
  type StatusDetails,
  StatusError,
} from './status-error.ts'
