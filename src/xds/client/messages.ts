import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { messageOf } from '../../base/index.ts'
import type { ModelType } from '../../model/index.ts'
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  NodeSchema,
  ResourceRejectionSchema,
  StatusSchema,
} from '../../proto/index.ts'
import { metadataOf, type ProxyNode, REJECTION_TYPE_URL, typeUrlOf } from '../types/index.ts'
import type { XdsChange, XdsRejection } from './contract.ts'

/** google.rpc.Code.INVALID_ARGUMENT */
const INVALID_ARGUMENT = 3

export function encodeRequest(message: DeltaDiscoveryRequest): Buffer {
  return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message))
}

export function decodeResponse(bytes: Uint8Array): DeltaDiscoveryResponse {
  return fromBinary(DeltaDiscoveryResponseSchema, bytes)
}

export function subscriptionRequest(options: {
  readonly type: ModelType
  /** Given in the first request of a stream. */
  readonly node: ProxyNode | undefined
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly versions: ReadonlyMap<string, string>
}): DeltaDiscoveryRequest {
  const { type, node, subscribe, unsubscribe, versions } = options
  return create(DeltaDiscoveryRequestSchema, {
    typeUrl: typeUrlOf(type),
    resourceNamesSubscribe: [...subscribe],
    resourceNamesUnsubscribe: [...unsubscribe],
    initialResourceVersions: Object.fromEntries(versions),
    ...(node ? { node: wireNode(node) } : {}),
  })
}

/** An ACK, or with rejections a NACK that names each rejected resource in its details. */
export function answerRequest(
  type: ModelType,
  nonce: string,
  rejections: readonly XdsRejection[],
): DeltaDiscoveryRequest {
  const message = create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrlOf(type), responseNonce: nonce })
  if (rejections.length === 0) return message
  message.errorDetail = create(StatusSchema, {
    code: INVALID_ARGUMENT,
    message: rejections.map(({ key, reason }) => `${key}: ${reason}`).join('; '),
    details: rejections.map(({ key, reason }) => ({
      typeUrl: REJECTION_TYPE_URL,
      value: toBinary(ResourceRejectionSchema, create(ResourceRejectionSchema, { name: key, reason })),
    })),
  })
  return message
}

export interface DecodedChanges {
  readonly changes: readonly XdsChange[]
  /** Resources that are not even JSON. */
  readonly rejections: readonly XdsRejection[]
}

/** @param known keys that the proxy has; the removal of any other is no change */
export function changesOf(
  type: ModelType,
  response: DeltaDiscoveryResponse,
  known: { readonly has: (key: string) => boolean },
): DecodedChanges {
  const changes: XdsChange[] = []
  const rejections: XdsRejection[] = []
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (const { name, version, resource } of response.resources) {
    try {
      const object: unknown = JSON.parse(decoder.decode(resource?.value))
      changes.push({ kind: 'set', type, key: name, version, object })
    } catch (error) {
      rejections.push({ type, key: name, reason: `not JSON: ${messageOf(error)}` })
    }
  }
  for (const key of response.removedResources) {
    if (known.has(key)) changes.push({ kind: 'remove', type, key })
  }
  return { changes, rejections }
}

function wireNode(node: ProxyNode) {
  const metadata = metadataOf(node)
  return create(NodeSchema, {
    id: node.id,
    cluster: node.cluster,
    metadata: { ...metadata, LABELS: { ...metadata.LABELS } },
    userAgentName: 'lateen',
    userAgentVersionType: { case: 'userAgentVersion', value: node.version },
  })
}
