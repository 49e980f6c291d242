import { parseDurationMs } from '../../../base/index.ts'
import type { Origin, SessionPersistence } from '../../../model/index.ts'
import type { RouteSessionPersistence } from '../../resources/index.ts'
import type { UnorderedMatch } from './match.ts'

/**
 * @param place of the rule: without a name of its own its session is called by it, the same in every proxy
 * @param faults what cannot be served is added to it
 * @see Gateway API, SessionPersistence (GEP-1619)
 */
export function translateSession(
  session: RouteSessionPersistence | undefined,
  place: { readonly origin: Origin; readonly matches: readonly UnorderedMatch[] },
  faults: string[],
): SessionPersistence | undefined {
  if (session === undefined) return undefined
  const { type = 'Cookie', absoluteTimeout, cookieConfig } = session
  const { namespace, name, rule = 0 } = place.origin
  const sessionName = session.sessionName || `session-${namespace}-${name}-${rule}`
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(sessionName)) {
    faults.push(`sessionPersistence.sessionName: ${sessionName} is no name of a cookie or header`)
    return undefined
  }
  const endsAfterMs = absoluteTimeout === undefined ? undefined : parseDurationMs(absoluteTimeout)
  if (absoluteTimeout !== undefined && (endsAfterMs === undefined || endsAfterMs <= 0)) {
    faults.push(`sessionPersistence.absoluteTimeout: ${absoluteTimeout} is not a duration such as 10s`)
    return undefined
  }
  const end = endsAfterMs === undefined ? {} : { endsAfterMs }
  if (type === 'Header') return { kind: 'header', name: sessionName.toLowerCase(), ...end }
  const isPermanent = cookieConfig?.lifetimeType === 'Permanent'
  return {
    kind: 'cookie',
    name: sessionName,
    path: cookiePath(place.matches),
    ...(isPermanent && endsAfterMs !== undefined ? { maxAgeMs: endsAfterMs } : {}),
    ...end,
  }
}

/** Where one path is matched, only requests for it need the cookie. */
function cookiePath(matches: readonly UnorderedMatch[]): string {
  const [only, ...others] = matches
  const path = others.length === 0 ? only?.path : undefined
  return path === undefined || path.kind === 'regex' || path.value === '' || /[;,\s]/.test(path.value)
    ? '/'
    : path.value
}
