import type { XMesh } from '../../resources/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import { condition, type StatusUpdate } from '../status.ts'

/** The name that GEP-3949 has for Istio. */
export const MESH_CONTROLLER_NAME = 'istio.io/istio'

/** What the conformance suite may expect of sidecars, by the Gateway API's feature names, in their order. */
const MESH_FEATURES = [
  'GRPCRoute',
  'HTTPRoute',
  'Mesh',
  'MeshClusterIPMatching',
  'MeshConsumerRoute',
  'MeshHTTPRouteBackendRequestHeaderModification',
  'MeshHTTPRouteNamedRouteRule',
  'MeshHTTPRouteQueryParamMatching',
  'MeshHTTPRouteRedirectPath',
  'MeshHTTPRouteRedirectPort',
  'MeshHTTPRouteRewritePath',
  'MeshHTTPRouteSchemeRedirect',
] as const

/** @returns undefined for another mesh, whose status is not ours to write */
export function meshStatus(object: XMesh): StatusUpdate | undefined {
  const { name, generation = 0 } = object.metadata
  if (object.spec.controllerName !== MESH_CONTROLLER_NAME) return undefined
  return {
    key: `XMesh/${name}`,
    kind: RESOURCE_KINDS.xMesh,
    name,
    observedGeneration: generation,
    status: {
      conditions: [condition(generation, 'Accepted', acceptedOutcome(object))],
      supportedFeatures: MESH_FEATURES.map((feature) => ({ name: feature })),
    },
  }
}

/** As for a GatewayClass: parameters that are not read are not passed over in silence. */
function acceptedOutcome({ spec: { parametersRef } }: XMesh) {
  if (parametersRef === undefined) {
    return { status: true, reason: 'Accepted', message: 'This mesh' }
  }
  const message = `spec.parametersRef ${parametersRef.kind}/${parametersRef.name} is not read: remove it, and write the mesh's settings into the ConfigMap of its MeshConfig`
  return { status: false, reason: 'InvalidParameters', message }
}
