/**
 * xds/types: how model objects are called on the wire: type URLs, subscription names, the node's identity, the state
 * version of a response. Pure.
 */
export { DELTA_ADS_PATH, REJECTION_TYPE_URL } from './method.ts'
export { metadataOf, nodeId, type NodeMetadata, parseNode, type ProxyNode } from './node.ts'
export { typeOfUrl, typeUrlOf } from './resource-type.ts'
export { formatStateVersion, parseStateVersion, type StateVersion } from './state-version.ts'
export { gatewayRoutes, parseSubscription, type Subscription } from './subscription.ts'
