import { decodeProtobufBody, goTypeProblem, type GroupVersionKind } from '../../kube/index.ts'
import { type Decoded, decodeJson, decodeText, decodeYaml, plain } from './decode-text.ts'
import { isObject, type JsonObject } from './json.ts'
import { parseMediaType } from './negotiate.ts'
import type { ApiRequest, RequestBody } from './request.ts'
import { badRequest, type StatusError, unsupportedMediaType } from './status-error.ts'

/** The largest body that is read, as in Kubernetes. */
export const BODY_MAX_BYTES = 3 * 1024 * 1024

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

export interface DecodedObject extends Decoded {
  readonly value: JsonObject
}

/**
 * Reads the body of a create, update or review as one JSON object of a kind.
 * @param expected the kind that the request is for; the body may name another
 * @throws StatusError 400 or 415, in the words of the API server
 */
export async function readKind(request: ApiRequest, expected: GroupVersionKind): Promise<DecodedObject> {
  const refuse = (problem: string, bytes: Uint8Array) =>
    badRequest(
      `the object provided is unrecognized (must be of type ${expected.kind}): ${problem} (${summaryOf(bytes)})`,
    )
  const type = objectTypeOf(request)
  const decoded = decodeBody(await request.body(), type, refuse)
  const problem = goTypeProblem(decoded.value, gvkIn(decoded.value, expected), decoded)
  if (problem !== undefined) throw cannotHandle(gvkIn(decoded.value, expected), expected.kind, problem)
  return decoded
}

/** The kind that an object says it is; what it leaves out is what was expected. */
export function gvkIn(value: JsonObject, expected: GroupVersionKind): GroupVersionKind {
  const { apiVersion, kind } = value
  const [group, version] =
    typeof apiVersion !== 'string' || apiVersion === ''
      ? [expected.group, expected.version]
      : apiVersion.includes('/')
        ? [apiVersion.slice(0, apiVersion.indexOf('/')), apiVersion.slice(apiVersion.indexOf('/') + 1)]
        : ['', apiVersion]
  return { group, version, kind: typeof kind === 'string' && kind !== '' ? kind : expected.kind }
}

/** `Secret in version "v1" cannot be handled as a ConfigMap: …` */
export function cannotHandle(
  sent: { readonly version: string; readonly kind: string },
  kind: string,
  why: string,
) {
  return badRequest(`${sent.kind} in version "${sent.version}" cannot be handled as a ${kind}: ${why}`)
}

/**
 * Reads the body of a deletion or another request that may be without one.
 * @returns undefined when there is no body
 * @throws StatusError 400 or 415
 */
export async function readObject(request: ApiRequest): Promise<JsonObject | undefined> {
  const body = await request.body()
  if (body.kind === 'value' && body.value === undefined) return undefined
  if (body.kind === 'bytes' && body.bytes.length === 0) return undefined
  return decodeBody(body, objectTypeOf(request), badRequest).value
}

type Refuse = (problem: string, bytes: Uint8Array) => StatusError

const NO_BYTES = new Uint8Array(0)

function decodeBody(body: RequestBody, type: ObjectType, refuse: Refuse): DecodedObject {
  if (body.kind === 'value') {
    const { value } = body
    if (!isObject(value)) throw refuse(value === undefined ? NO_JSON : notAnObject(value), NO_BYTES)
    return { ...plain(value), value }
  }
  const decoded = decodeBytes(body.bytes, type, refuse)
  const { value } = decoded
  if (value === null) return { ...decoded, value: {} }
  if (!isObject(value)) throw refuse(notAnObject(value), body.bytes)
  checkTypeMeta(value, (problem) => refuse(problem, body.bytes))
  return { ...decoded, value }
}

const NO_JSON = "couldn't get version/kind; json parse error: unexpected end of JSON input"

type ObjectType = (typeof OBJECT_TYPES)[number]

function objectTypeOf(request: ApiRequest): ObjectType {
  const { type } = parseMediaType(request.header('content-type') ?? JSON_TYPE)
  const known = OBJECT_TYPES.find((each) => each === type)
  if (!known) throw unsupportedMediaType(OBJECT_TYPES)
  return known
}

function decodeBytes(bytes: Uint8Array, type: ObjectType, refuse: Refuse): Decoded {
  switch (type) {
    case JSON_TYPE:
      return decodeJson(decodeText(bytes), (problem) =>
        refuse(`couldn't get version/kind; json parse error: ${problem}`, bytes),
      )
    case YAML_TYPE:
      return decodeYaml(decodeText(bytes), (problem) => refuse(problem, bytes))
    case PROTOBUF_TYPE: {
      const decoded = decodeProtobufBody(bytes)
      if (!decoded.ok) throw badRequest(`the protobuf body cannot be read: ${decoded.error}`)
      return plain(decoded.value)
    }
  }
}

/** Go's decoder first reads nothing but these two, into a type without a name. */
const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

function notAnObject(value: unknown): string {
  const problem = `json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type ${TYPE_META}`
  return `couldn't get version/kind; json parse error: ${problem}`
}

function checkTypeMeta(value: JsonObject, refuse: (problem: string) => StatusError): void {
  for (const name of ['apiVersion', 'kind']) {
    const given = value[name] ?? ''
    if (typeof given === 'string') continue
    const problem = `json: cannot unmarshal ${jsonTypeOf(given)} into Go struct field .${name} of type string`
    throw refuse(`couldn't get version/kind; json parse error: ${problem}`)
  }
}

export function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

const SUMMARY_MAX = 30

/** The beginning of a body in a message: as text where it looks like JSON, else in hexadecimal. */
function summaryOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>'
  const start = Buffer.from(bytes.subarray(0, SUMMARY_MAX))
  const shown = bytes[0] === 0x7b ? start.toString('utf8') : start.toString('hex')
  return bytes.length > SUMMARY_MAX ? `${shown} ...` : shown
}

export interface PatchBody extends Decoded {
  readonly type: PatchType
}

/** @throws StatusError 415 */
export function patchTypeOf(request: ApiRequest, { isCustom }: { readonly isCustom: boolean }): PatchType {
  const { type } = parseMediaType(request.header('content-type') ?? '')
  if (Object.hasOwn(PATCH_TYPES, type)) return PATCH_TYPES[type as keyof typeof PATCH_TYPES]
  throw unsupportedMediaType(isCustom ? CUSTOM_PATCHES : undefined)
}

/** Custom resources have no merge keys, and their handler is asked before any router looks at the type. */
export const CUSTOM_PATCHES = Object.keys(PATCH_TYPES).filter((type) => !type.includes('strategic'))

/** @throws StatusError 400 or 415 */
export async function readPatch(
  request: ApiRequest,
  resource: { readonly isCustom: boolean },
): Promise<PatchBody> {
  const type = patchTypeOf(request, resource)
  const body = await request.body()
  if (body.kind === 'value') return { type, ...plain(body.value) }
  const text = decodeText(body.bytes)
  switch (type) {
    case 'apply':
      return { type, ...decodeYaml(text, (problem) => badRequest(`error encoding patch: ${problem}`)) }
    case 'json':
    case 'merge':
    case 'strategic':
      return { type, ...decodeJson(text, () => badRequest('invalid JSON patch')) }
  }
}
