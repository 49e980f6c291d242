/** What routing looks at in a request. The proxy's request implements it; nothing is copied. */
export interface RouteRequest {
  readonly method: string
  readonly scheme: string
  /** As received: it may carry a port. */
  readonly authority: string
  /** With the query. */
  readonly path: string
  /** The port that the client dialled. */
  readonly port: number
  /** By lower-case name; the values of repeated fields joined by commas. */
  readonly header: (name: string) => string | undefined
  /** What its token says, once that is verified. */
  readonly auth?: { readonly claims: Readonly<Record<string, unknown>> } | undefined
  /** The calling workload, where it is known (in a sidecar it is the proxy's own). */
  readonly source?:
    | { readonly labels: Readonly<Record<string, string>>; readonly namespace: string }
    | undefined
}

/** The host of an authority in lower case, without port and without the dot of an absolute name. */
export function hostOf(authority: string): string {
  const end = hostEnd(authority)
  const absolute = end > 1 && authority.charCodeAt(end - 1) === DOT
  const host =
    end === authority.length && !absolute ? authority : authority.slice(0, absolute ? end - 1 : end)
  return host.toLowerCase()
}

/** The port that an authority names. */
export function portOf(authority: string): number | undefined {
  const text = authority.slice(hostEnd(authority) + 1)
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined
}

const DOT = 46

function hostEnd(authority: string): number {
  if (authority.startsWith('[')) {
    const bracket = authority.indexOf(']')
    return bracket < 0 ? authority.length : bracket + 1
  }
  const colon = authority.indexOf(':')
  return colon < 0 ? authority.length : colon
}

/** The path without the query and the fragment. */
export function pathOnly(path: string): string {
  const end = queryStart(path)
  return end < 0 ? path : path.slice(0, end)
}

/** The query with its question mark, or nothing. */
export function queryOf(path: string): string {
  const end = queryStart(path)
  return end < 0 ? '' : path.slice(end)
}

function queryStart(path: string): number {
  const question = path.indexOf('?')
  if (question >= 0) return question
  return path.indexOf('#')
}

/**
 * The first value of a query parameter, undecoded, as Envoy compares them.
 * @param query with its question mark; `a` without `=` has the value ``
 */
export function queryParameter(query: string, name: string): string | undefined {
  let start = 1
  const fragment = query.indexOf('#')
  const length = fragment < 0 ? query.length : fragment
  while (start <= length) {
    const ampersand = query.indexOf('&', start)
    const end = ampersand < 0 || ampersand > length ? length : ampersand
    const equals = start + name.length
    if (query.startsWith(name, start) && equals <= end) {
      if (equals === end && end > start) return ''
      if (equals < end && query[equals] === '=') return query.slice(equals + 1, end)
    }
    start = end + 1
  }
  return undefined
}
