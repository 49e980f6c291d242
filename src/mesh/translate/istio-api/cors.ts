import type { RouteFilter, StringMatch } from '../../../model/index.ts'
import type { IstioCorsPolicy, IstioStringMatch } from '../../resources/index.ts'
import { regexFault } from '../regex.ts'
import { durationOf } from './duration.ts'

/** @see Istio, CorsPolicy */
export function corsFilters(
  policy: IstioCorsPolicy | undefined,
  path: string,
  problems: string[],
): readonly RouteFilter[] {
  if (policy === undefined) return []
  const maxAgeMs = durationOf(policy.maxAge, `${path}.maxAge`, problems)
  const named = (policy.allowOrigins ?? []).flatMap((match, i) =>
    originMatch(match, `${path}.allowOrigins[${i}]`, problems),
  )
  const plain = (policy.allowOrigin ?? []).map(plainOrigin)
  return [
    {
      kind: 'cors',
      // The old list counts only where the new one is not used.
      allowOrigins: named.length > 0 ? named : plain,
      allowMethods: policy.allowMethods ?? [],
      allowHeaders: policy.allowHeaders ?? [],
      exposeHeaders: policy.exposeHeaders ?? [],
      ...(maxAgeMs === undefined ? {} : { maxAgeSeconds: Math.floor(maxAgeMs / 1000) }),
      allowCredentials: policy.allowCredentials ?? false,
      forwardUnmatched: policy.unmatchedPreflights !== 'IGNORE',
    },
  ]
}

function plainOrigin(origin: string): StringMatch {
  return origin === '*' ? { kind: 'regex', value: '.*' } : { kind: 'exact', value: origin }
}

function originMatch(match: IstioStringMatch, path: string, problems: string[]): readonly StringMatch[] {
  if (match.exact !== undefined) return [plainOrigin(match.exact)]
  if (match.prefix !== undefined) return [{ kind: 'prefix', value: match.prefix }]
  if (match.regex === undefined) return []
  const fault = regexFault(match.regex)
  if (fault === undefined) return [{ kind: 'regex', value: match.regex }]
  problems.push(`${path}.regex: ${fault}`)
  return []
}
