import type { RateLimitPlace, TrafficSide } from '../../../../model/index.ts'
import { integerOf, memberOf, type Node, onlyMembers, textOf } from './read.ts'

const SIDES: Readonly<Record<string, readonly TrafficSide[]>> = {
  ANY: ['gateway', 'inbound', 'outbound'],
  GATEWAY: ['gateway'],
  SIDECAR_INBOUND: ['inbound'],
  SIDECAR_OUTBOUND: ['outbound'],
}

/** @returns none when no proxy of ours is meant, which is among the faults */
export function sidesOf(match: Node | undefined): readonly TrafficSide[] {
  const context = match && memberOf(match, 'context')
  const name = textOf(context) ?? 'ANY'
  const sides = Object.hasOwn(SIDES, name) ? SIDES[name] : undefined
  if (sides === undefined) context?.faults.add(context.path, `${name} is not supported`)
  return sides ?? []
}

const CONNECTION_MANAGER = 'envoy.filters.network.http_connection_manager'

/** Of an HTTP filter: where the whole listener is meant. */
export function listenerPlace(match: Node | undefined): RateLimitPlace {
  if (match !== undefined) onlyMembers(match, ['context', 'listener'])
  const listener = match && memberOf(match, 'listener')
  if (listener === undefined) return { kind: 'listener' }
  onlyMembers(listener, ['portNumber', 'filterChain'])
  const chain = memberOf(listener, 'filterChain')
  if (chain !== undefined) {
    onlyMembers(chain, ['filter'])
    const filter = memberOf(chain, 'filter')
    // The other filters that it may be put beside are all there; it stands before them in any case.
    if (filter !== undefined) onlyMembers(filter, ['name', 'subFilter'])
    const name = filter && memberOf(filter, 'name')
    if ((textOf(name) ?? CONNECTION_MANAGER) !== CONNECTION_MANAGER) {
      name?.faults.add(name.path, `must be ${CONNECTION_MANAGER}`)
    }
  }
  return { kind: 'listener', ...portOf(memberOf(listener, 'portNumber')) }
}

/** Of a virtual host or a route. */
export function routePlace(match: Node | undefined, kind: 'virtual-host' | 'route'): RateLimitPlace {
  if (match !== undefined) onlyMembers(match, ['context', 'routeConfiguration'])
  const configuration = match && memberOf(match, 'routeConfiguration')
  if (configuration === undefined) return { kind }
  onlyMembers(configuration, ['portNumber', 'vhost'])
  const host = memberOf(configuration, 'vhost')
  if (host === undefined) return { kind, ...portOf(memberOf(configuration, 'portNumber')) }
  onlyMembers(host, kind === 'route' ? ['name', 'route'] : ['name'])
  const place = {
    ...portOf(memberOf(configuration, 'portNumber')),
    ...hostOf(memberOf(host, 'name')),
  }
  if (kind === 'virtual-host') return { kind, ...place }
  const route = memberOf(host, 'route')
  if (route === undefined) return { kind, ...place }
  onlyMembers(route, ['name', 'action'])
  const action = memberOf(route, 'action')
  if (!['ANY', 'ROUTE'].includes(textOf(action) ?? 'ANY')) {
    action?.faults.add(action.path, 'must be ANY or ROUTE')
  }
  const name = textOf(memberOf(route, 'name')) ?? ''
  return { kind, ...place, ...(name === '' ? {} : { route: name }) }
}

function portOf(node: Node | undefined): { readonly port?: number } {
  const port = integerOf(node, 0) ?? 0
  return port === 0 ? {} : { port }
}

/** Istio's names of virtual hosts: `shop.example:80`, and `inbound|http|9080` before a workload's own port. */
function hostOf(node: Node | undefined): { readonly domain?: string; readonly port?: number } {
  const name = textOf(node) ?? ''
  if (node === undefined || name === '') return {}
  const inbound = /^inbound\|[^|]*\|(\d{1,5})$/.exec(name)
  if (inbound !== null) return { port: Number(inbound[1]) }
  const host = /^(.+):(\d{1,5})$/.exec(name)
  if (host !== null) return { domain: (host[1] as string).toLowerCase(), port: Number(host[2]) }
  node.faults.add(node.path, 'must be <host>:<port> or inbound|http|<port>')
  return {}
}
