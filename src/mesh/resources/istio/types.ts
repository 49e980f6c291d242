/** The kinds of Istio's networking API that the mesh serves, as users write them. */
import type { KubeObject } from '../../../kube/index.ts'

/** Istio's Gateway, named apart from the Gateway API's. */
export interface IstioGateway extends KubeObject {
  readonly kind: 'Gateway'
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>
    readonly servers?: readonly IstioServer[]
  }
}

export interface IstioServer {
  readonly port: {
    readonly number: number
    readonly protocol: string
    readonly name: string
    readonly targetPort?: number
  }
  readonly hosts: readonly string[]
  readonly name?: string
  readonly bind?: string
  readonly defaultEndpoint?: string
  readonly tls?: IstioServerTls
}

export interface IstioServerTls {
  readonly httpsRedirect?: boolean
  readonly mode?: string
  readonly credentialName?: string
  readonly credentialNames?: readonly string[]
  readonly caCertCredentialName?: string
  readonly serverCertificate?: string
  readonly privateKey?: string
  readonly caCertificates?: string
  readonly tlsCertificates?: readonly {
    readonly serverCertificate?: string
    readonly privateKey?: string
    readonly caCertificates?: string
  }[]
  readonly subjectAltNames?: readonly string[]
  readonly minProtocolVersion?: string
  readonly maxProtocolVersion?: string
  readonly cipherSuites?: readonly string[]
  readonly caCrl?: string
  readonly verifyCertificateSpki?: readonly string[]
  readonly verifyCertificateHash?: readonly string[]
}

export interface VirtualService extends KubeObject {
  readonly kind: 'VirtualService'
  readonly spec: {
    readonly hosts?: readonly string[]
    readonly gateways?: readonly string[]
    readonly exportTo?: readonly string[]
    readonly http?: readonly IstioHttpRoute[]
    readonly tls?: readonly IstioConnectionRoute[]
    readonly tcp?: readonly IstioConnectionRoute[]
  }
}

/** A rule of `tls` or `tcp`. */
export interface IstioConnectionRoute {
  readonly match?: readonly {
    readonly sniHosts?: readonly string[]
    readonly destinationSubnets?: readonly string[]
    readonly port?: number
    readonly sourceLabels?: Readonly<Record<string, string>>
    readonly sourceNamespace?: string
    readonly gateways?: readonly string[]
  }[]
  readonly route?: readonly IstioRouteDestination[]
}

export interface IstioHttpRoute {
  readonly name?: string
  readonly match?: readonly IstioHttpMatch[]
  readonly route?: readonly IstioRouteDestination[]
  readonly redirect?: IstioRedirect
  readonly directResponse?: {
    readonly status: number
    readonly body?: { readonly string?: string; readonly bytes?: string }
  }
  readonly rewrite?: {
    readonly uri?: string
    readonly authority?: string
    readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string }
  }
  readonly timeout?: string
  readonly retries?: {
    readonly attempts?: number
    readonly perTryTimeout?: string
    readonly retryOn?: string
    readonly backoff?: string
    readonly retryRemoteLocalities?: boolean
    readonly retryIgnorePreviousHosts?: boolean
  }
  readonly headers?: IstioHeaders
  readonly delegate?: { readonly name?: string; readonly namespace?: string }
  readonly fault?: IstioFault
  readonly mirror?: IstioDestination
  readonly mirrorPercentage?: IstioPercent
  /** The old form, whole percents. */
  readonly mirrorPercent?: number
  /** The oldest. */
  readonly mirror_percent?: number
  readonly mirrors?: readonly { readonly destination: IstioDestination; readonly percentage?: IstioPercent }[]
  readonly corsPolicy?: IstioCorsPolicy
}

/** In hundredths; 0 to 100. */
export interface IstioPercent {
  readonly value?: number
}

export interface IstioFault {
  readonly delay?: {
    readonly percentage?: IstioPercent
    /** The old form, whole percents. */
    readonly percent?: number
    readonly fixedDelay?: string
    readonly exponentialDelay?: string
  }
  readonly abort?: {
    readonly percentage?: IstioPercent
    readonly httpStatus?: number
    readonly grpcStatus?: string
    readonly http2Error?: string
  }
}

export interface IstioCorsPolicy {
  readonly allowOrigins?: readonly IstioStringMatch[]
  /** The old form. */
  readonly allowOrigin?: readonly string[]
  readonly allowMethods?: readonly string[]
  readonly allowHeaders?: readonly string[]
  readonly exposeHeaders?: readonly string[]
  readonly maxAge?: string
  readonly allowCredentials?: boolean
  readonly unmatchedPreflights?: string
}

export interface IstioHttpMatch {
  readonly name?: string
  readonly uri?: IstioStringMatch
  readonly scheme?: IstioStringMatch
  readonly method?: IstioStringMatch
  readonly authority?: IstioStringMatch
  readonly headers?: Readonly<Record<string, IstioStringMatch>>
  readonly withoutHeaders?: Readonly<Record<string, IstioStringMatch>>
  readonly queryParams?: Readonly<Record<string, IstioStringMatch>>
  readonly port?: number
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly gateways?: readonly string[]
  readonly ignoreUriCase?: boolean
  readonly sourceNamespace?: string
  readonly statPrefix?: string
}

/** One of the three, or none: present with any value. */
export interface IstioStringMatch {
  readonly exact?: string
  readonly prefix?: string
  readonly regex?: string
}

export interface IstioRouteDestination {
  readonly destination: IstioDestination
  readonly weight?: number
  readonly headers?: IstioHeaders
}

export interface IstioDestination {
  readonly host: string
  readonly subset?: string
  readonly port?: { readonly number?: number }
}

export interface IstioHeaders {
  readonly request?: IstioHeaderOperations
  readonly response?: IstioHeaderOperations
}

export interface IstioHeaderOperations {
  readonly set?: Readonly<Record<string, string>>
  readonly add?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

export interface IstioRedirect {
  readonly uri?: string
  readonly authority?: string
  readonly port?: number
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT'
  readonly scheme?: string
  readonly redirectCode?: number
  readonly prefixRewrite?: string
}

export interface DestinationRule extends KubeObject {
  readonly kind: 'DestinationRule'
  readonly spec: {
    readonly host?: string
    readonly exportTo?: readonly string[]
    readonly workloadSelector?: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly subsets?: readonly IstioSubset[]
    readonly trafficPolicy?: IstioTrafficPolicy
  }
}

export interface IstioSubset {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly trafficPolicy?: IstioTrafficPolicy
}

export interface IstioPortTrafficPolicy {
  readonly loadBalancer?: IstioLoadBalancer
  readonly connectionPool?: IstioConnectionPool
  readonly outlierDetection?: IstioOutlierDetection
  readonly tls?: IstioClientTls
}

export interface IstioClientTls {
  readonly mode?: string
  readonly clientCertificate?: string
  readonly privateKey?: string
  readonly caCertificates?: string
  readonly credentialName?: string
  readonly subjectAltNames?: readonly string[]
  readonly sni?: string
  readonly insecureSkipVerify?: boolean
  readonly caCrl?: string
}

export interface IstioConnectionPool {
  readonly tcp?: {
    readonly maxConnections?: number
    readonly connectTimeout?: string
    readonly idleTimeout?: string
    readonly maxConnectionDuration?: string
    readonly tcpKeepalive?: { readonly probes?: number; readonly time?: string; readonly interval?: string }
  }
  readonly http?: {
    readonly http1MaxPendingRequests?: number
    readonly http2MaxRequests?: number
    readonly maxRequestsPerConnection?: number
    readonly maxRetries?: number
    readonly idleTimeout?: string
    readonly h2UpgradePolicy?: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE'
    readonly useClientProtocol?: boolean
    readonly maxConcurrentStreams?: number
    readonly http2KeepAlive?: { readonly interval?: string; readonly timeout?: string }
  }
}

export interface IstioRetryBudget {
  readonly percent?: number
  readonly minRetryConcurrency?: number
  readonly budgetInterval?: string
}

export interface IstioOutlierDetection {
  readonly consecutive5xxErrors?: number
  /** The old form of consecutiveGatewayErrors. */
  readonly consecutiveErrors?: number
  readonly consecutiveGatewayErrors?: number
  readonly consecutiveLocalOriginFailures?: number
  readonly splitExternalLocalOriginErrors?: boolean
  readonly interval?: string
  readonly baseEjectionTime?: string
  readonly maxEjectionPercent?: number
  readonly minHealthPercent?: number
  readonly outlierDetectionHttpErrorCodes?: readonly number[]
}

export interface IstioConsistentHash {
  readonly httpHeaderName?: string
  readonly httpQueryParameterName?: string
  readonly useSourceIp?: boolean
  readonly httpCookie?: {
    readonly name: string
    readonly path?: string
    readonly ttl?: string
    readonly attributes?: readonly { readonly name: string; readonly value?: string }[]
  }
  readonly ringHash?: { readonly minimumRingSize?: number }
  readonly maglev?: { readonly tableSize?: number }
  /** The old form. */
  readonly minimumRingSize?: number
}

export interface IstioTrafficPolicy extends IstioPortTrafficPolicy {
  readonly portLevelSettings?: readonly (IstioPortTrafficPolicy & {
    readonly port?: { readonly number?: number }
  })[]
  readonly tunnel?: IstioTunnel
  readonly proxyProtocol?: { readonly version?: 'V1' | 'V2' }
  readonly retryBudget?: IstioRetryBudget
}

export interface IstioTunnel {
  readonly protocol?: string
  readonly targetHost: string
  readonly targetPort: number
}

export interface IstioLoadBalancer {
  readonly simple?: string
  readonly consistentHash?: IstioConsistentHash
  readonly localityLbSetting?: {
    readonly enabled?: boolean
    readonly distribute?: readonly {
      readonly from?: string
      readonly to?: Readonly<Record<string, number>>
    }[]
    readonly failover?: readonly { readonly from?: string; readonly to?: string }[]
    readonly failoverPriority?: readonly string[]
  }
  readonly zoneAwareLbSetting?: {
    readonly enabled?: boolean
    readonly failover?: readonly { readonly from?: string; readonly to?: string }[]
    readonly failoverPriority?: readonly string[]
    readonly minClusterSize?: number
  }
  readonly warmup?: {
    readonly duration: string
    readonly minimumPercent?: number
    readonly aggression?: number
  }
  /** The old form of `warmup.duration`. */
  readonly warmupDurationSecs?: string
}

export interface ServiceEntry extends KubeObject {
  readonly kind: 'ServiceEntry'
  readonly spec: {
    readonly hosts?: readonly string[]
    readonly addresses?: readonly string[]
    readonly ports?: readonly {
      readonly number: number
      readonly name: string
      readonly protocol?: string
      readonly targetPort?: number
    }[]
    readonly location?: 'MESH_EXTERNAL' | 'MESH_INTERNAL'
    readonly resolution?: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS'
    readonly endpoints?: readonly IstioWorkload[]
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> }
    readonly exportTo?: readonly string[]
    readonly subjectAltNames?: readonly string[]
  }
  readonly status?: {
    readonly addresses?: readonly { readonly host?: string; readonly value?: string }[]
  }
}

/** What stands somewhere under an address: the spec of a WorkloadEntry, and an endpoint of a ServiceEntry. */
export interface IstioWorkload {
  /** An IP address, a host name, or `unix://` with a path. */
  readonly address?: string
  /** By the name of the service's port. */
  readonly ports?: Readonly<Record<string, number>>
  readonly labels?: Readonly<Record<string, string>>
  readonly network?: string
  /** `region/zone/subzone` */
  readonly locality?: string
  readonly weight?: number
  readonly serviceAccount?: string
}

export interface WorkloadEntry extends KubeObject {
  readonly kind: 'WorkloadEntry'
  readonly spec: IstioWorkload
}

export interface EnvoyFilter extends KubeObject {
  readonly kind: 'EnvoyFilter'
  readonly spec: {
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> }
    readonly targetRefs?: readonly { readonly group?: string; readonly kind: string; readonly name: string }[]
    readonly priority?: number
    /** Parts of Envoy's own configuration, whose types are not ours. */
    readonly configPatches?: readonly unknown[]
  }
}

export interface Sidecar extends KubeObject {
  readonly kind: 'Sidecar'
  readonly spec?: {
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> }
    readonly egress?: readonly IstioEgressListener[]
    readonly ingress?: readonly IstioIngressListener[]
    readonly inboundConnectionPool?: IstioConnectionPool
    readonly outboundTrafficPolicy?: {
      readonly mode?: 'REGISTRY_ONLY' | 'ALLOW_ANY'
      readonly egressProxy?: IstioDestination
    }
  }
}

export interface IstioEgressListener {
  readonly bind?: string
  readonly captureMode?: IstioCaptureMode
  readonly hosts?: readonly string[]
  readonly port?: IstioSidecarPort
}

export interface IstioIngressListener {
  readonly bind?: string
  readonly captureMode?: IstioCaptureMode
  readonly connectionPool?: IstioConnectionPool
  readonly defaultEndpoint?: string
  readonly port?: IstioSidecarPort
  readonly tls?: unknown
}

export type IstioCaptureMode = 'DEFAULT' | 'IPTABLES' | 'NONE'

export interface IstioSidecarPort {
  readonly number?: number
  readonly protocol?: string
  readonly name?: string
  readonly targetPort?: number
}

export interface ProxyConfig extends KubeObject {
  readonly kind: 'ProxyConfig'
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly concurrency?: number | null
    readonly environmentVariables?: Readonly<Record<string, string>>
    readonly image?: { readonly imageType?: string }
  }
}

/** Kinds whose own fields the mesh does not read yet. */
export interface WorkloadGroup extends KubeObject {
  readonly kind: 'WorkloadGroup'
}

export interface AuthorizationPolicy extends KubeObject {
  readonly kind: 'AuthorizationPolicy'
  readonly spec?: PolicyAttachment & {
    readonly action?: string
    readonly provider?: { readonly name?: string }
    readonly rules?: readonly IstioAuthorizationRule[]
  }
}

/** The workloads that a policy of security is for. */
export interface PolicyAttachment {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
  readonly targetRef?: PolicyTarget
  readonly targetRefs?: readonly PolicyTarget[]
}

export interface PolicyTarget {
  readonly group?: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

/** Members as in Istio's API: `principals`, `notPrincipals` and so on. */
type TextLists = Readonly<Record<string, readonly string[] | undefined>>

export interface IstioAuthorizationRule {
  readonly from?: readonly { readonly source?: TextLists }[]
  readonly to?: readonly { readonly operation?: TextLists }[]
  readonly when?: readonly {
    readonly key: string
    readonly values?: readonly string[]
    readonly notValues?: readonly string[]
  }[]
}

export interface PeerAuthentication extends KubeObject {
  readonly kind: 'PeerAuthentication'
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly mtls?: { readonly mode?: string }
    readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: string }>>
  }
}
export interface RequestAuthentication extends KubeObject {
  readonly kind: 'RequestAuthentication'
  readonly spec?: PolicyAttachment & { readonly jwtRules?: readonly IstioJwtRule[] }
}

export interface IstioJwtRule {
  readonly issuer?: string
  readonly audiences?: readonly string[]
  readonly jwks?: string
  readonly jwksUri?: string
  readonly jwks_uri?: string
  readonly timeout?: string
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[]
  readonly fromParams?: readonly string[]
  readonly fromCookies?: readonly string[]
  readonly forwardOriginalToken?: boolean
  readonly outputPayloadToHeader?: string
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[]
  readonly spaceDelimitedClaims?: readonly string[]
}

/** What users say of logs, traces and metrics. */
export interface IstioTelemetry extends KubeObject {
  readonly kind: 'Telemetry'
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly targetRef?: TelemetryTarget
    readonly targetRefs?: readonly TelemetryTarget[]
    readonly tracing?: readonly {
      readonly match?: { readonly mode?: string }
      readonly providers?: readonly { readonly name: string }[]
      readonly randomSamplingPercentage?: number | null
      readonly disableSpanReporting?: boolean | null
      readonly disableContextPropagation?: boolean | null
      readonly useRequestIdForTraceSampling?: boolean | null
      readonly enableIstioTags?: boolean | null
      readonly customTags?: Readonly<Record<string, unknown>>
    }[]
    readonly accessLogging?: readonly {
      readonly match?: { readonly mode?: string }
      readonly providers?: readonly { readonly name: string }[]
      readonly disabled?: boolean | null
      readonly filter?: { readonly expression?: string }
    }[]
    readonly metrics?: readonly {
      readonly providers?: readonly { readonly name: string }[]
      readonly reportingInterval?: string
      readonly overrides?: readonly {
        readonly match?: { readonly mode?: string; readonly metric?: string; readonly customMetric?: string }
        readonly disabled?: boolean | null
        readonly tagOverrides?: Readonly<
          Record<string, { readonly operation?: string; readonly value?: string }>
        >
      }[]
    }[]
  }
}

export interface TelemetryTarget {
  readonly group?: string
  readonly kind: string
  readonly name: string
}
