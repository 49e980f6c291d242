import type { GRPCRoute, GRPCRouteRule, HTTPRouteMatch, HTTPRouteRule } from '../../resources/index.ts'
import type { HttpRouteObject } from './route-context.ts'

/** What takes the place of a service or method that is not named. */
const ANY_PART = '[^/]+'

/**
 * A GRPCRoute in the words of an HTTPRoute: a call is a request for `/<service>/<method>`.
 * @see Gateway API, GRPCRoute
 */
export function asHttpRoute(route: GRPCRoute): HttpRouteObject {
  const { rules, ...spec } = route.spec
  return { ...route, spec: { ...spec, ...(rules === undefined ? {} : { rules: rules.map(asHttpRule) }) } }
}

function asHttpRule({ matches, ...rule }: GRPCRouteRule): HTTPRouteRule {
  return {
    ...rule,
    ...(matches === undefined
      ? {}
      : {
          matches: matches.map(({ method, headers }) => ({
            ...pathOf(method ?? {}),
            ...(headers === undefined ? {} : { headers }),
          })),
        }),
  }
}

function pathOf(call: {
  readonly type?: string
  readonly service?: string
  readonly method?: string
}): Pick<HTTPRouteMatch, 'path'> {
  const service = call.service === '' ? undefined : call.service
  const method = call.method === '' ? undefined : call.method
  if (service === undefined && method === undefined) return {}
  if (call.type === 'RegularExpression') return { path: regex(service, method) }
  if (service === undefined) return { path: regex(undefined, method) }
  return method === undefined
    ? { path: { type: 'PathPrefix', value: `/${service}` } }
    : { path: { type: 'Exact', value: `/${service}/${method}` } }
}

function regex(service: string | undefined, method: string | undefined): NonNullable<HTTPRouteMatch['path']> {
  return { type: 'RegularExpression', value: `/${service ?? ANY_PART}/${method ?? ANY_PART}` }
}
