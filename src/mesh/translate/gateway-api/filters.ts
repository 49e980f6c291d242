import type {
  Destination,
  HeaderChange,
  HeaderValue,
  PathRewrite,
  RouteAction,
  RouteFilter,
  StringMatch,
} from '../../../model/index.ts'
import type {
  HTTPBackendRef,
  HTTPCORSFilter,
  HTTPHeader,
  HTTPHeaderFilter,
  HTTPRequestMirrorFilter,
  HTTPPathModifier,
  HTTPRouteFilter,
  HTTPRequestRedirectFilter,
} from '../../resources/index.ts'

export interface FilterResult {
  readonly filters: readonly RouteFilter[]
  readonly redirect: RedirectAction | undefined
}

export type RedirectAction = Extract<RouteAction, { kind: 'redirect' }>

/** @param faults filters that are not served are added to it: they must not be skipped in silence */
export function translateFilters(
  filters: readonly HTTPRouteFilter[] | undefined,
  faults: string[],
  resolve: (ref: HTTPBackendRef) => Destination,
): FilterResult {
  const translated: RouteFilter[] = []
  let redirect: RedirectAction | undefined
  for (const filter of filters ?? []) {
    if (filter.type === 'RequestHeaderModifier' && filter.requestHeaderModifier !== undefined) {
      translated.push({ kind: 'request-headers', ...headerChange(filter.requestHeaderModifier) })
    } else if (filter.type === 'ResponseHeaderModifier' && filter.responseHeaderModifier !== undefined) {
      translated.push({ kind: 'response-headers', ...headerChange(filter.responseHeaderModifier) })
    } else if (filter.type === 'URLRewrite' && filter.urlRewrite !== undefined) {
      const path = pathRewrite(filter.urlRewrite.path)
      const authority = filter.urlRewrite.hostname
      translated.push({
        kind: 'rewrite',
        ...(authority === undefined ? {} : { authority }),
        ...(path === undefined ? {} : { path }),
      })
    } else if (filter.type === 'RequestMirror' && filter.requestMirror !== undefined) {
      translated.push(...mirrorFilter(filter.requestMirror, resolve))
    } else if (filter.type === 'CORS' && filter.cors !== undefined) {
      translated.push(corsFilter(filter.cors))
    } else if (filter.type === 'RequestRedirect' && filter.requestRedirect !== undefined) {
      redirect ??= redirectAction(filter.requestRedirect)
    } else {
      faults.push(`filter ${filter.type} is not served`)
    }
  }
  return { filters: translated, redirect }
}

/** A mirror that does not resolve is told by the route's conditions; its requests go their way without it. */
function mirrorFilter(
  mirror: HTTPRequestMirrorFilter,
  resolve: (ref: HTTPBackendRef) => Destination,
): readonly RouteFilter[] {
  const target = resolve(mirror.backendRef)
  if (target.kind !== 'service') return []
  const { numerator, denominator = 100 } = mirror.fraction ?? {}
  const percent = mirror.percent ?? (numerator === undefined ? 100 : (numerator / denominator) * 100)
  return [{ kind: 'mirror', percent, target }]
}

/** @see Gateway API, HTTPCORSFilter */
function corsFilter(cors: HTTPCORSFilter): RouteFilter {
  return {
    kind: 'cors',
    allowOrigins: (cors.allowOrigins ?? []).map(originMatch),
    allowMethods: cors.allowMethods ?? [],
    allowHeaders: cors.allowHeaders ?? [],
    exposeHeaders: cors.exposeHeaders ?? [],
    maxAgeSeconds: cors.maxAge ?? DEFAULT_MAX_AGE_SECONDS,
    allowCredentials: cors.allowCredentials ?? false,
    // The gateway alone speaks about other origins: an application that answers every OPTIONS would speak against it.
    forwardUnmatched: false,
  }
}

/** The definition's own default. */
const DEFAULT_MAX_AGE_SECONDS = 5

/** An origin in which a `*` stands for anything: alone, or as the first label of the host. */
function originMatch(origin: string): StringMatch {
  if (!origin.includes('*')) return { kind: 'exact', value: origin }
  const parts = origin.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return { kind: 'regex', value: parts.join('.*') }
}

function headerChange(filter: HTTPHeaderFilter): HeaderChange {
  return {
    set: (filter.set ?? []).map(headerValue),
    add: (filter.add ?? []).map(headerValue),
    remove: (filter.remove ?? []).map((name) => name.toLowerCase()),
  }
}

function headerValue(header: HTTPHeader): HeaderValue {
  return { name: header.name.toLowerCase(), value: header.value }
}

function pathRewrite(path: HTTPPathModifier | undefined): PathRewrite | undefined {
  if (path === undefined) return undefined
  return path.type === 'ReplaceFullPath'
    ? { kind: 'full', value: path.replaceFullPath ?? '' }
    : { kind: 'prefix', value: path.replacePrefixMatch ?? '' }
}

function redirectAction(filter: HTTPRequestRedirectFilter): RedirectAction {
  const path = pathRewrite(filter.path)
  return {
    kind: 'redirect',
    status: filter.statusCode ?? 302,
    ...(filter.scheme === undefined ? {} : { scheme: filter.scheme }),
    ...(filter.hostname === undefined ? {} : { hostname: filter.hostname }),
    ...(filter.port === undefined ? {} : { port: filter.port }),
    ...(path === undefined ? {} : { path }),
  }
}
