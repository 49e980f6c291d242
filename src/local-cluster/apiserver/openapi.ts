import { createHash } from 'node:crypto'
import {
  encodeOpenApiV2,
  OPENAPI_V2_PROTOBUF,
  type OpenApi as Documents,
  openApiFor,
  openApiV2Of,
} from '../../kube/index.ts'
import { parseMediaType } from './negotiate.ts'
import type { ApiRequest, ApiResponse } from './request.ts'
import type { Resources, ServedResource } from './resources.ts'
import { notAcceptable, unknownPath } from './status-error.ts'

/** OpenAPI: of version 3 an index, and a document for each group and version; of version 2 one of everything. */
export interface OpenApi {
  /** @throws StatusError 404 */
  readonly respond: (path: string, request: ApiRequest) => ApiResponse
}

interface Text {
  readonly text: string
  readonly hash: string
}

const V2 = '/openapi/v2'
const V3 = '/openapi/v3'
/** Not a document: no name of one has a blank. */
const V2_NAME = 'version 2'

export function createOpenApi(resources: Resources): OpenApi {
  let documents: Documents | undefined
  let texts = new Map<string, Text>()
  let protobuf: Uint8Array | undefined
  let madeFor = 0
  const current = (): Documents => {
    if (!documents || madeFor !== resources.generation()) {
      const served = resources
        .groups()
        .flatMap((group) => group.versions.flatMap((version) => version.resources))
      documents = openApiFor(served.map(toOpenApi))
      texts = new Map()
      protobuf = undefined
      madeFor = resources.generation()
    }
    return documents
  }
  const textOf = (name: string): Text => {
    const all = current()
    const known = texts.get(name)
    if (known) return known
    const document = name === V2_NAME ? openApiV2Of(all) : all.document(name)
    if (!document) throw unknownPath()
    const text = JSON.stringify(document)
    const made = { text, hash: createHash('sha256').update(text).digest('hex').toUpperCase() }
    texts.set(name, made)
    return made
  }
  const respondV2 = (request: ApiRequest): ApiResponse => {
    const type = wantedOfV2(request.header('accept'))
    const { text, hash } = textOf(V2_NAME)
    const headers = { etag: `"${hash}"`, vary: 'Accept' }
    if (isKnown(request, headers.etag)) return { kind: 'text', status: 304, text: '', headers }
    if (type === 'json') return { kind: 'text', status: 200, text, contentType: JSON_TYPE, headers }
    protobuf ??= encodeOpenApiV2(openApiV2Of(current()))
    return { kind: 'bytes', status: 200, bytes: protobuf, contentType: OPENAPI_V2_PROTOBUF, headers }
  }
  return {
    respond(path, request) {
      if (path === V3) {
        const text = JSON.stringify({ paths: indexPaths(current(), resources) })
        return { kind: 'text', status: 200, text }
      }
      if (path === V2) return respondV2(request)
      if (!path.startsWith(`${V3}/`)) throw unknownPath()
      const { text, hash } = textOf(path.slice(V3.length + 1))
      const headers = { etag: `"${hash}"`, vary: 'Accept' }
      if (isKnown(request, headers.etag)) return { kind: 'text', status: 304, text: '', headers }
      return { kind: 'text', status: 200, text, contentType: JSON_TYPE, headers }
    },
  }
}

const JSON_TYPE = 'application/json'
/** As kubectl asks for it. */
const ASKED_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

/** The first type that the client lists and the server has. @throws StatusError 406 */
function wantedOfV2(accept: string | undefined): 'json' | 'protobuf' {
  for (const range of (accept ?? '*/*').split(',')) {
    const { type } = parseMediaType(range)
    if (type === JSON_TYPE || type === '*/*' || type === 'application/*' || type === '') return 'json'
    if (type === OPENAPI_V2_PROTOBUF || type === ASKED_PROTOBUF) return 'protobuf'
  }
  throw notAcceptable([JSON_TYPE, OPENAPI_V2_PROTOBUF], true)
}

function isKnown(request: ApiRequest, etag: string): boolean {
  return (request.header('if-none-match') ?? '')
    .split(',')
    .some((known) => [etag, '*'].includes(known.trim().replace(/^W\//, '')))
}

/**
 * The index names each document with a text that changes when it may have changed: clients keep documents under
 * that address. Hashing all documents for it would mean making them all.
 */
function indexPaths(documents: Documents, resources: Resources) {
  const paths: Record<string, { readonly serverRelativeURL: string }> = {}
  for (const name of Object.keys(documents.index.paths)) {
    paths[name] = { serverRelativeURL: `${V3}/${name}?hash=${fingerprint(resources, name)}` }
  }
  return paths
}

function fingerprint(resources: Resources, name: string): string {
  const [root, first = '', second = ''] = name.split('/')
  const [group, version] = root === 'api' ? ['', first] : [first, second]
  const versions = resources.groups().find((each) => each.group === group)?.versions ?? []
  const served = versions.find((each) => each.version === version)?.resources ?? []
  const hash = createHash('sha256')
  for (const resource of served) hash.update(`${resource.info.plural} ${resource.revision}\n`)
  return hash.digest('hex').slice(0, 32)
}

function toOpenApi(resource: ServedResource) {
  const schema = resource.isCustom ? resource.openApiSchema() : undefined
  return schema ? { ...resource.info, schema } : resource.info
}
