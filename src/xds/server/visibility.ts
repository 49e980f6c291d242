import { unreachable } from '../../base/index.ts'
import type {
  AuthorizationPolicy,
  ConnectionRoute,
  Credential,
  ModelObject,
  RequestAuthentication,
  Route,
  Sidecar,
} from '../../model/index.ts'
import type { ProxyNode, Subscription } from '../types/index.ts'
import type { Peer, PeerIdentity } from './contract.ts'

/** Whether the object belongs to what this proxy asked for and may see. */
export function isVisible(object: ModelObject, peer: Peer, subscription: Subscription): boolean {
  return isSelected(object, peer.node, subscription) && mayBeSeen(object, peer)
}

function isSelected(object: ModelObject, node: ProxyNode, subscription: Subscription): boolean {
  switch (subscription.kind) {
    case 'all':
      return true
    case 'key':
      return object.key === subscription.key
    case 'proxy':
      return (
        object.type === 'credential' ||
        ((object.type === 'listener' || object.type === 'rate-limit' || object.type === 'http-bounds') &&
          selects(object.selector, node)) ||
        (isScoped(object) && selects(object.scope, node))
      )
    case 'gateway':
      return isRoute(object) && isOfGateway(object, subscription.gateway)
    case 'mesh':
      return isRoute(object) && object.scope.kind === 'mesh'
    default:
      return unreachable(subscription)
  }
}

/** `exportTo` of services and routes, the namespaces of what selects proxies, and the holders of credentials. */
function mayBeSeen(object: ModelObject, { node, identity }: Peer): boolean {
  switch (object.type) {
    case 'service':
      return object.visibility.kind === 'all' || object.visibility.namespaces.includes(node.namespace)
    case 'credential':
      return identity !== undefined && mayHold(object, identity)
    case 'route':
    case 'connection-route':
      return object.scope.clientNamespaces?.includes(node.namespace) ?? true
    case 'request-authentication':
    case 'authorization-policy':
      return object.scope.namespace === undefined || object.scope.namespace === node.namespace
    case 'telemetry':
      return object.namespace === undefined || object.namespace === node.namespace
    case 'sidecar':
      return selects(object.scope, node)
    case 'listener':
    case 'rate-limit':
    case 'http-bounds':
      return object.selector.namespace === undefined || object.selector.namespace === node.namespace
    case 'mesh':
    case 'peer-authentication':
    case 'workload':
      return true
    default:
      return unreachable(object)
  }
}

function isScoped(object: ModelObject): object is Sidecar | RequestAuthentication | AuthorizationPolicy {
  return (
    object.type === 'sidecar' ||
    object.type === 'request-authentication' ||
    object.type === 'authorization-policy'
  )
}

function isRoute(object: ModelObject): object is Route | ConnectionRoute {
  return object.type === 'route' || object.type === 'connection-route'
}

/** What was only claimed does not count: who has proven nothing gets no key. */
function mayHold(credential: Credential, identity: PeerIdentity): boolean {
  return credential.holders.some(
    (holder) =>
      holder.namespace === identity.namespace && holder.serviceAccounts.includes(identity.serviceAccount),
  )
}

function isOfGateway(route: Route | ConnectionRoute, gateway: string): boolean {
  const prefix = `${gateway}/`
  return (
    route.scope.kind === 'gateway' && route.scope.listeners.some((listener) => listener.startsWith(prefix))
  )
}

function selects(
  selector: { readonly namespace?: string; readonly labels: Readonly<Record<string, string>> },
  node: ProxyNode,
): boolean {
  if (selector.namespace !== undefined && selector.namespace !== node.namespace) return false
  return Object.entries(selector.labels).every(([name, value]) => node.labels[name] === value)
}
