/**
 * mesh/resources: the kinds that users write for the mesh, as types, and the schemas of those that are custom
 * resources. One definition of ours gives a kind's CustomResourceDefinition in all its versions. Pure.
 */
export { crds, gatewayApiCrds, istioCrds } from './crds.ts'
export type { GatewayApiEdition } from './gateway/edition.ts'
export type * from './gateway/types.ts'
export type * from './istio/types.ts'
export {
  GATEWAY_EXPERIMENTAL_GROUP,
  GATEWAY_GROUP,
  ISTIO_NETWORKING_GROUP,
  type KindRef,
  RESOURCE_KINDS,
} from './kinds.ts'
