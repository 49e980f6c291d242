import type { IncomingMessage } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { JsonObject } from './json.ts'
import { methodNotAllowed } from './status-error.ts'

/** Who asks, as authentication found out. */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export type RequestBody =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** from a client in the same process: already a JSON value, never changed by either side */
  | { readonly kind: 'value'; readonly value: unknown }

/** One request, whichever door it came through. */
export interface ApiRequest {
  readonly method: string
  /** without the query; still percent-encoded */
  readonly path: string
  readonly query: URLSearchParams
  /** @param name in lower case */
  readonly header: (name: string) => string | undefined
  /** all headers whose names begin so, in lower case, with all their values; none where there are none to see */
  readonly headersFrom?: (prefix: string) => readonly (readonly [name: string, values: readonly string[]])[]
  readonly body: () => Promise<RequestBody>
  /** the request as it came, for those that are handed on unread; none from this process */
  readonly incoming?: IncomingMessage
  readonly user: User
  /** whether it comes from this process, and not through a connection */
  readonly isLocal?: boolean
  /** aborted when the client goes away */
  readonly signal: AbortSignal
}

export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: unknown
  /** the frame as a line of JSON */
  readonly line: () => Uint8Array
  /** the line as a chunk of HTTP/1.1, made once for all watchers that get the same frame */
  readonly chunk: () => Uint8Array
}

export type ApiResponse =
  | {
      readonly kind: 'object'
      readonly status: number
      readonly object: JsonObject
      readonly contentType?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** the JSON text of an object that may be long, and of which parts are there already; not for this process */
  | {
      readonly kind: 'pieces'
      readonly status: number
      readonly pieces: Iterable<string>
      readonly contentType: string
    }
  | {
      readonly kind: 'text'
      readonly status: number
      readonly text: string
      readonly contentType?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'bytes'
      readonly status: number
      readonly bytes: Uint8Array
      readonly contentType: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'watch'; readonly frames: AsyncIterable<readonly WatchFrame[]> }
  | { readonly kind: 'stream'; readonly chunks: AsyncIterable<Uint8Array>; readonly contentType: string }
  /** another server's answer, as it came */
  | {
      readonly kind: 'relayed'
      readonly status: number
      readonly statusText: string
      /** names and values in turn */
      readonly rawHeaders: readonly string[]
      readonly body: Readable
    }
  /** the connection changes its protocol; only for requests that ask for it by an `Upgrade` header */
  | { readonly kind: 'upgrade'; readonly serve: (connection: UpgradeConnection) => Promise<void> }

/** A connection whose request asked for another protocol; who serves it answers the upgrade and owns the socket. */
export interface UpgradeConnection {
  readonly incoming: IncomingMessage
  readonly socket: Duplex
  /** what the client has sent after the request */
  readonly head: Buffer
}

export type RequestVerb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection'

/** What a path under `/api` or `/apis` asks for. */
export interface ResourcePath {
  readonly group: string
  readonly version: string
  readonly plural: string
  /** '' where the path names none */
  readonly namespace: string
  readonly name: string
  readonly subresource: string
  /** of a proxy: what follows it, still encoded; '' or with a slash at its beginning */
  readonly below?: string
  /** from before the flag of the query: `/api/v1/watch/pods` */
  readonly isOldWatch?: true
}

/** What is below a proxy belongs to another server: it is not looked into. */
const PROXY_PATH = /^(\/api\/v1\/(?:namespaces\/[^/]+\/(?:pods|services)|nodes)\/[^/]+\/proxy)(?:(\/.*))?$/s

/**
 * Reads `/api/v1/namespaces/demo/pods/x/log` and the like.
 * @returns undefined when the path is not one of a resource
 */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const [, toProxy, below = ''] = PROXY_PATH.exec(path) ?? []
  const parts = decodeSegments(toProxy ?? path)
  if (!parts) return undefined
  const [root, ...rest] = parts
  const group = root === 'apis' ? rest.shift() : root === 'api' ? '' : undefined
  const version = rest.shift()
  if (group === undefined || !version || rest.length === 0) return undefined
  const isOldWatch = rest[0] === 'watch' && rest.length > 1
  if (isOldWatch) rest.shift()
  const inNamespace =
    rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '')
  const namespace = inNamespace ? (rest[1] ?? '') : ''
  const [plural, name, ...subresource] = inNamespace ? rest.slice(2) : rest
  if (!plural || [group, version, namespace, plural, ...subresource].some(walks)) return undefined
  return {
    group,
    version,
    plural,
    namespace,
    name: name ?? '',
    subresource: subresource.join('/'),
    ...(toProxy === undefined ? {} : { below }),
    ...(isOldWatch ? { isOldWatch } : {}),
  }
}

const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize'])

/** `.` and `..`, which may be the name of an object that cannot be, if they are encoded. */
function walks(segment: string): boolean {
  return segment === '.' || segment === '..'
}

/** Empty segments, segments that walk, and encoded slashes make the path no path of ours. */
function decodeSegments(path: string): string[] | undefined {
  const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/')
  const decoded: string[] = []
  for (const part of parts) {
    let text: string
    try {
      text = decodeURIComponent(part)
    } catch {
      return undefined
    }
    if (text === '' || walks(part) || text.includes('/') || text.includes('\0')) return undefined
    decoded.push(text)
  }
  return decoded
}

/** @throws StatusError for a method that no resource has */
export function verbOf(request: ApiRequest, path: ResourcePath): RequestVerb {
  switch (request.method) {
    case 'GET':
      if (path.isOldWatch) return 'watch'
      if (path.name !== '') return 'get'
      return isTrue(request.query.get('watch')) ? 'watch' : 'list'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return path.name === '' ? 'deletecollection' : 'delete'
    case 'HEAD':
    case 'OPTIONS':
      if (path.below !== undefined) return 'get'
      throw methodNotAllowed()
    default:
      throw methodNotAllowed()
  }
}

/** Anything but `false` and `0` is true, also a name without a value, as Go decodes the flags of a query. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}
