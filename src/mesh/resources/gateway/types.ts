/**
 * The kinds of the Gateway API's standard channel, as users write them. Optional members that a CRD default fills may
 * still be absent: files that never met an API server are translated too.
 */
import type { Condition, KubeObject, LabelSelector } from '../../../kube/index.ts'

export interface GatewayClass extends KubeObject {
  readonly kind: 'GatewayClass'
  readonly spec: {
    readonly controllerName: string
    readonly description?: string
    readonly parametersRef?: {
      readonly group: string
      readonly kind: string
      readonly name: string
      readonly namespace?: string
    }
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly supportedFeatures?: readonly { readonly name: string }[]
  }
}

/** What a GatewayClass is for gateways, for the mesh. */
export type XMesh = Omit<GatewayClass, 'kind'> & { readonly kind: 'XMesh' }

export interface Gateway extends KubeObject {
  readonly kind: 'Gateway'
  readonly spec: GatewaySpec
  readonly status?: GatewayStatus
}

export interface GatewaySpec {
  readonly gatewayClassName: string
  readonly listeners: readonly GatewayListener[]
  readonly addresses?: readonly GatewayAddress[]
  readonly infrastructure?: GatewayInfrastructure
  /** Whose ListenerSets may add listeners; absent: nobody's. */
  readonly allowedListeners?: { readonly namespaces?: NamespaceChoice }
  readonly tls?: GatewayTls
}

export interface NamespaceChoice {
  readonly from?: 'All' | 'Same' | 'Selector' | 'None'
  readonly selector?: LabelSelector
}

/** The Gateway's own side of TLS: whom it trusts as a client, and who it is to backends. */
export interface GatewayTls {
  readonly backend?: { readonly clientCertificateRef?: SecretObjectReference }
  readonly frontend?: GatewayFrontendTls
}

export interface GatewayFrontendTls {
  readonly default: { readonly validation?: FrontendValidation }
  readonly perPort?: readonly {
    readonly port: number
    readonly tls: { readonly validation?: FrontendValidation }
  }[]
}

export interface FrontendValidation {
  readonly caCertificateRefs: readonly ObjectReference[]
  readonly mode?: 'AllowValidOnly' | 'AllowInsecureFallback'
}

export interface ObjectReference {
  readonly group: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

export interface GatewayAddress {
  readonly type?: string
  readonly value?: string
}

export interface GatewayInfrastructure {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string }
}

export interface GatewayListener {
  readonly name: string
  readonly hostname?: string
  readonly port: number
  readonly protocol: string
  readonly tls?: {
    readonly mode?: 'Terminate' | 'Passthrough'
    readonly certificateRefs?: readonly SecretObjectReference[]
    readonly options?: Readonly<Record<string, string>>
  }
  readonly allowedRoutes?: AllowedRoutes
}

export interface SecretObjectReference {
  readonly group?: string
  readonly kind?: string
  readonly name: string
  readonly namespace?: string
}

export interface AllowedRoutes {
  readonly namespaces?: NamespaceChoice
  readonly kinds?: readonly RouteGroupKind[]
}

export interface RouteGroupKind {
  readonly group?: string
  readonly kind: string
}

export interface GatewayStatus {
  readonly addresses?: readonly GatewayAddress[]
  readonly conditions?: readonly Condition[]
  readonly listeners?: readonly ListenerStatus[]
  readonly attachedListenerSets?: number
}

/** More listeners for a Gateway, which somebody else may own. */
export interface ListenerSet extends KubeObject {
  readonly kind: 'ListenerSet'
  readonly spec: {
    readonly parentRef: {
      readonly group?: string
      readonly kind?: string
      readonly namespace?: string
      readonly name: string
    }
    readonly listeners: readonly GatewayListener[]
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly listeners?: readonly ListenerStatus[]
  }
}

export interface ListenerStatus {
  readonly name: string
  readonly attachedRoutes: number
  readonly supportedKinds?: readonly RouteGroupKind[]
  readonly conditions: readonly Condition[]
}

export interface ParentReference {
  readonly group?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name: string
  readonly sectionName?: string
  readonly port?: number
}

export interface HTTPRoute extends KubeObject {
  readonly kind: 'HTTPRoute'
  readonly spec: HTTPRouteSpec
  readonly status?: { readonly parents?: readonly RouteParentStatus[] }
}

export interface RouteParentStatus {
  readonly parentRef: ParentReference
  readonly controllerName: string
  readonly conditions?: readonly Condition[]
}

export interface HTTPRouteSpec {
  readonly parentRefs?: readonly ParentReference[]
  readonly hostnames?: readonly string[]
  readonly rules?: readonly HTTPRouteRule[]
}

export interface HTTPRouteRule {
  readonly name?: string
  readonly matches?: readonly HTTPRouteMatch[]
  readonly filters?: readonly HTTPRouteFilter[]
  readonly backendRefs?: readonly HTTPBackendRef[]
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string }
  /** Experimental channel. */
  readonly retry?: HTTPRouteRetry
  /** Experimental channel. */
  readonly sessionPersistence?: RouteSessionPersistence
}

export interface RouteSessionPersistence {
  readonly sessionName?: string
  readonly absoluteTimeout?: string
  readonly type?: 'Cookie' | 'Header'
  readonly cookieConfig?: { readonly lifetimeType?: 'Permanent' | 'Session' }
}

export interface HTTPRouteRetry {
  readonly codes?: readonly number[]
  readonly attempts?: number
  readonly backoff?: string
}

export interface HTTPRouteMatch {
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string }
  readonly headers?: readonly NamedValueMatch[]
  readonly queryParams?: readonly NamedValueMatch[]
  readonly method?: string
}

export interface NamedValueMatch {
  readonly type?: 'Exact' | 'RegularExpression'
  readonly name: string
  readonly value: string
}

export interface HTTPRouteFilter {
  /** `RequestHeaderModifier`, `ResponseHeaderModifier`, `RequestRedirect`, `URLRewrite`, `RequestMirror`, `CORS`, `ExtensionRef`… */
  readonly type: string
  readonly requestHeaderModifier?: HTTPHeaderFilter
  readonly responseHeaderModifier?: HTTPHeaderFilter
  readonly requestRedirect?: HTTPRequestRedirectFilter
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: HTTPPathModifier }
  readonly requestMirror?: HTTPRequestMirrorFilter
  readonly cors?: HTTPCORSFilter
  readonly extensionRef?: { readonly group: string; readonly kind: string; readonly name: string }
}

export interface HTTPRequestMirrorFilter {
  readonly backendRef: HTTPBackendRef
  readonly percent?: number
  readonly fraction?: { readonly numerator: number; readonly denominator?: number }
}

export interface HTTPCORSFilter {
  readonly allowOrigins?: readonly string[]
  readonly allowCredentials?: boolean
  readonly allowMethods?: readonly string[]
  readonly allowHeaders?: readonly string[]
  readonly exposeHeaders?: readonly string[]
  /** Seconds. */
  readonly maxAge?: number
}

export interface HTTPHeaderFilter {
  readonly set?: readonly HTTPHeader[]
  readonly add?: readonly HTTPHeader[]
  readonly remove?: readonly string[]
}

export interface HTTPHeader {
  readonly name: string
  readonly value: string
}

export interface HTTPRequestRedirectFilter {
  readonly scheme?: string
  readonly hostname?: string
  readonly path?: HTTPPathModifier
  readonly port?: number
  readonly statusCode?: number
}

export interface HTTPPathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch'
  readonly replaceFullPath?: string
  readonly replacePrefixMatch?: string
}

export interface BackendRef {
  readonly group?: string
  readonly kind?: string
  readonly name: string
  readonly namespace?: string
  readonly port?: number
  readonly weight?: number
}

export interface HTTPBackendRef extends BackendRef {
  readonly filters?: readonly HTTPRouteFilter[]
}

export interface GRPCRoute extends KubeObject {
  readonly kind: 'GRPCRoute'
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[]
    readonly hostnames?: readonly string[]
    readonly rules?: readonly GRPCRouteRule[]
  }
  readonly status?: { readonly parents?: readonly RouteParentStatus[] }
}

export interface GRPCRouteRule {
  readonly name?: string
  readonly matches?: readonly {
    readonly method?: { readonly type?: string; readonly service?: string; readonly method?: string }
    readonly headers?: readonly NamedValueMatch[]
  }[]
  /** Fewer types than those of HTTPRoutes. */
  readonly filters?: readonly HTTPRouteFilter[]
  readonly backendRefs?: readonly HTTPBackendRef[]
  /** Experimental channel. */
  readonly sessionPersistence?: RouteSessionPersistence
}

/** TLSRoute, TCPRoute and UDPRoute: connections, told apart by server name or by port alone. */
export interface ConnectionRouteResource extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[]
    /** Of a TLSRoute. */
    readonly hostnames?: readonly string[]
    readonly rules?: readonly {
      readonly name?: string
      readonly backendRefs?: readonly BackendRef[]
    }[]
  }
  readonly status?: { readonly parents?: readonly RouteParentStatus[] }
}

export interface TLSRoute extends ConnectionRouteResource {
  readonly kind: 'TLSRoute'
}

export interface TCPRoute extends ConnectionRouteResource {
  readonly kind: 'TCPRoute'
}

export interface UDPRoute extends ConnectionRouteResource {
  readonly kind: 'UDPRoute'
}

export interface BackendTLSPolicy extends KubeObject {
  readonly kind: 'BackendTLSPolicy'
  readonly spec: {
    readonly targetRefs: readonly {
      readonly group: string
      readonly kind: string
      readonly name: string
      readonly sectionName?: string
    }[]
    readonly validation: {
      readonly caCertificateRefs?: readonly {
        readonly group: string
        readonly kind: string
        readonly name: string
      }[]
      readonly wellKnownCACertificates?: string
      readonly hostname: string
      readonly subjectAltNames?: readonly {
        readonly type: 'Hostname' | 'URI'
        readonly hostname?: string
        readonly uri?: string
      }[]
    }
    readonly options?: Readonly<Record<string, string>>
  }
}

export interface ReferenceGrant extends KubeObject {
  readonly kind: 'ReferenceGrant'
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[]
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[]
  }
}
