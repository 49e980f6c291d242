import { createHash } from 'node:crypto'
import { type OpenApi as Documents, openApiFor } from '../../kube/index.ts'
import type { ApiRequest, ApiResponse } from './request.ts'
import type { Resources, ServedResource } from './resources.ts'
import { unknownPath } from './status-error.ts'

/** OpenAPI v3: an index, and a document for each group and version, made when it is first asked for. */
export interface OpenApi {
  /** @throws StatusError 404 */
  readonly respond: (path: string, request: ApiRequest) => ApiResponse
}

interface Text {
  readonly text: string
  readonly hash: string
}

/** Enough for clients that only look whether the server has version 2 of the documents. */
const EMPTY_V2 = {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: 'v1.35.2' },
  paths: {},
  definitions: {},
}

const V3 = '/openapi/v3'

export function createOpenApi(resources: Resources): OpenApi {
  let documents: Documents | undefined
  let texts = new Map<string, Text>()
  let madeFor = 0
  const current = (): Documents => {
    if (!documents || madeFor !== resources.generation()) {
      const served = resources
        .groups()
        .flatMap((group) => group.versions.flatMap((version) => version.resources))
      documents = openApiFor(served.map(toOpenApi))
      texts = new Map()
      madeFor = resources.generation()
    }
    return documents
  }
  const textOf = (name: string): Text => {
    const all = current()
    const known = texts.get(name)
    if (known) return known
    const document = all.document(name)
    if (!document) throw unknownPath()
    const text = JSON.stringify(document)
    const made = { text, hash: createHash('sha256').update(text).digest('hex').toUpperCase() }
    texts.set(name, made)
    return made
  }
  return {
    respond(path, request) {
      if (path === V3)
        return { kind: 'object', status: 200, object: { paths: indexPaths(current(), resources) } }
      if (path === '/openapi/v2') return { kind: 'object', status: 200, object: EMPTY_V2 }
      if (!path.startsWith(`${V3}/`)) throw unknownPath()
      const { text, hash } = textOf(path.slice(V3.length + 1))
      const headers = { etag: `"${hash}"` }
      if (request.header('if-none-match') === headers.etag)
        return { kind: 'text', status: 304, text: '', headers }
      return { kind: 'text', status: 200, text, contentType: 'application/json', headers }
    },
  }
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
