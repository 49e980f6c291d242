import type { CustomResourceDefinition } from '../../kube/index.ts'
import { definitionOf, type KindDefinition } from './definition.ts'
import { backendTlsPolicy } from './gateway/backend-tls-policy.schema.ts'
import { backend } from './gateway/backend.schema.ts'
import { DEFAULT_EDITION, type GatewayApiEdition, isExperimental, isNewer } from './gateway/edition.ts'
import { gatewayClass, mesh } from './gateway/gateway-class.schema.ts'
import { gateway } from './gateway/gateway.schema.ts'
import { grpcRoute } from './gateway/grpc-route.schema.ts'
import { httpRoute } from './gateway/http-route.schema.ts'
import { tcpRoute, tlsRoute, udpRoute } from './gateway/l4-route.schema.ts'
import { listenerSet } from './gateway/listener.schema.ts'
import { referenceGrant } from './gateway/reference-grant.schema.ts'
import { backendTrafficPolicy } from './gateway/traffic-policy.schema.ts'
import { DESTINATION_RULE } from './istio/destination-rule.schema.ts'
import { ENVOY_FILTER } from './istio/envoy-filter.schema.ts'
import { TRAFFIC_EXTENSION, WASM_PLUGIN } from './istio/extension.schema.ts'
import { ISTIO_GATEWAY } from './istio/gateway.schema.ts'
import { AUTHORIZATION_POLICY, PEER_AUTHENTICATION, REQUEST_AUTHENTICATION } from './istio/security.schema.ts'
import { PROXY_CONFIG, SIDECAR } from './istio/sidecar.schema.ts'
import { TELEMETRY } from './istio/telemetry.schema.ts'
import { VIRTUAL_SERVICE } from './istio/virtual-service.schema.ts'
import { SERVICE_ENTRY, WORKLOAD_ENTRY, WORKLOAD_GROUP } from './istio/workload.schema.ts'

type KindOfEdition = (edition: GatewayApiEdition) => KindDefinition

const GATEWAY_API_KINDS: readonly KindOfEdition[] = [
  backendTlsPolicy,
  gatewayClass,
  gateway,
  grpcRoute,
  httpRoute,
  referenceGrant,
]
const KINDS_SINCE_V1_6: readonly KindOfEdition[] = [listenerSet, tcpRoute, tlsRoute, udpRoute]
const EXPERIMENTAL_KINDS: readonly KindOfEdition[] = [backend, backendTrafficPolicy, mesh]

const ISTIO_KINDS: readonly KindDefinition[] = [
  AUTHORIZATION_POLICY,
  DESTINATION_RULE,
  ENVOY_FILTER,
  ISTIO_GATEWAY,
  PEER_AUTHENTICATION,
  PROXY_CONFIG,
  REQUEST_AUTHENTICATION,
  SERVICE_ENTRY,
  SIDECAR,
  TELEMETRY,
  TRAFFIC_EXTENSION,
  VIRTUAL_SERVICE,
  WASM_PLUGIN,
  WORKLOAD_ENTRY,
  WORKLOAD_GROUP,
]

/** One published bundle of the Gateway API. @param edition default: what `lateen install` applies */
export function gatewayApiCrds(
  edition: GatewayApiEdition = DEFAULT_EDITION,
): readonly CustomResourceDefinition[] {
  return [
    ...GATEWAY_API_KINDS,
    ...(isNewer(edition) ? KINDS_SINCE_V1_6 : []),
    ...(isExperimental(edition) ? EXPERIMENTAL_KINDS : []),
  ].map((kindOf) => definitionOf(kindOf(edition)))
}

/** All kinds of Istio. */
export function istioCrds(): readonly CustomResourceDefinition[] {
  return ISTIO_KINDS.map(definitionOf)
}

/** The definitions of all custom kinds, ready to be applied. */
export function crds(): readonly CustomResourceDefinition[] {
  return [...gatewayApiCrds(), ...istioCrds()]
}
