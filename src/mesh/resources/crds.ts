import type { CustomResourceDefinition } from '../../kube/index.ts'
import { definitionOf, type KindDefinition } from './definition.ts'
import { BACKEND_TLS_POLICY } from './gateway/backend-tls-policy.schema.ts'
import { GATEWAY_CLASS } from './gateway/gateway-class.schema.ts'
import { GATEWAY } from './gateway/gateway.schema.ts'
import { GRPC_ROUTE } from './gateway/grpc-route.schema.ts'
import { HTTP_ROUTE } from './gateway/http-route.schema.ts'
import { REFERENCE_GRANT } from './gateway/reference-grant.schema.ts'
import { DESTINATION_RULE } from './istio/destination-rule.schema.ts'
import { ENVOY_FILTER } from './istio/envoy-filter.schema.ts'
import { ISTIO_GATEWAY } from './istio/gateway.schema.ts'
import { PROXY_CONFIG, SIDECAR } from './istio/sidecar.schema.ts'
import { VIRTUAL_SERVICE } from './istio/virtual-service.schema.ts'
import { SERVICE_ENTRY, WORKLOAD_ENTRY, WORKLOAD_GROUP } from './istio/workload.schema.ts'

const GATEWAY_API_KINDS: readonly KindDefinition[] = [
  BACKEND_TLS_POLICY,
  GATEWAY_CLASS,
  GATEWAY,
  GRPC_ROUTE,
  HTTP_ROUTE,
  REFERENCE_GRANT,
]

const ISTIO_KINDS: readonly KindDefinition[] = [
  DESTINATION_RULE,
  ENVOY_FILTER,
  ISTIO_GATEWAY,
  PROXY_CONFIG,
  SERVICE_ENTRY,
  SIDECAR,
  VIRTUAL_SERVICE,
  WORKLOAD_ENTRY,
  WORKLOAD_GROUP,
]

/** The Gateway API's standard channel, as of the bundle version that their annotations name. */
export function gatewayApiCrds(): readonly CustomResourceDefinition[] {
  return GATEWAY_API_KINDS.map(definitionOf)
}

/** Istio's networking kinds. */
export function istioCrds(): readonly CustomResourceDefinition[] {
  return ISTIO_KINDS.map(definitionOf)
}

/** The definitions of all custom kinds, ready to be applied. */
export function crds(): readonly CustomResourceDefinition[] {
  return [...gatewayApiCrds(), ...istioCrds()]
}
