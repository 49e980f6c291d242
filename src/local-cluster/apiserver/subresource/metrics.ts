import type { KubeObject, ResourceInfo } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import type { NodeApi, ResourceUsage } from '../node-api.ts'
import { createShaper, objectResponse } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import type { ResourceRequest } from '../resource-request.ts'
import type { ServedResource } from '../resources.ts'
import { parseSelection } from '../selection.ts'
import { methodNotAllowed, notFound, serviceUnavailable } from '../status-error.ts'

export const METRICS_GROUP = 'metrics.k8s.io'
const VERSION = 'v1beta1'
const API_VERSION = `${METRICS_GROUP}/${VERSION}`

/** What metrics-server serves elsewhere: the present use of nodes and pods. Computed at each request, never stored. */
export function metricsResources(): readonly ServedResource[] {
  return [
    metricsResource({ kind: 'NodeMetrics', plural: 'nodes', singular: '', namespaced: false }),
    metricsResource({ kind: 'PodMetrics', plural: 'pods', singular: '', namespaced: true }),
  ]
}

function metricsResource(
  named: Pick<ResourceInfo, 'kind' | 'plural' | 'singular' | 'namespaced'>,
): ServedResource {
  return {
    info: {
      ...named,
      group: METRICS_GROUP,
      version: VERSION,
      listKind: `${named.kind}List`,
      shortNames: [],
      categories: [],
      subresources: [],
      verbs: ['get', 'list'],
      printerColumns: [{ name: 'Name', type: 'string' }],
      stored: false,
    },
    collection: `${METRICS_GROUP}/${named.plural}`,
    apiVersion: API_VERSION,
    storedApiVersion: API_VERSION,
    conversion: undefined,
    schema: () => undefined,
    applySchema: () => undefined,
    openApiSchema: () => undefined,
    scale: undefined,
    isCustom: false,
    revision: 'built-in',
    generation: 'none',
    hasStatus: false,
    allowsUnconditionalUpdate: false,
  }
}

export function handleMetrics(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const { resource, path, verb, request } = asked
  if (verb !== 'get' && verb !== 'list') throw methodNotAllowed()
  const node = context.node()
  if (!node) throw serviceUnavailable('no node is running, so nothing is measured')
  const objects =
    resource.info.kind === 'NodeMetrics'
      ? nodeMetrics(context, node)
      : podMetrics(context, node, path.namespace)
  const shaper = createShaper(context, asked)
  if (verb === 'get') {
    const found = objects.find(({ metadata }) => metadata.name === path.name)
    if (!found) throw notFound(resource.info, path.name)
    return objectResponse(shaper, 200, found)
  }
  const selection = parseSelection(resource, request.query)
  const selected = objects.filter((object) => selection.matches(object))
  return { kind: 'object', status: 200, object: shaper.list(selected, {}), contentType: shaper.contentType }
}

function nodeMetrics(context: ServerContext, node: NodeApi): readonly KubeObject[] {
  const usage = node.nodeUsage()
  const { objects } = listOf(context, 'core/nodes', '')
  return objects
    .filter(({ metadata }) => metadata.name === usage.node)
    .map(({ metadata }) => ({
      apiVersion: API_VERSION,
      kind: 'NodeMetrics',
      metadata: metadataOf(metadata, usage.atMs),
      ...times(usage),
      usage: quantities(usage),
    }))
}

function podMetrics(context: ServerContext, node: NodeApi, namespace: string): readonly KubeObject[] {
  return listOf(context, 'core/pods', namespace).objects.flatMap(({ metadata }) => {
    const usage = node.podUsage(metadata.uid ?? '')
    if (usage === undefined) return []
    const containers = usage.containers.map((one) => ({ name: one.name, usage: quantities(one) }))
    const object = {
      apiVersion: API_VERSION,
      kind: 'PodMetrics',
      metadata: metadataOf(metadata, usage.atMs),
      ...times(usage),
      containers,
    }
    return [object]
  })
}

function listOf(context: ServerContext, collection: string, namespace: string) {
  const listed = context.store.list({ collection, ...(namespace === '' ? {} : { namespace }) })
  return { objects: listed.kind === 'listed' ? listed.objects.map(({ object }) => object) : [] }
}

function metadataOf(of: KubeObject['metadata'], atMs: number): KubeObject['metadata'] {
  const { name, namespace, labels } = of
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    creationTimestamp: seconds(atMs),
  }
}

function times({ atMs, windowMs }: { readonly atMs: number; readonly windowMs: number }) {
  return { timestamp: seconds(atMs), window: `${(windowMs / 1000).toFixed(3)}s` }
}

function quantities({ cpuNanocores, memoryBytes }: ResourceUsage) {
  return { cpu: `${cpuNanocores}n`, memory: `${Math.ceil(memoryBytes / 1024)}Ki` }
}

function seconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
