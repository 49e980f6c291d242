import type { ModelType } from '../../model/index.ts'

/**
 * What a proxy may subscribe to within a type: one resource by its key, or a group of them.
 * `*`: every object that the proxy's namespace may see. `proxy/*`: listeners, rate limits, bounds, sidecars and policies that
 * select the proxy, and the credentials that it may hold.
 * `gateway/<gateway name>/*`: routes attached to a listener of that gateway. `mesh/*`: routes of sidecars.
 */
export type Subscription =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'proxy' }
  | { readonly kind: 'gateway'; readonly gateway: string }
  | { readonly kind: 'mesh' }

/** What concerns single proxies. */
const OF_PROXIES: ReadonlySet<ModelType> = new Set([
  'listener',
  'credential',
  'rate-limit',
  'http-bounds',
  'sidecar',
  'request-authentication',
  'authorization-policy',
])

export function parseSubscription(type: ModelType, name: string): Subscription {
  if (name === '*') return { kind: 'all' }
  if (name === 'proxy/*' && OF_PROXIES.has(type)) return { kind: 'proxy' }
  if (type === 'route' || type === 'connection-route') {
    if (name === 'mesh/*') return { kind: 'mesh' }
    if (name.startsWith('gateway/') && name.endsWith('/*')) {
      return { kind: 'gateway', gateway: name.slice('gateway/'.length, -'/*'.length) }
    }
  }
  return { kind: 'key', key: name }
}

/** The subscription name for the routes of one gateway. */
export function gatewayRoutes(gateway: string): string {
  return `gateway/${gateway}/*`
}
