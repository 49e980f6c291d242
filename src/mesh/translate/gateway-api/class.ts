import type { GatewayClass } from '../../resources/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import { CONTROLLER_NAME, condition, type StatusUpdate } from '../status.ts'

/** The class that works even before its GatewayClass object is there. */
export const BUILT_IN_CLASS = 'istio'

/** What the conformance suite may expect of the mesh, by the Gateway API's feature names, in their order. */
export const SUPPORTED_FEATURES = [
  'BackendTLSPolicy',
  'BackendTLSPolicySANValidation',
  'GRPCRoute',
  'GRPCRouteNamedRouteRule',
  'Gateway',
  'GatewayAddressEmpty',
  'GatewayBackendClientCertificate',
  'GatewayFrontendClientCertificateValidation',
  'GatewayFrontendClientCertificateValidationInsecureFallback',
  'GatewayHTTPListenerIsolation',
  'GatewayHTTPSListenerDetectMisdirectedRequests',
  'GatewayInfrastructurePropagation',
  'GatewayPort8080',
  'GatewayStaticAddresses',
  'HTTPRoute',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteBackendProtocolH2C',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteCORS',
  'HTTPRouteDestinationPortMatching',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror',
  'HTTPRouteRequestMultipleMirrors',
  'HTTPRouteRequestPercentageMirror',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteRetry',
  'HTTPRouteRetryBackendTimeout',
  'HTTPRouteRetryConnectionError',
  'HTTPRouteSchemeRedirect',
  'ListenerSet',
  'ReferenceGrant',
  'TCPRoute',
  'TLSRoute',
  'TLSRouteModeMixed',
  'TLSRouteModeTerminate',
  'UDPRoute',
] as const

export function isOurClass(name: string, object: GatewayClass | undefined): boolean {
  return object === undefined ? name === BUILT_IN_CLASS : object.spec.controllerName === CONTROLLER_NAME
}

/** @returns undefined for another controller's class, whose status is not ours to write */
export function gatewayClassStatus(object: GatewayClass): StatusUpdate | undefined {
  const { name, generation = 0 } = object.metadata
  if (!isOurClass(name, object)) return undefined
  return {
    key: `GatewayClass/${name}`,
    kind: RESOURCE_KINDS.gatewayClass,
    name,
    observedGeneration: generation,
    status: {
      conditions: [condition(generation, 'Accepted', acceptedOutcome(object))],
      supportedFeatures: SUPPORTED_FEATURES.map((feature) => ({ name: feature })),
    },
  }
}

/** Gateway API: parameters that are not read must not be passed over. Its Gateways are served all the same. */
function acceptedOutcome({ spec }: GatewayClass) {
  const { parametersRef } = spec
  if (parametersRef === undefined) {
    return { status: true, reason: 'Accepted', message: 'Handled by the mesh' }
  }
  const message = `spec.parametersRef ${parametersRef.kind}/${parametersRef.name} is not read: remove it, and give each Gateway its own with spec.infrastructure.parametersRef`
  return { status: false, reason: 'InvalidParameters', message }
}
