import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { stringAt } from '../json.ts'
import type { NodeApi, ResourceUsage } from '../node-api.ts'
import type { ApiRequest, ApiResponse, ResourcePath } from '../request.ts'

const NOT_FOUND: ApiResponse = { kind: 'text', status: 404, text: '404 page not found\n' }

/** What one reads of a kubelet through `nodes/x/proxy`: its health, its pods, and what they use. */
export function readNodePath(
  context: ServerContext,
  { method }: ApiRequest,
  { below = '' }: ResourcePath,
  node: KubeObject,
): ApiResponse {
  const api = context.node()
  if (!api || api.nodeUsage().node !== node.metadata.name) return NOT_FOUND
  const object = readers(context, node, api)[below.replace(/\/$/, '')]
  if (object === undefined) return NOT_FOUND
  if (method !== 'GET' && method !== 'HEAD')
    return { kind: 'text', status: 405, text: '405: Method Not Allowed' }
  const answer = object()
  return typeof answer === 'string'
    ? { kind: 'text', status: 200, text: answer }
    : { kind: 'object', status: 200, object: answer }
}

type Reader = () => string | { readonly [name: string]: unknown }

function readers(
  context: ServerContext,
  node: KubeObject,
  api: NodeApi,
): Readonly<Record<string, Reader | undefined>> {
  const listed = () => podsOf(context, node.metadata.name)
  return {
    '/healthz': () => 'ok',
    '/pods': () => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: listed() }),
    '/stats/summary': () => ({ node: nodeStats(api), pods: listed().flatMap((pod) => podStats(api, pod)) }),
  }
}

function podsOf(context: ServerContext, nodeName: string): readonly KubeObject[] {
  const pods = context.store.list({ collection: 'core/pods' })
  if (pods.kind !== 'listed') return []
  return pods.objects
    .map(({ object }) => object)
    .filter(({ spec }) => stringAt(spec, 'nodeName') === nodeName)
}

function nodeStats(api: NodeApi) {
  const usage = api.nodeUsage()
  return { nodeName: usage.node, ...stats(usage, usage.atMs) }
}

function podStats(api: NodeApi, { metadata }: KubeObject) {
  const usage = api.podUsage(metadata.uid ?? '')
  if (usage === undefined) return []
  const { name, namespace, uid } = metadata
  const sum = (of: (one: ResourceUsage) => number) =>
    usage.containers.reduce((total, one) => total + of(one), 0)
  const whole = { cpuNanocores: sum((one) => one.cpuNanocores), memoryBytes: sum((one) => one.memoryBytes) }
  const containers = usage.containers.map((one) => ({ name: one.name, ...stats(one, usage.atMs) }))
  return [{ podRef: { name, namespace, uid }, containers, ...stats(whole, usage.atMs) }]
}

function stats({ cpuNanocores, memoryBytes }: ResourceUsage, atMs: number) {
  const time = new Date(atMs).toISOString()
  return {
    cpu: { time, usageNanoCores: Math.round(cpuNanocores) },
    memory: { time, workingSetBytes: memoryBytes },
  }
}
