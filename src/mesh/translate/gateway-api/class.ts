import type { GatewayClass } from '../../resources/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import { CONTROLLER_NAME, condition, type StatusUpdate } from '../status.ts'

/** The class that works even before its GatewayClass object is there. */
export const BUILT_IN_CLASS = 'istio'

/** What the conformance suite may expect of the mesh, by the Gateway API's feature names, in their order. */
export const SUPPORTED_FEATURES = [
  'Gateway',
  'GatewayHTTPListenerIsolation',
  'GatewayInfrastructurePropagation',
  'GatewayPort8080',
  'HTTPRoute',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'ReferenceGrant',
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
      conditions: [
        condition(generation, 'Accepted', {
          status: true,
          reason: 'Accepted',
          message: 'Handled by the mesh',
        }),
      ],
      supportedFeatures: SUPPORTED_FEATURES.map((feature) => ({ name: feature })),
    },
  }
}
