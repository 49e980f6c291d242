import { parse as parseYaml } from 'yaml'
import { messageOf } from '../../base/index.ts'
import { decodeProtobufBody } from '../../kube/index.ts'
import { isObject, type JsonObject } from './json.ts'
import { parseMediaType } from './negotiate.ts'
import type { ApiRequest } from './request.ts'
import { badRequest, unsupportedMediaType } from './status-error.ts'

/** The largest body that is read, as in Kubernetes. */
export const BODY_MAX_BYTES = 3 * 1024 * 1024
/** Deeper values are refused before anything walks them. */
const DEPTH_MAX = 250

const JSON_TYPE = 'application/json'
const YAML_TYPE = 'application/yaml'
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'
const OBJECT_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE] as const

const PATCH_TYPES = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const
export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES]

/**
 * Reads the body of a create, update or delete as one JSON object.
 * @returns undefined when there is no body
 * @throws StatusError 400 or 415
 */
export async function readObject(request: ApiRequest): Promise<JsonObject | undefined> {
  const body = await request.body()
  if (body.kind === 'value') return body.value === undefined ? undefined : expectObject(body.value)
  if (body.bytes.length === 0) return undefined
  const { type } = parseMediaType(request.header('content-type') ?? JSON_TYPE)
  switch (type) {
    case JSON_TYPE:
      return expectObject(parseJson(body.bytes))
    case YAML_TYPE:
      return expectObject(parseYamlText(body.bytes))
    case PROTOBUF_TYPE:
      return decodeProtobuf(body.bytes)
    default:
      throw unsupportedMediaType(OBJECT_TYPES)
  }
}

export interface PatchBody {
  readonly type: PatchType
  readonly patch: unknown
}

/** @throws StatusError 400 or 415 */
export async function readPatch(request: ApiRequest): Promise<PatchBody> {
  const { type } = parseMediaType(request.header('content-type') ?? '')
  const patchType = Object.hasOwn(PATCH_TYPES, type)
    ? PATCH_TYPES[type as keyof typeof PATCH_TYPES]
    : undefined
  if (!patchType) throw unsupportedMediaType(Object.keys(PATCH_TYPES))
  const body = await request.body()
  if (body.kind === 'value') return { type: patchType, patch: body.value }
  return { type: patchType, patch: patchType === 'apply' ? parseYamlText(body.bytes) : parseJson(body.bytes) }
}

function decodeProtobuf(bytes: Uint8Array): JsonObject {
  const decoded = decodeProtobufBody(bytes)
  if (!decoded.ok) throw badRequest(`the protobuf body cannot be read: ${decoded.error}`)
  return expectObject(decoded.value)
}

function expectObject(value: unknown): JsonObject {
  if (!isObject(value)) throw badRequest('the body of the request is not an object')
  return value
}

function parseJson(bytes: Uint8Array): unknown {
  const text = decodeText(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw badRequest(`error decoding: json parse error: ${messageOf(error)}`)
  }
  return checkShape(value, text)
}

function parseYamlText(bytes: Uint8Array): unknown {
  const text = decodeText(bytes)
  // Most "YAML" on the wire is JSON, which the JSON parser reads a hundred times faster.
  if (/^\s*\{/.test(text)) {
    try {
      return checkShape(JSON.parse(text), text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  let value: unknown
  try {
    value = parseYaml(text, { maxAliasCount: 100 })
  } catch (error) {
    throw badRequest(`error decoding: yaml: ${messageOf(error)}`)
  }
  return checkShape(value, text)
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badRequest('the body of the request is not valid UTF-8')
  }
}

function checkShape(value: unknown, text: string): unknown {
  const mayHoldPrototype = text.includes('__proto__') || text.includes('\\u')
  if (depthExceeds(value, DEPTH_MAX, mayHoldPrototype)) {
    throw badRequest(`the body of the request is nested deeper than ${DEPTH_MAX} levels`)
  }
  return value
}

function depthExceeds(value: unknown, left: number, refusePrototype: boolean): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (left === 0) return true
  if (Array.isArray(value)) return value.some((item) => depthExceeds(item, left - 1, refusePrototype))
  if (refusePrototype && Object.hasOwn(value, '__proto__')) {
    throw badRequest('the field name "__proto__" is not allowed')
  }
  return Object.values(value).some((item) => depthExceeds(item, left - 1, refusePrototype))
}
