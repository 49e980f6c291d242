import type { KubeObject } from '../../kube/index.ts'
import { GATEWAY_GROUP } from '../../mesh/resources/index.ts'
import type { Listener, Origin, Service } from '../../model/index.ts'
import { namespaceOf } from '../analyze/context.ts'
import { field, hasLabels, labelsAt, listAt, numberAt, textAt } from '../analyze/read.ts'
import { routeLines } from './route.ts'
import { type DescribedPods, distinct, subsetsOf } from './services.ts'
import { isSelected, SEPARATOR, type World } from './world.ts'

/** Where gateways let clients from outside in to the services, and by which routes. */
export function exposureLines(
  services: readonly KubeObject[],
  pods: DescribedPods,
  world: World,
): readonly string[] {
  const lines = services.flatMap((object) => {
    const service = world.serviceOf(object)
    return service === undefined ? [] : serviceExposure(service, pods, world)
  })
  if (lines.length > 0) return [SEPARATOR, ...lines]
  const isThere = world
    .of('', 'Pod')
    .some((pod) => labelsAt(pod, 'metadata', 'labels')['istio'] === 'ingressgateway')
  return isThere ? [] : ['Skipping Gateway information (no ingress gateway pods)']
}

function serviceExposure(service: Service, pods: DescribedPods, world: World): readonly string[] {
  const byPlace = new Map<string, Origin[]>()
  const listeners = new Map(world.model.listeners.list().map((listener) => [listener.key, listener]))
  for (const { origin, keys } of gatewayRoutesTo(service, world)) {
    for (const key of keys) {
      const listener = listeners.get(key)
      if (listener === undefined) continue
      for (const place of placesOf(listener, world)) {
        const origins = byPlace.get(place)
        if (origins === undefined) byPlace.set(place, [origin])
        else origins.push(origin)
      }
    }
  }
  const subsets = subsetsOf(service, service.ports[0]?.port ?? 0, pods, world)
  return [...byPlace].flatMap(([place, origins]) => [
    place,
    ...distinct(origins).flatMap((origin) => {
      const route = world.written(origin)
      return route === undefined ? [] : routeLines(route, { service, subsets }, world)
    }),
  ])
}

interface GatewayRoute {
  readonly origin: Origin
  readonly keys: readonly Listener['key'][]
}

/** Of requests and of connections, those that have the service among their destinations. */
function gatewayRoutesTo(service: Service, world: World): readonly GatewayRoute[] {
  const { routes, connectionRoutes } = world.model
  const requests = routes.list().map(({ scope, origin, action }) => ({
    scope,
    origin,
    destinations: action.kind === 'forward' ? action.destinations : [],
  }))
  return [...requests, ...connectionRoutes.list()].flatMap(({ scope, origin, destinations }) => {
    const leads = destinations.some(
      ({ target }) => target.kind === 'service' && target.service === service.key,
    )
    return leads && scope.kind === 'gateway' ? [{ origin, keys: scope.listeners }] : []
  })
}

function placesOf(listener: Listener, world: World): readonly string[] {
  const [kind = '', namespace = '', name = ''] = listener.gateway.split('/')
  if (kind === 'Gateway') {
    const addresses = gatewayAddresses(namespace, name, world).map((one) => urlOf(listener, one))
    return [`Exposed on Gateway ${namespace}/${name} ${addresses.join(', ') || '(no address yet)'}`]
  }
  const addresses = proxyAddresses(listener, world)
  return addresses.length === 0
    ? [`WARNING: no pod serves Istio Gateway ${namespace}/${name}`]
    : addresses.map((address) => `Exposed on Ingress Gateway ${address}`)
}

function gatewayAddresses(namespace: string, name: string, world: World): readonly string[] {
  const gateway = world.of(GATEWAY_GROUP, 'Gateway', namespace).find((one) => one.metadata.name === name)
  return listAt(gateway, 'status', 'addresses').flatMap((address) => textAt(address, 'value') ?? [])
}

/** Of the Services of the proxies that the listener's selector picks. */
function proxyAddresses(listener: Listener, world: World): readonly string[] {
  const { namespace, labels } = listener.selector
  const pods = world
    .of('', 'Pod', namespace)
    .filter((pod) => hasLabels(labelsAt(pod, 'metadata', 'labels'), labels))
  const services = world
    .of('', 'Service')
    .filter((service) =>
      pods.some((pod) => namespaceOf(pod) === namespaceOf(service) && isSelected(pod, service)),
    )
  const addresses = services.flatMap((service) => {
    const port = listAt(service, 'spec', 'ports').find((one) => numberAt(one, 'port') === listener.port)
    return port === undefined ? [] : addressOf(service, port, pods, listener)
  })
  return [...new Set(addresses)]
}

/** The balancer's address, or else a node's with its port, or else the cluster's own. */
function addressOf(
  service: KubeObject,
  port: unknown,
  pods: readonly KubeObject[],
  listener: Listener,
): readonly string[] {
  const [ingress] = listAt(service, 'status', 'loadBalancer', 'ingress')
  const balancer = textAt(ingress, 'ip') ?? textAt(ingress, 'hostname')
  if (balancer !== undefined) return [urlOf(listener, balancer)]
  const nodePort = numberAt(port, 'nodePort')
  const node = pods.flatMap((pod) => textAt(pod, 'status', 'hostIP') ?? [])[0]
  if (nodePort !== undefined && node !== undefined) return [urlOf(listener, node, nodePort)]
  const cluster = field(service, 'spec', 'clusterIP')
  return typeof cluster === 'string' && cluster !== 'None' && cluster !== '' ? [urlOf(listener, cluster)] : []
}

const DEFAULT_PORTS: Readonly<Record<Listener['protocol'], number>> = {
  http: 80,
  https: 443,
  tls: 443,
  tcp: 0,
  udp: 0,
}
const SCHEMES: Readonly<Record<Listener['protocol'], string>> = {
  http: 'http',
  https: 'https',
  tls: 'https',
  tcp: 'tcp',
  udp: 'udp',
}

function urlOf({ protocol, port: listened }: Listener, host: string, port = listened): string {
  const suffix = port === DEFAULT_PORTS[protocol] ? '' : `:${port}`
  return `${SCHEMES[protocol]}://${host.includes(':') ? `[${host}]` : host}${suffix}`
}
