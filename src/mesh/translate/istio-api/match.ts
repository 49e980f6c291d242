import type { ClaimMatch, KeyedMatch, PathMatch, RouteMatch, StringMatch } from '../../../model/index.ts'
import type { IstioHttpMatch, IstioStringMatch } from '../../resources/index.ts'
import { regexFault } from '../regex.ts'

export type UnorderedMatch = Omit<RouteMatch, 'order'>

/** One match of a VirtualService's rule. */
export interface TranslatedMatch {
  readonly match: UnorderedMatch
  /** Gateways it is limited to, as written; absent: all of the VirtualService's. */
  readonly gateways: readonly string[] | undefined
  /** Takes every request that comes to it. */
  readonly isCatchAll: boolean
}

/** Headers that stand for parts of the request line. */
const PSEUDO_HEADERS: Readonly<Record<string, 'method' | 'scheme' | 'authority'>> = {
  ':method': 'method',
  ':scheme': 'scheme',
  ':authority': 'authority',
}

/** @returns undefined when the match cannot be served, which is added to the problems: it then never holds */
export function translateIstioMatch(
  source: IstioHttpMatch,
  path: string,
  problems: string[],
): TranslatedMatch | undefined {
  const faults: string[] = []
  const parts: Partial<Record<'method' | 'scheme' | 'authority', StringMatch>> = {}
  for (const part of ['method', 'scheme', 'authority'] as const) {
    const match = translateString(source[part], `${path}.${part}`, faults)
    if (match !== undefined) parts[part] = match
  }
  const headers = translateHeaders(source, path, parts, faults)
  const claims = translateClaims(source, path, faults)
  const query = translateQuery(source, path, faults)
  const pathMatch = translatePath(source, path, faults)
  problems.push(...faults)
  if (faults.length > 0) return undefined
  const match: UnorderedMatch = {
    ...(pathMatch === undefined ? {} : { path: pathMatch }),
    ...parts,
    headers,
    ...(claims.length > 0 && { claims }),
    query,
    ...(source.port === undefined ? {} : { port: source.port }),
    ...(source.sourceLabels === undefined ? {} : { sourceLabels: source.sourceLabels }),
    ...(source.sourceNamespace === undefined || source.sourceNamespace === ''
      ? {}
      : { sourceNamespace: source.sourceNamespace }),
    ...(source.statPrefix && { statPrefix: source.statPrefix }),
  }
  return { match, gateways: source.gateways, isCatchAll: isCatchAll(match) }
}

function translatePath(source: IstioHttpMatch, path: string, faults: string[]): PathMatch | undefined {
  const uri = translateString(source.uri, `${path}.uri`, faults)
  if (uri === undefined || uri.kind === 'present') return undefined
  const ignoreCase = source.ignoreUriCase === true ? { ignoreCase: true } : {}
  return uri.kind === 'prefix'
    ? { kind: 'string-prefix', value: uri.value, ...ignoreCase }
    : { kind: uri.kind, value: uri.value, ...ignoreCase }
}

function translateHeaders(
  source: IstioHttpMatch,
  path: string,
  parts: Partial<Record<'method' | 'scheme' | 'authority', StringMatch>>,
  faults: string[],
): readonly KeyedMatch[] {
  const wanted = Object.entries(source.headers ?? {}).flatMap(([key, value]) => {
    const at = `${path}.headers[${key}]`
    const match = translateString(value, at, faults) ?? { kind: 'present' }
    const name = key.toLowerCase()
    if (isClaim(key)) return []
    const pseudo = Object.hasOwn(PSEUDO_HEADERS, name) ? PSEUDO_HEADERS[name] : undefined
    if (pseudo !== undefined) {
      parts[pseudo] ??= match
      return []
    }
    return checkedHeader(name, at, faults) ? [{ name, match }] : []
  })
  const unwanted = Object.entries(source.withoutHeaders ?? {}).flatMap(([key, value]) => {
    const at = `${path}.withoutHeaders[${key}]`
    const match = translateString(value, at, faults) ?? { kind: 'present' }
    const name = key.toLowerCase()
    if (isClaim(key)) return []
    return checkedHeader(name, at, faults) ? [{ name, match, invert: true }] : []
  })
  return [...wanted, ...unwanted]
}

const CLAIMS = '@request.auth.claims'

function isClaim(key: string): boolean {
  return key.startsWith(`${CLAIMS}.`) || key.startsWith(`${CLAIMS}[`)
}

/** `@request.auth.claims.realm.roles` or `@request.auth.claims[realm][roles]`. @see istio.io, JWT claim based routing */
function translateClaims(source: IstioHttpMatch, path: string, faults: string[]): readonly ClaimMatch[] {
  const of = (given: IstioHttpMatch['headers'], member: string, isInverted: boolean): ClaimMatch[] =>
    Object.entries(given ?? {})
      .filter(([key]) => isClaim(key))
      .flatMap(([key, value]): ClaimMatch[] => {
        const at = `${path}.${member}[${key}]`
        const names = claimPath(key.slice(CLAIMS.length))
        if (names.length === 0) {
          faults.push(`${at} names no claim; the match never holds`)
          return []
        }
        const match = translateString(value, at, faults) ?? { kind: 'present' }
        return [{ path: names, match, ...(isInverted && { invert: true }) }]
      })
  return [...of(source.headers, 'headers', false), ...of(source.withoutHeaders, 'withoutHeaders', true)]
}

function claimPath(text: string): readonly string[] {
  if (text.startsWith('.')) return text.slice(1).split('.').filter(Boolean)
  return /^(?:\[[^[\]]+\])+$/.test(text) ? text.slice(1, -1).split('][') : []
}

function checkedHeader(name: string, path: string, faults: string[]): boolean {
  if (!name.startsWith('@') && !name.startsWith(':')) return true
  faults.push(`${path} is not served yet; the match never holds`)
  return false
}

function translateQuery(source: IstioHttpMatch, path: string, faults: string[]): readonly KeyedMatch[] {
  return Object.entries(source.queryParams ?? {}).map(([name, value]) => ({
    name,
    match: translateString(value, `${path}.queryParams[${name}]`, faults) ?? { kind: 'present' },
  }))
}

/** An empty StringMatch asks for presence only. */
function translateString(
  match: IstioStringMatch | undefined,
  path: string,
  faults: string[],
): StringMatch | undefined {
  if (match === undefined) return undefined
  if (match.exact !== undefined) return { kind: 'exact', value: match.exact }
  if (match.prefix !== undefined) return { kind: 'prefix', value: match.prefix }
  if (match.regex === undefined) return { kind: 'present' }
  const fault = regexFault(match.regex)
  if (fault !== undefined) faults.push(`${path}: ${fault}`)
  return { kind: 'regex', value: match.regex }
}

function isCatchAll(match: UnorderedMatch): boolean {
  const { path, headers, query, ...conditions } = match
  const everyPath =
    path === undefined ||
    (path.kind === 'string-prefix' && (path.value === '/' || path.value === '')) ||
    (path.kind === 'regex' && path.value === '.*')
  return everyPath && headers.length === 0 && query.length === 0 && Object.keys(conditions).length === 0
}
