import { createGraph } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { GatewayName, Listener, Origin, Service, ServiceName, Workload } from '../../model/index.ts'
import {
  type CompiledForward,
  type CompiledRoute,
  compileRoute,
  createGatewayTable,
  createMeshTable,
  type Explanation,
  hostOf,
  normalizePath,
  redirectLocation,
  resolvePolicy,
  type RouteRequest,
  rewritePath,
  selectEndpoints,
} from '../../routing/index.ts'
import {
  createSources,
  createTranslation,
  DEFAULT_SETTINGS,
  type MeshSettings,
  setObject,
  type Translation,
} from '../../mesh/translate/index.ts'

/** A request that somebody wonders about. */
export interface WonderedRequest {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  /** With the query. */
  readonly path: string
  readonly port: number
  /** Names in lower case; several of a name joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  /** A client of the mesh, whose sidecar decides; absent: the request comes to a gateway. */
  readonly from?: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  /** `namespace/name` of the one gateway that is meant; absent: every gateway that listens on the port. */
  readonly gateway?: string
}

/** What one proxy, a gateway's or the client's own, makes of the request. */
export interface RequestExplanation {
  /** `Gateway demo/edge` for each gateway of the proxy, or `the mesh`. */
  readonly where: readonly string[]
  /** The listeners that serve the host. */
  readonly listeners: readonly string[]
  readonly decision: Explanation
  readonly outcome: Outcome
}

export type Outcome =
  | {
      readonly kind: 'forward'
      readonly destinations: readonly ExplainedDestination[]
      readonly path?: string
      readonly authority?: string
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | { readonly kind: 'respond'; readonly status: number; readonly reason: string }
  /** No rule is for it: the service that was meant, with its defaults. */
  | { readonly kind: 'service'; readonly destination: ExplainedDestination }
  | { readonly kind: 'passthrough'; readonly reason: string }

export interface ExplainedDestination {
  /** Of 1. */
  readonly share: number
  readonly host: string
  readonly port: number
  readonly subset?: string
  readonly endpoints: readonly string[]
  /** Without endpoints: the objects that were asked have none of any service, as manifests alone do. */
  readonly isUnknown?: true
  /** Why its share fails, when it does. */
  readonly fault?: string
  /** The DestinationRule that says how it is treated. */
  readonly policy?: Origin
}

/** Whether the request would be taken at all. */
export class BadRequestError extends Error {}

/**
 * Says which rule takes a request and why not the others: the objects are translated, the routes compiled, and the
 * tables asked, by the code that the mesh itself runs.
 * @returns one explanation for each proxy that may get the request; none: no gateway listens on its port
 * @throws BadRequestError for a path that every proxy refuses
 */
export function explainRequest(
  objects: readonly KubeObject[],
  request: WonderedRequest,
  settings: MeshSettings = DEFAULT_SETTINGS,
): readonly RequestExplanation[] {
  // A sidecar leaves the paths of its own client as they are.
  const path = request.from === undefined ? normalizePath(request.path) : request.path
  if (path === undefined)
    throw new BadRequestError(`the path ${request.path} leads above the root: it is refused with 400`)
  const graph = createGraph()
  const sources = createSources(graph)
  const translation = createTranslation(graph, sources, settings)
  graph.transact(() => {
    for (const object of objects) setObject(sources, object)
  })
  const asked: RouteRequest = {
    ...request,
    path,
    header: (name) => request.headers[name],
    ...(request.from && { source: request.from }),
  }
  const registry = createRegistry(translation)
  return request.from === undefined
    ? gatewayExplanations(asked, request.gateway, translation, registry)
    : [meshExplanation(asked, request.from.namespace, translation, registry)]
}

interface Registry {
  readonly service: (key: ServiceName) => Service | undefined
  readonly named: (host: string, namespace: string) => Service | undefined
  readonly workloadsOf: (key: ServiceName) => readonly Workload[]
  readonly knowsWorkloads: boolean
}

function createRegistry(translation: Translation): Registry {
  const { services, workloads, mesh } = translation.model
  const domain = mesh.get('mesh')?.clusterDomain ?? 'cluster.local'
  return {
    service: (key) => services.get(key),
    named(host, namespace) {
      const names = [host, `${host}.${namespace}.svc.${domain}`, `${host}.svc.${domain}`, `${host}.${domain}`]
      for (const name of names) {
        const found = services.list().filter((service) => service.hostname === name)
        if (found.length > 0) return found.find((service) => service.namespace === namespace) ?? found[0]
      }
      return undefined
    },
    workloadsOf: (key) => workloads.list().filter((workload) => workload.services[key] !== undefined),
    knowsWorkloads: workloads.list().length > 0,
  }
}

/** Gateways that share a proxy share its tables: those of one selector, on the port that is asked for. */
function gatewayExplanations(
  request: RouteRequest,
  gateway: string | undefined,
  translation: Translation,
  registry: Registry,
): readonly RequestExplanation[] {
  const proxies = new Map<string, Listener[]>()
  for (const listener of translation.model.listeners.list()) {
    if (listener.port !== request.port) continue
    const id = JSON.stringify(listener.selector)
    proxies.set(id, [...(proxies.get(id) ?? []), listener])
  }
  const wanted = (listeners: readonly Listener[]) =>
    gateway === undefined || listeners.some((listener) => listener.gateway.endsWith(`/${gateway}`))
  return [...proxies.values()].filter(wanted).map((listeners) => {
    const table = createGatewayTable(listeners)
    for (const route of compiledRoutes(translation, 'gateway')) table.setCompiled(route)
    const decision = table.explain(request)
    const winner = table.match(request)
    return {
      where: [...new Set(listeners.map((listener) => gatewayText(listener.gateway)))],
      listeners: [...decision.listeners],
      decision,
      outcome:
        winner.kind === 'match'
          ? outcomeOf(winner.route, decision, {
              request,
              clientNamespace: listeners[0]?.selector.namespace,
              registry,
            })
          : { kind: 'respond', status: 404, reason: REASONS[winner.kind] },
    }
  })
}

const REASONS = {
  'no-listener': 'no listener is on this port',
  'no-host': 'no listener is for this host',
  'no-route': 'no route takes the request',
} as const

function meshExplanation(
  request: RouteRequest,
  namespace: string,
  translation: Translation,
  registry: Registry,
): RequestExplanation {
  const table = createMeshTable(namespace)
  for (const route of compiledRoutes(translation, 'mesh')) table.setCompiled(route)
  const host = hostOf(request.authority)
  const service = registry.named(host, namespace)
  const place = { where: ['the mesh'], listeners: [] }
  const context = { request, clientNamespace: namespace, registry }
  const routed = table.explain(request, { dialled: service, named: service })
  if (routed !== undefined) {
    const { result, ...decision } = routed
    const outcome: Outcome =
      result.kind === 'match'
        ? outcomeOf(result.route, decision, context)
        : { kind: 'respond', status: 404, reason: REASONS[result.kind] }
    return { ...place, decision, outcome }
  }
  const decision: Explanation = { host, passedOver: [] }
  if (service?.ports.some((port) => port.port === request.port) !== true) {
    const reason =
      service === undefined ? `${host} is no service of the mesh` : `${host} has no port ${request.port}`
    return { ...place, decision, outcome: { kind: 'passthrough', reason } }
  }
  const target = { service: service.key, port: request.port }
  return { ...place, decision, outcome: { kind: 'service', destination: destinationOf(target, 1, context) } }
}

function compiledRoutes(translation: Translation, scope: 'gateway' | 'mesh'): readonly CompiledRoute[] {
  return translation.model.routes.list().flatMap((route) => {
    if (route.scope.kind !== scope) return []
    const compiled = compileRoute(route)
    return compiled.ok ? [compiled.value] : []
  })
}

function gatewayText(name: GatewayName): string {
  const [kind = '', namespace = '', rest = ''] = name.split('/')
  return `${kind === 'IstioGateway' ? 'Istio Gateway' : kind} ${namespace}/${rest}`
}

interface OutcomeContext {
  readonly request: RouteRequest
  readonly clientNamespace: string | undefined
  readonly registry: Registry
}

function outcomeOf(route: CompiledRoute, decision: Explanation, context: OutcomeContext): Outcome {
  const matched = route.matches.find((match) => match.index === decision.winner?.match)?.source.path
  const { request } = context
  const { action } = route
  switch (action.kind) {
    case 'respond':
      return { kind: 'respond', status: action.status, reason: action.reason }
    case 'redirect':
      return { kind: 'redirect', status: action.status, location: redirectLocation(action, request, matched) }
    case 'forward': {
      const rewrite = route.filters.find((filter) => filter.kind === 'rewrite')
      return {
        kind: 'forward',
        destinations: destinationsOf(action, context),
        ...(rewrite?.path && { path: rewritePath(rewrite.path, request.path, matched) }),
        ...(rewrite?.authority !== undefined && { authority: rewrite.authority }),
      }
    }
  }
}

function destinationsOf(action: CompiledForward, context: OutcomeContext): readonly ExplainedDestination[] {
  return action.destinations
    .filter((destination) => destination.weight > 0)
    .map(({ weight, target }) => {
      const share = weight / action.totalWeight
      if (target.kind === 'service') return destinationOf(target, share, context)
      const fault = `answered with ${target.status}: ${target.reason}`
      return { share, host: 'nowhere', port: 0, endpoints: [], fault }
    })
}

function destinationOf(
  target: { readonly service: ServiceName; readonly port: number; readonly subset?: string },
  share: number,
  context: OutcomeContext,
): ExplainedDestination {
  const { service: key, port, subset } = target
  const service = context.registry.service(key)
  const host = service?.hostname ?? key.slice(key.indexOf('/') + 1)
  const base = { share, host, port, ...(subset === undefined ? {} : { subset }) }
  if (service === undefined)
    return { ...base, endpoints: [], fault: 'answered with 503: there is no such service' }
  const policy = resolvePolicy({
    service,
    port,
    subset,
    clientNamespace: context.clientNamespace ?? '',
    ...(context.request.source && { clientLabels: context.request.source.labels }),
  })
  if (policy.kind === 'unknown-subset') {
    return {
      ...base,
      endpoints: [],
      fault: `answered with 503: no DestinationRule defines subset ${subset ?? ''}`,
    }
  }
  const origin = policy.origin === undefined ? {} : { policy: policy.origin }
  const workloads = context.registry.workloadsOf(key)
  const names = workloads.flatMap((workload) => workload.hostname ?? [])
  const endpoints = selectEndpoints({ workloads, service: key, port, subsetLabels: policy.subsetLabels })
  const addresses = [...endpoints.map((one) => `${one.address}:${one.port}`), ...names]
  const isEmpty = addresses.length === 0 && service.resolution !== 'passthrough'
  return {
    ...base,
    ...origin,
    endpoints: addresses,
    ...(isEmpty &&
      (context.registry.knowsWorkloads
        ? { fault: 'answered with 503: no endpoint is ready' }
        : { isUnknown: true as const })),
  }
}
