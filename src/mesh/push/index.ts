/**
 * mesh/push: the control plane's end of xDS: the gRPC servers on 15010 and 15012, and what is measured there, under
 * Istio's names.
 */
export { type GrpcServers, type GrpcServersOptions, openGrpcServers } from './grpc-servers.ts'
export { type Counter, createMetrics, type Histogram, type Labels, type Metrics } from './metrics.ts'
export { observePushes } from './xds-metrics.ts'
