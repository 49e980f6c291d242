import type { HeaderValue, RouteFilter } from '../../../model/index.ts'
import type { IstioHeaderOperations, IstioHeaders } from '../../resources/index.ts'

/** Setting these on a request means to rewrite its authority. */
const AUTHORITY_HEADERS: ReadonlySet<string> = new Set(['host', ':authority'])

export function translateHeaders(headers: IstioHeaders | undefined): readonly RouteFilter[] {
  if (headers === undefined) return []
  const authority = values(headers.request?.set).find((header) => AUTHORITY_HEADERS.has(header.name))?.value
  return [
    ...change('request-headers', headers.request, AUTHORITY_HEADERS),
    ...(authority === undefined ? [] : [{ kind: 'rewrite' as const, authority }]),
    ...change('response-headers', headers.response),
  ]
}

function change(
  kind: 'request-headers' | 'response-headers',
  operations: IstioHeaderOperations | undefined,
  except: ReadonlySet<string> = new Set(),
): readonly RouteFilter[] {
  if (operations === undefined) return []
  const set = values(operations.set).filter((header) => !except.has(header.name))
  const add = values(operations.add).filter((header) => !except.has(header.name))
  const remove = (operations.remove ?? []).map((name) => name.toLowerCase())
  return set.length + add.length + remove.length === 0 ? [] : [{ kind, set, add, remove }]
}

/** A mapping has no order of its own: names sorted. */
function values(map: Readonly<Record<string, string>> | undefined): readonly HeaderValue[] {
  return Object.entries(map ?? {})
    .map(([name, value]) => ({ name: name.toLowerCase(), value }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
