import { type Brand, assert } from '../base/index.ts'

/** `<namespace>/<host name>`, e.g. `demo/backend.demo.svc.cluster.local`. */
export type ServiceName = Brand<string, 'ServiceName'>
/** `<cluster>/<group>/<kind>/<namespace>/<name>`, e.g. `Kubernetes//Pod/demo/backend-v1-579f8fdc8b-mjm79` (ztunnel's form). */
export type WorkloadUid = Brand<string, 'WorkloadUid'>
/** `<kind>/<namespace>/<name>` of the object that owns listeners, e.g. `Gateway/demo/demo-app-gateway` or `IstioGateway/demo/shop`. */
export type GatewayName = Brand<string, 'GatewayName'>
/**
 * `<gateway name>/<listener>`, e.g. `Gateway/demo/demo-app-gateway/http`; of a ListenerSet `<gateway name>/<namespace of
 * the set>/<set>/<listener>`.
 */
export type ListenerName = Brand<string, 'ListenerName'>
/** `<kind>/<namespace>/<name>/<rule>[/<variant>]`, e.g. `HTTPRoute/demo/demo-app-rr/0`. */
export type RouteName = Brand<string, 'RouteName'>
/** `<kind>/<namespace>/<name>/<part>`, e.g. `EnvoyFilter/demo/limits/0`. */
export type RateLimitName = Brand<string, 'RateLimitName'>
/** As for a rate limit. */
export type HttpBoundsName = Brand<string, 'HttpBoundsName'>
/** `<Secret or ConfigMap>/<namespace>/<name>`, e.g. `Secret/demo/shop-certificate`. */
export type CredentialName = Brand<string, 'CredentialName'>
/** `<namespace>/<name>` of a PeerAuthentication. */
export type PeerAuthenticationName = Brand<string, 'PeerAuthenticationName'>
/** `<namespace>/<name>` of a Sidecar, e.g. `demo/default`. */
export type SidecarName = Brand<string, 'SidecarName'>
/** `<namespace>/<name>` of a Telemetry, e.g. `istio-system/mesh-default`. */
export type TelemetryName = Brand<string, 'TelemetryName'>
/** `<namespace>/<name>[~<target>]` of an AuthorizationPolicy. */
export type AuthorizationPolicyName = Brand<string, 'AuthorizationPolicyName'>
/** As of an AuthorizationPolicy. */
export type RequestAuthenticationName = Brand<string, 'RequestAuthenticationName'>
/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
export type SpiffeId = Brand<string, 'SpiffeId'>

export function serviceName(namespace: string, hostname: string): ServiceName {
  assert(namespace !== '' && hostname !== '', 'a service name needs a namespace and a host name')
  return `${namespace}/${hostname}` as ServiceName
}

export function workloadUid(parts: {
  readonly cluster: string
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}): WorkloadUid {
  return `${parts.cluster}/${parts.group}/${parts.kind}/${parts.namespace}/${parts.name}` as WorkloadUid
}

export function gatewayName(kind: 'Gateway' | 'IstioGateway', namespace: string, name: string): GatewayName {
  return `${kind}/${namespace}/${name}` as GatewayName
}

export function listenerName(gateway: GatewayName, listener: string): ListenerName {
  return `${gateway}/${listener}` as ListenerName
}

export function routeName(origin: Origin, variant?: string): RouteName {
  const base = `${origin.kind}/${origin.namespace}/${origin.name}/${origin.rule ?? 0}`
  return (variant === undefined ? base : `${base}/${variant}`) as RouteName
}

export function rateLimitName(origin: Origin, part: string): RateLimitName {
  return `${origin.kind}/${origin.namespace}/${origin.name}/${part}` as RateLimitName
}

export function httpBoundsName(origin: Origin, part: string): HttpBoundsName {
  return `${origin.kind}/${origin.namespace}/${origin.name}/${part}` as HttpBoundsName
}

export function credentialName(
  source: 'Secret' | 'ConfigMap' | 'Workload' | 'File',
  namespace: string,
  name: string,
): CredentialName {
  return `${source}/${namespace}/${name}` as CredentialName
}

export function telemetryName(namespace: string, name: string): TelemetryName {
  return `${namespace}/${name}` as TelemetryName
}

export function peerAuthenticationName(namespace: string, name: string): PeerAuthenticationName {
  return `${namespace}/${name}` as PeerAuthenticationName
}

export function sidecarName(namespace: string, name: string): SidecarName {
  return `${namespace}/${name}` as SidecarName
}

/** @param part tells the objects apart that one policy for several targets is made of */
export function authorizationPolicyName(origin: Origin, part?: string): AuthorizationPolicyName {
  return policyKey(origin, part) as AuthorizationPolicyName
}

export function requestAuthenticationName(origin: Origin, part?: string): RequestAuthenticationName {
  return policyKey(origin, part) as RequestAuthenticationName
}

function policyKey({ namespace, name }: Origin, part: string | undefined): string {
  return part === undefined ? `${namespace}/${name}` : `${namespace}/${name}~${part}`
}

export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): SpiffeId {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}` as SpiffeId
}

/** What an identity says. @returns undefined for anything that is not exactly in the form of `spiffeId` */
export function parseSpiffeId(
  id: string,
): { readonly trustDomain: string; readonly namespace: string; readonly serviceAccount: string } | undefined {
  const match = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([a-z0-9-]{1,63})\/sa\/([a-z0-9.-]{1,253})$/.exec(id)
  if (!match) return undefined
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = match
  return { trustDomain, namespace, serviceAccount }
}

/** The object that a user wrote and from which a model object was made: what logs, metrics and `explain` name. */
export interface Origin {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** Index of the rule, route or server inside the object. */
  readonly rule?: number
}
