/**
 * model: the mesh's words, as small objects that say what a user said. Each is valid alone, independent of the proxy
 * that asks, and carries its origin; proxies join them by key. Pure: types, makers, invariants and canonical JSON.
 */
export { canonicalJson, contentVersion } from './canonical.ts'
export {
  type AuthorizationAction,
  type AuthorizationAttribute,
  type AuthorizationCondition,
  type AuthorizationPolicy,
  type AuthorizationRule,
  isPathTemplate,
  pathTemplateProblem,
  PLAIN_ATTRIBUTES,
  type PlainAttribute,
} from './authorization-policy.ts'
export { checkModelObject } from './check-object.ts'
export type { ConnectionDestination, ConnectionMatch, ConnectionRoute } from './connection-route.ts'
export {
  type Credential,
  type CredentialFiles,
  type CredentialHolder,
  type CredentialReference,
  type CredentialSource,
  fileCredential,
  parseFileCredential,
  WORKLOAD_CREDENTIAL,
} from './credential.ts'
export type { ExternalAuthorizer, HttpAuthorizer } from './external-authorizer.ts'
export type { Listener } from './listener.ts'
export type { Mesh } from './mesh.ts'
export { MODEL_TYPES, type ModelObject, type ModelType } from './model-object.ts'
export {
  type AuthorizationPolicyName,
  authorizationPolicyName,
  type CredentialName,
  credentialName,
  type GatewayName,
  gatewayName,
  type ListenerName,
  listenerName,
  type Origin,
  type HttpBoundsName,
  httpBoundsName,
  type PeerAuthenticationName,
  peerAuthenticationName,
  type RateLimitName,
  rateLimitName,
  type RequestAuthenticationName,
  requestAuthenticationName,
  type RouteName,
  routeName,
  type ServiceName,
  serviceName,
  type SidecarName,
  sidecarName,
  type SpiffeId,
  parseSpiffeId,
  spiffeId,
  type TelemetryName,
  telemetryName,
  type WorkloadUid,
  workloadUid,
} from './names.ts'
export { isInScope, type PolicyScope } from './policy-scope.ts'
export type { JwtKeys, JwtRule, RequestAuthentication } from './request-authentication.ts'
export { compareOrderKeys } from './order.ts'
export type { HttpBounds, HttpBoundsPlace } from './http-bounds.ts'
export type { PeerAuthentication, PeerTlsMode } from './peer-authentication.ts'
export type { RateLimit, RateLimitPlace, TokenBucket, TrafficSide } from './rate-limit.ts'
export type {
  ClaimMatch,
  CorsPolicy,
  Destination,
  Faults,
  HeaderChange,
  HeaderValue,
  KeyedMatch,
  OrderKey,
  PathMatch,
  PathRewrite,
  Retries,
  Route,
  RouteAction,
  RouteFilter,
  RouteMatch,
  RouteScope,
  StringMatch,
  Timeouts,
  WeightedDestination,
} from './route.ts'
export type { SessionPersistence } from './session.ts'
export type {
  AppProtocol,
  Balancer,
  ConnectionLimits,
  HashBalancer,
  HashKey,
  HealthCheck,
  LocalityBalancing,
  OutlierDetection,
  RetryBudget,
  Service,
  ServicePolicy,
  ServicePort,
  Subset,
  TrafficPolicy,
  Visibility,
  Warmup,
} from './service.ts'
export type {
  AccessLogRule,
  CustomTag,
  FileLogProvider,
  LogFormat,
  MeshTelemetry,
  MetricRule,
  OpenTelemetryProvider,
  Telemetry,
  TelemetryProvider,
  TracingRule,
  TrafficMode,
} from './telemetry.ts'
export type {
  AcceptedClients,
  ClientCertificates,
  ListenerTls,
  ServerTrust,
  SubjectAltName,
  TlsDefaults,
  TlsVersion,
  UpstreamTls,
} from './tls.ts'
export { hostCovers, hostsOverlap } from './hosts.ts'
export type {
  EgressListener,
  InboundBounds,
  IngressEndpoint,
  IngressListener,
  ScopedHosts,
  Sidecar,
} from './sidecar.ts'
export type { Locality, Membership, Workload } from './workload.ts'
