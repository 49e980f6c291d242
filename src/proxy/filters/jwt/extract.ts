import type { JwtRule } from '../../../model/index.ts'
import { queryOf, queryParameter } from '../../../routing/index.ts'
import type { Exchange } from '../../exchange/types.ts'

/** A token in a request, and where it stands. */
export interface FoundToken {
  readonly text: string
  readonly at: { readonly kind: 'header' | 'param' | 'cookie'; readonly name: string }
}

const DEFAULT_FROM: JwtRule['from'] = {
  headers: [{ name: 'authorization', prefix: 'Bearer ' }],
  params: ['access_token'],
  cookies: [],
}

export function locationsOf({ from }: JwtRule): JwtRule['from'] {
  const isDefault = from.headers.length === 0 && from.params.length === 0 && from.cookies.length === 0
  return isDefault ? DEFAULT_FROM : from
}

/** All tokens that stand where a rule looks for them, in its order. */
export function findTokens(exchange: Exchange, from: JwtRule['from']): readonly FoundToken[] {
  const found: FoundToken[] = []
  for (const { name, prefix } of from.headers) {
    const value = exchange.header(name)
    const text = value === undefined ? undefined : afterPrefix(value, prefix)
    if (text !== undefined) found.push({ text, at: { kind: 'header', name } })
  }
  if (from.params.length > 0) {
    const query = queryOf(exchange.path)
    for (const name of query === '' ? [] : from.params) {
      const text = queryParameter(query, name)
      if (text !== undefined && text !== '') found.push({ text, at: { kind: 'param', name } })
    }
  }
  const cookies = from.cookies.length === 0 ? undefined : exchange.header('cookie')
  for (const name of cookies === undefined ? [] : from.cookies) {
    const text = cookieValue(cookies ?? '', name)
    if (text !== undefined && text !== '') found.push({ text, at: { kind: 'cookie', name } })
  }
  return found
}

/** What follows the prefix, as far as it can be a token. @see Envoy, Extractor::extractJWT */
function afterPrefix(value: string, prefix: string): string | undefined {
  const at = prefix === '' ? 0 : value.indexOf(prefix)
  if (at < 0) return undefined
  const text = value.slice(at + prefix.length).trimStart()
  const end = text.search(/[^A-Za-z0-9._=-]/)
  return end < 0 ? text : text.slice(0, end)
}

function cookieValue(cookies: string, name: string): string | undefined {
  for (const pair of cookies.split(/[;,]/)) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) {
      const value = pair.slice(equals + 1).trim()
      return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    }
  }
  return undefined
}

/** A path without a query parameter, whatever its value. */
export function withoutParameter(path: string, name: string): string {
  const query = queryOf(path)
  const pairs = query.slice(1).split('&')
  const kept = pairs.filter((pair) => pair !== name && !pair.startsWith(`${name}=`))
  const base = path.slice(0, path.length - query.length)
  return kept.length === 0 ? base : `${base}?${kept.join('&')}`
}
