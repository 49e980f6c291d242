import { fromBinary } from '@bufbuild/protobuf'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  ResourceRejectionSchema,
  type Status,
} from '../../proto/index.ts'
import { parseNode, type ProxyNode, REJECTION_TYPE_URL, typeOfUrl } from '../types/index.ts'
import type { RejectionReport, StreamRequest } from './stream-state.ts'

export function decodeRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  return fromBinary(DeltaDiscoveryRequestSchema, bytes)
}

/** @returns undefined when the message names no node, or one whose id is not in Istio's form */
export function nodeOf(message: DeltaDiscoveryRequest): ProxyNode | undefined {
  return message.node && parseNode(message.node.id, message.node.metadata)
}

/** @returns undefined for a type that this server does not serve */
export function streamRequestOf(message: DeltaDiscoveryRequest): StreamRequest | undefined {
  const type = typeOfUrl(message.typeUrl)
  if (type === undefined) return undefined
  return {
    type,
    subscribe: message.resourceNamesSubscribe,
    unsubscribe: message.resourceNamesUnsubscribe,
    initialVersions: message.initialResourceVersions,
    nonce: message.responseNonce,
    error: message.errorDetail && reportOf(message.errorDetail),
  }
}

function reportOf(status: Status): RejectionReport {
  const resources = status.details
    .filter((detail) => detail.typeUrl === REJECTION_TYPE_URL)
    .map((detail) => fromBinary(ResourceRejectionSchema, detail.value))
  return { message: status.message, resources: resources.map(({ name, reason }) => ({ key: name, reason })) }
}
