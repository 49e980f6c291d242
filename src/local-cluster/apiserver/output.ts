import { goQuote, type KubeObject, tableFor } from '../../kube/index.ts'
import type { ServerContext } from './context.ts'
import { inVersion, type ResourceRequest } from './resource-request.ts'
import type { JsonObject } from './json.ts'
import { type Negotiated, negotiate } from './negotiate.ts'
import type { ApiResponse } from './request.ts'
import { badRequest } from './status-error.ts'

/** Turns stored objects into what the client asked to see. */
export interface Shaper {
  readonly object: (object: KubeObject) => JsonObject
  readonly list: (objects: readonly KubeObject[], metadata: JsonObject) => JsonObject
  /** one object as lists hold it */
  readonly item: (object: KubeObject) => JsonObject
  /** for watches: column definitions come with the first table only */
  readonly event: (object: KubeObject, isFirst: boolean) => JsonObject
  /** names the shape, for sharing encoded events among watchers; undefined when it cannot be shared */
  readonly shareKey: string | undefined
  readonly contentType: string
}

export function createShaper(context: ServerContext, asked: ResourceRequest): Shaper {
  const negotiated = negotiate(asked.request.header('accept'))
  switch (negotiated.shape.kind) {
    case 'plain':
      return plainShaper(asked, negotiated)
    case 'metadata':
      return metadataShaper(negotiated.shape.version, negotiated)
    case 'table':
      return tableShaper(context, asked, negotiated.shape.version, negotiated)
  }
}

export function objectResponse(shaper: Shaper, status: number, object: KubeObject): ApiResponse {
  return { kind: 'object', status, object: shaper.object(object), contentType: shaper.contentType }
}

function plainShaper({ resource, request }: ResourceRequest, negotiated: Negotiated): Shaper {
  const object = (stored: KubeObject) => inVersion(stored, resource) as unknown as JsonObject
  // Clients in this process share the objects of the store; a copy of each would cost more than the list.
  const isWhole = resource.isCustom || request.isLocal === true
  const item = isWhole ? object : (stored: KubeObject) => withoutType(object(stored))
  return {
    object,
    item,
    event: object,
    list: (objects, metadata) => ({
      kind: resource.info.listKind,
      apiVersion: resource.apiVersion,
      metadata,
      items: objects.map(item),
    }),
    shareKey: resource.apiVersion,
    contentType: `application/${negotiated.format}`,
  }
}

/** What a list of built-in objects is of is said once, by its own kind. */
function withoutType({ kind: _kind, apiVersion: _apiVersion, ...item }: JsonObject): JsonObject {
  return item
}

function metadataShaper(version: string, negotiated: Negotiated): Shaper {
  const apiVersion = `meta.k8s.io/${version}`
  const object = ({ metadata }: KubeObject): JsonObject => ({
    kind: 'PartialObjectMetadata',
    apiVersion,
    metadata,
  })
  return {
    object,
    item: object,
    event: object,
    list: (objects, metadata) => ({
      kind: 'PartialObjectMetadataList',
      apiVersion,
      metadata,
      items: objects.map(object),
    }),
    shareKey: 'metadata',
    contentType: `application/${negotiated.format}`,
  }
}

function tableShaper(
  context: ServerContext,
  asked: ResourceRequest,
  version: string,
  negotiated: Negotiated,
): Shaper {
  const include = asked.request.query.get('includeObject') || 'Metadata'
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    const why = "must be 'Metadata', 'Object', 'None', or empty"
    throw badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${goQuote(include)}: ${why}`,
    )
  }
  const { resource } = asked
  const table = (objects: readonly KubeObject[], metadata: JsonObject, withColumns: boolean): JsonObject => {
    const made = tableFor(
      resource.info,
      objects.map((object) => inVersion(object, resource)),
      context.clock.now(),
      { includeObject: include },
    )
    return {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${version}`,
      metadata,
      columnDefinitions: withColumns ? made.columnDefinitions : null,
      rows: include === 'None' ? made.rows.map((row) => ({ ...row, object: null })) : made.rows,
    }
  }
  const single = (object: KubeObject, withColumns: boolean) =>
    table([object], { resourceVersion: object.metadata.resourceVersion }, withColumns)
  return {
    object: (object) => single(object, true),
    item: (object) => single(object, false),
    event: (object, isFirst) => single(object, isFirst),
    list: (objects, metadata) => table(objects, metadata, true),
    shareKey: undefined,
    contentType: `application/${negotiated.format}`,
  }
}
