import type { HttpFilterFactory } from '../order.ts'

/** Lets so many requests through in a time (Envoy's local rate limit). */
export const rateLimitFilter: HttpFilterFactory = (route, context) => {
  const request = context.limiter(route)
  return request && { request }
}
