import type { Graph } from '../../base/index.ts'
import { MODEL_TYPES } from '../../model/index.ts'
import type { Authenticate, ProxyStatus } from '../../xds/server/index.ts'
import type { Metrics } from '../push/index.ts'
import type { Translation } from '../translate/index.ts'
import { type HttpAnswer, type HttpHandler, type HttpRequest, json, plain } from './http.ts'

export interface DebugSources {
  readonly version: string
  readonly revision: string
  readonly podName: string
  readonly graph: Graph
  readonly translation: Translation
  readonly proxies: () => readonly ProxyStatus[]
  readonly metrics: Metrics
  readonly authenticate: Authenticate
  /** Whose tokens open the debug pages. */
  readonly rootNamespace: string
}

/**
 * What operators look at: `/metrics` and `/version`, open to all, and Istio's `/debug/…`, which show what is configured
 * everywhere: they are for those in the pod itself (a port-forward ends there) and for tokens of the control plane's own
 * namespace, on ports 15014 and 8080.
 */
export function debugHandler(sources: DebugSources): HttpHandler {
  const pages: Readonly<Record<string, () => unknown>> = {
    '/debug/syncz': () => sources.proxies().map((proxy) => syncStatus(proxy, sources.podName)),
    '/debug/adsz': () => connections(sources.proxies()),
    '/debug/registryz': () => sources.translation.model.services.list(),
    '/debug/endpointz': () => sources.translation.model.workloads.list(),
    '/debug/configz': () => [
      ...sources.translation.model.mesh.list(),
      ...sources.translation.model.listeners.list(),
      ...sources.translation.model.routes.list(),
    ],
    '/debug/collections': () => sources.graph.describe(),
  }
  return async (request) => {
    const { path } = request
    if (path === '/metrics') return plain(sources.metrics.text())
    if (path === '/version') return plain(`${sources.version}\n`)
    if (path !== '/debug' && !path.startsWith('/debug/')) return undefined
    const refusal = request.isLocal ? undefined : await refusalOf(request, sources)
    if (refusal !== undefined) return refusal
    if (path === '/debug' || path === '/debug/') return plain(`${Object.keys(pages).join('\n')}\n`)
    const page = pages[path]
    return page && json(page())
  }
}

/** istio/istio pilot/pkg/xds/debug.go: from elsewhere only with a token; other namespaces' see nothing here. */
async function refusalOf({ token }: HttpRequest, sources: DebugSources): Promise<HttpAnswer | undefined> {
  const answer = await sources.authenticate(token === undefined ? {} : { token })
  if (answer.kind !== 'ok') return plain(`${answer.reason}\n`, 401)
  const { namespace } = answer.identity
  if (namespace === sources.rootNamespace) return undefined
  return plain(`a token of namespace ${sources.rootNamespace} is needed, this one is of ${namespace}\n`, 403)
}

/** One row of `proxy-status`. A type is synced when all that was sent is acknowledged and nothing waits. */
function syncStatus(proxy: ProxyStatus, istiod: string): unknown {
  const { node } = proxy
  return {
    cluster_id: node.cluster,
    proxy: `${node.podName}.${node.namespace}`,
    proxy_type: node.role,
    istio_version: node.version,
    istiod,
    types: Object.fromEntries(
      MODEL_TYPES.flatMap((type) => {
        const status = proxy.types[type]
        if (!status) return []
        const synced = status.ackedRevision === status.sentRevision && status.waiting === 0
        const state = synced ? 'SYNCED' : 'STALE'
        return [[type, { status: status.rejections.length > 0 ? 'ERROR' : state, ...status }]]
      }),
    ),
  }
}

function connections(proxies: readonly ProxyStatus[]): unknown {
  return {
    totalClients: proxies.length,
    clients: proxies.map(({ node, connectedAt, types }) => ({
      connectionId: node.id,
      connectedAt: new Date(connectedAt).toISOString(),
      address: node.ips[0],
      metadata: node,
      watches: Object.fromEntries(
        Object.entries(types).map(([type, status]) => [type, status?.subscriptions]),
      ),
    })),
  }
}
