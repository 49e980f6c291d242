import { unreachable } from '../base/index.ts'
import type { PathMatch } from '../model/index.ts'
import type { CompiledPathRewrite, CompiledRedirect } from './compile.ts'
import { type RouteRequest, hostOf, pathOnly, portOf, queryOf } from './request.ts'

/**
 * The path that a rewrite makes of a request's. The query stays as it is.
 * @param path with the query
 * @param matched the path condition of the match that the request took; absent: every path
 */
export function rewritePath(
  rewrite: CompiledPathRewrite,
  path: string,
  matched: PathMatch | undefined,
): string {
  const plain = pathOnly(path)
  const query = queryOf(path)
  switch (rewrite.kind) {
    case 'full':
      // A value with a query of its own replaces the request's, as in Envoy.
      return rewrite.value.includes('?') ? rewrite.value : withSlash(rewrite.value) + query
    case 'prefix':
      return replacePrefix(plain, matched, rewrite.value) + query
    case 'regex':
      return withSlash(rewrite.replace(plain)) + query
    default:
      return unreachable(rewrite)
  }
}

function withSlash(path: string): string {
  return path === '' ? '/' : path
}

function replacePrefix(path: string, matched: PathMatch | undefined, value: string): string {
  switch (matched?.kind) {
    case undefined:
      // Envoy has every path begin with the prefix `/`, which is replaced like any other.
      return withSlash(value + path.slice(1))
    case 'segment-prefix': {
      // Gateway API, ReplacePrefixMatch: slashes at the end of prefix and value count for nothing, and what is left of
      // the path keeps its own: /foo/ with /foo → /xyz is /xyz/, /foo with /foo → `` is /.
      const rest = path.slice(matched.value.length)
      const trimmed = value.endsWith('/') ? value.slice(0, -1) : value
      return withSlash(trimmed + rest)
    }
    case 'string-prefix':
      // Istio's rewrite of a prefix is Envoy's prefix_rewrite: character for character.
      return withSlash(value + path.slice(matched.value.length))
    case 'exact':
    case 'regex':
      // These have matched the whole path.
      return withSlash(value)
    default:
      return unreachable(matched)
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

/**
 * The Location of a redirect (Gateway API, HTTPRequestRedirectFilter; Istio, HTTPRedirect). The port is the one given;
 * else the scheme's own when a scheme is given or `derivePort` says so; else the one that the client used or wrote. A
 * scheme's default port is left out.
 */
export function redirectLocation(
  action: CompiledRedirect,
  request: RouteRequest,
  matched: PathMatch | undefined,
): string {
  const scheme = (action.scheme ?? request.scheme).toLowerCase()
  const host = action.hostname ?? hostOf(request.authority)
  const path = action.path === undefined ? request.path : rewritePath(action.path, request.path, matched)
  const port = redirectPort(action, request)
  const visible = port === undefined || port === DEFAULT_PORTS[scheme] ? '' : `:${port}`
  return `${scheme}://${host}${visible}${path}`
}

/** `undefined`: none is to be shown. */
function redirectPort(action: CompiledRedirect, request: RouteRequest): number | undefined {
  if (action.port !== undefined) return action.port
  const derive = action.derivePort ?? (action.scheme === undefined ? 'request' : 'scheme')
  if (derive === 'scheme') return undefined
  if (derive === 'authority') return writtenPort(action, request)
  if (action.hostname !== undefined) return request.port
  // A client behind a forwarded port knows the address by that port.
  return portOf(request.authority) ?? request.port
}

function writtenPort(action: CompiledRedirect, request: RouteRequest): number | undefined {
  if (action.hostname !== undefined) return undefined
  const port = portOf(request.authority)
  const isReplaced = action.scheme !== undefined && action.scheme.toLowerCase() !== request.scheme
  return isReplaced && port === DEFAULT_PORTS[request.scheme] ? undefined : port
}
