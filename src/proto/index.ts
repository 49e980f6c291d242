/**
 * proto: protobuf messages. `generated/` is made by `npm run generate` from the .proto files inside npm packages and a
 * few of our own beside this file; only this door is imported by others.
 */
export { type HeaderValueOption } from './generated/envoy/config/core/v3/base_pb.ts'
export {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from './generated/envoy/service/auth/v3/external_auth_pb.ts'
export {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from './generated/envoy/service/discovery/v3/discovery_pb.ts'
export { NodeSchema } from './generated/envoy/config/core/v3/base_pb.ts'
export { type Status, StatusSchema } from './generated/google/rpc/status_pb.ts'
export {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from './generated/istio/auth/ca_pb.ts'
export { type ResourceRejection, ResourceRejectionSchema } from './generated/lateen/xds_pb.ts'
export {
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
  type ExportTraceServiceResponse,
  ExportTraceServiceResponseSchema,
  SpanKind,
  StatusCode,
} from './generated/opentelemetry/otlp_pb.ts'
