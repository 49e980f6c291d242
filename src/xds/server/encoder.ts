import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { canonicalJson, contentVersion, type ModelObject, type ModelType } from '../../model/index.ts'
import { formatStateVersion, type StateVersion, typeUrlOf } from '../types/index.ts'

/** A resource as it stands in a response: encoded once per version, its bytes shared by all responses. */
export interface EncodedResource {
  readonly version: string
  /** Field 2 of DeltaDiscoveryResponse, tag and length included. */
  readonly frame: Uint8Array
}

export interface DeltaResponse {
  readonly type: ModelType
  readonly nonce: string
  readonly state: StateVersion
  readonly resources: readonly Uint8Array[]
  readonly removed: readonly string[]
  /** Who answers, as JSON; in the first response of a stream. */
  readonly controlPlane?: string
}

/** Field numbers of envoy.service.discovery.v3.DeltaDiscoveryResponse, .Resource and google.protobuf.Any. */
const RESPONSE = {
  systemVersion: 1,
  resources: 2,
  typeUrl: 4,
  nonce: 5,
  removed: 6,
  controlPlane: 7,
} as const
const RESOURCE = { version: 1, resource: 2, name: 3 } as const
const ANY = { typeUrl: 1, value: 2 } as const
const CONTROL_PLANE_IDENTIFIER = 1

export function encodeResource(object: ModelObject): EncodedResource {
  const json = canonicalJson(object)
  const version = contentVersion(json)
  const frame = new BinaryWriter().tag(RESPONSE.resources, WireType.LengthDelimited).fork()
  frame.tag(RESOURCE.version, WireType.LengthDelimited).string(version)
  frame.tag(RESOURCE.resource, WireType.LengthDelimited).fork()
  frame.tag(ANY.typeUrl, WireType.LengthDelimited).string(typeUrlOf(object.type))
  frame.tag(ANY.value, WireType.LengthDelimited).string(json)
  frame.join()
  frame.tag(RESOURCE.name, WireType.LengthDelimited).string(object.key)
  return { version, frame: frame.join().finish() }
}

export function encodeResponse(response: DeltaResponse): Buffer {
  const writer = new BinaryWriter()
  const text = (field: number, value: string) => writer.tag(field, WireType.LengthDelimited).string(value)
  text(RESPONSE.systemVersion, formatStateVersion(response.state))
  for (const frame of response.resources) writer.raw(frame)
  text(RESPONSE.typeUrl, typeUrlOf(response.type))
  text(RESPONSE.nonce, response.nonce)
  for (const name of response.removed) text(RESPONSE.removed, name)
  if (response.controlPlane !== undefined) {
    writer.tag(RESPONSE.controlPlane, WireType.LengthDelimited).fork()
    text(CONTROL_PLANE_IDENTIFIER, response.controlPlane)
    writer.join()
  }
  const bytes = writer.finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
