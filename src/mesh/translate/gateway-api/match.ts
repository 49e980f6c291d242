import type { KeyedMatch, PathMatch, RouteMatch } from '../../../model/index.ts'
import type { HTTPRouteMatch, NamedValueMatch } from '../../resources/index.ts'
import { regexFault } from '../regex.ts'

/** A match before it has its place among all others. */
export type UnorderedMatch = Omit<RouteMatch, 'order'>

/** @param faults what makes the match impossible is added to it */
export function translateMatch(match: HTTPRouteMatch, faults: string[]): UnorderedMatch {
  return {
    path: translatePath(match.path, faults),
    ...(match.method === undefined ? {} : { method: { kind: 'exact', value: match.method } }),
    headers: translateNamed(
      match.headers?.map((header) => ({ ...header, name: header.name.toLowerCase() })),
      faults,
    ),
    query: translateNamed(match.queryParams, faults),
  }
}

function translatePath(path: HTTPRouteMatch['path'], faults: string[]): PathMatch {
  const { type = 'PathPrefix', value = '/' } = path ?? {}
  switch (type) {
    case 'Exact':
      return { kind: 'exact', value }
    case 'PathPrefix':
      return { kind: 'segment-prefix', value: value.replace(/\/+$/, '') }
    case 'RegularExpression': {
      const fault = regexFault(value)
      if (fault !== undefined) faults.push(`path ${fault}`)
      return { kind: 'regex', value }
    }
    default:
      faults.push(`path type ${String(type)} is not served`)
      return { kind: 'exact', value }
  }
}

/** Gateway API: of several entries with one name only the first counts. Names of query parameters are taken exactly. */
function translateNamed(entries: readonly NamedValueMatch[] | undefined, faults: string[]): KeyedMatch[] {
  const byName = new Map<string, KeyedMatch>()
  for (const { type = 'Exact', name, value } of entries ?? []) {
    if (byName.has(name)) continue
    const isRegex = type === 'RegularExpression'
    const fault = isRegex ? regexFault(value) : undefined
    if (fault !== undefined) faults.push(`${name} ${fault}`)
    byName.set(name, { name, match: { kind: isRegex ? 'regex' : 'exact', value } })
  }
  return [...byName.values()]
}
