import type { ConnectionRoute, Listener, Route, ServiceName } from '../../model/index.ts'

/** The names by which a route takes connections. */
export function hostsOf({ matches }: ConnectionRoute): readonly string[] {
  return matches.flatMap(({ hosts = [], serverNames = [] }) => [...hosts, ...serverNames])
}

/** The services that a route leads to, copies included. */
export function servicesOf(route: Route): readonly ServiceName[] {
  const mirrored = route.filters.flatMap((filter) =>
    filter.kind === 'mirror' ? [filter.target.service] : [],
  )
  if (route.action.kind !== 'forward') return mirrored
  const named = route.action.destinations.flatMap(({ target }) =>
    target.kind === 'service' ? [target.service] : [],
  )
  return [...named, ...mirrored]
}

/** Whether a gateway listener is for the proxy with these labels. */
export function selectsProxy(
  listener: Listener,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (listener.selector.namespace !== undefined && listener.selector.namespace !== namespace) return false
  return Object.entries(listener.selector.labels).every(([name, value]) => labels[name] === value)
}
