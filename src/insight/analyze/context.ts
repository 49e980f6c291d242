import { type KubeObject, parseApiVersion } from '../../kube/index.ts'
import { GATEWAY_GROUP, ISTIO_NETWORKING_GROUP } from '../../mesh/resources/index.ts'
import type { Message } from './messages.ts'

/** What analyzers look at: all objects, by kind. */
export interface AnalysisContext {
  readonly of: (kind: AnalyzedKind) => readonly KubeObject[]
  readonly find: (kind: AnalyzedKind, name: string, namespace?: string) => KubeObject | undefined
}

/** Looks for one sort of mistake. Pure, and independent of the other analyzers. */
export interface Analyzer {
  /** Istio's name for it. */
  readonly name: string
  readonly analyze: (context: AnalysisContext) => readonly Message[]
}

const KINDS = {
  namespace: ['', 'Namespace'],
  pod: ['', 'Pod'],
  service: ['', 'Service'],
  configMap: ['', 'ConfigMap'],
  node: ['', 'Node'],
  deployment: ['apps', 'Deployment'],
  gateway: [GATEWAY_GROUP, 'Gateway'],
  httpRoute: [GATEWAY_GROUP, 'HTTPRoute'],
  grpcRoute: [GATEWAY_GROUP, 'GRPCRoute'],
  istioGateway: [ISTIO_NETWORKING_GROUP, 'Gateway'],
  virtualService: [ISTIO_NETWORKING_GROUP, 'VirtualService'],
  destinationRule: [ISTIO_NETWORKING_GROUP, 'DestinationRule'],
  sidecar: [ISTIO_NETWORKING_GROUP, 'Sidecar'],
  proxyConfig: [ISTIO_NETWORKING_GROUP, 'ProxyConfig'],
  serviceEntry: [ISTIO_NETWORKING_GROUP, 'ServiceEntry'],
  workloadEntry: [ISTIO_NETWORKING_GROUP, 'WorkloadEntry'],
  envoyFilter: [ISTIO_NETWORKING_GROUP, 'EnvoyFilter'],
  authorizationPolicy: ['security.istio.io', 'AuthorizationPolicy'],
  peerAuthentication: ['security.istio.io', 'PeerAuthentication'],
  requestAuthentication: ['security.istio.io', 'RequestAuthentication'],
} as const

export type AnalyzedKind = keyof typeof KINDS

/** Kubernetes' own namespaces, whose objects are nobody's to mend. */
const IGNORED_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
])

/** The kinds of which objects in Kubernetes' own namespaces are left out. */
const FILTERED_KINDS: ReadonlySet<AnalyzedKind> = new Set(['namespace', 'pod', 'service', 'deployment'])

export function createContext(objects: readonly KubeObject[]): AnalysisContext {
  const byGroupKind = new Map<string, KubeObject[]>()
  for (const object of objects) {
    const key = `${parseApiVersion(object.apiVersion).group}/${object.kind}`
    const list = byGroupKind.get(key)
    if (list === undefined) byGroupKind.set(key, [object])
    else list.push(object)
  }
  const lists = new Map<AnalyzedKind, readonly KubeObject[]>()
  const names = new Map<string, KubeObject>()
  for (const [kind, [group, kindName]] of Object.entries(KINDS) as [
    AnalyzedKind,
    readonly [string, string],
  ][]) {
    const all = byGroupKind.get(`${group}/${kindName}`) ?? []
    const kept = FILTERED_KINDS.has(kind)
      ? all.filter((one) => !IGNORED_NAMESPACES.has(messageNamespace(one)))
      : all
    lists.set(kind, kept)
    for (const object of kept) names.set(`${kind}/${fullName(object)}`, object)
  }
  return {
    of: (kind) => lists.get(kind) ?? [],
    find: (kind, name, namespace) =>
      names.get(`${kind}/${namespace === undefined ? name : `${namespace}/${name}`}`),
  }
}

/** `namespace/name`, or the name alone. */
export function fullName(object: KubeObject): string {
  const { namespace, name } = object.metadata
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

export function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? ''
}

/** The namespace that a message about the object belongs to: a namespace is in itself. */
export function messageNamespace(object: KubeObject): string {
  return object.kind === 'Namespace' ? object.metadata.name : namespaceOf(object)
}
