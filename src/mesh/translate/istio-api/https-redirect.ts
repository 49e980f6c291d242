import { type Origin, type Route, routeName, type RouteScope } from '../../../model/index.ts'
import { orderKey } from './order.ts'

/** `tls.httpsRedirect` on a server: whatever else is said of these hosts, plain requests are sent to https. */
export function httpsRedirectRoute(place: {
  readonly scope: RouteScope
  readonly domains: readonly string[]
  readonly origin: Origin
  readonly created: string
  readonly variant: string
}): Route {
  const rule = place.origin.rule ?? 0
  return {
    type: 'route',
    key: routeName(place.origin, place.variant),
    scope: place.scope,
    domains: place.domains,
    matches: [
      {
        order: orderKey({ ...place, rule, part: 0 }, { match: 0, isCatchAll: false }),
        headers: [],
        query: [],
      },
    ],
    filters: [],
    action: { kind: 'redirect', status: 301, scheme: 'https' },
    origin: place.origin,
  }
}
