import { unreachable } from '../../base/index.ts'
import type { ModelObject, Route } from '../../model/index.ts'
import type { ProxyNode, Subscription } from '../types/index.ts'

/** Whether the object belongs to what this proxy asked for and may see. */
export function isVisible(object: ModelObject, node: ProxyNode, subscription: Subscription): boolean {
  return isSelected(object, node, subscription) && mayBeSeen(object, node)
}

function isSelected(object: ModelObject, node: ProxyNode, subscription: Subscription): boolean {
  switch (subscription.kind) {
    case 'all':
      return true
    case 'key':
      return object.key === subscription.key
    case 'proxy':
      return object.type === 'listener' && selects(object.selector, node)
    case 'gateway':
      return object.type === 'route' && isOfGateway(object, subscription.gateway)
    case 'mesh':
      return object.type === 'route' && object.scope.kind === 'mesh'
    default:
      return unreachable(subscription)
  }
}

/** `exportTo` of services, and the client namespaces of mesh routes. */
function mayBeSeen(object: ModelObject, node: ProxyNode): boolean {
  switch (object.type) {
    case 'service':
      return object.visibility.kind === 'all' || object.visibility.namespaces.includes(node.namespace)
    case 'route':
      return (
        object.scope.kind === 'gateway' || (object.scope.clientNamespaces?.includes(node.namespace) ?? true)
      )
    case 'mesh':
    case 'workload':
    case 'listener':
      return true
    default:
      return unreachable(object)
  }
}

function isOfGateway(route: Route, gateway: string): boolean {
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
