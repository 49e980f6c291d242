import { createGraph, type Change } from '../base/index.ts'
import { type KubeObject, parseApiVersion } from '../kube/index.ts'
import type { ModelObject } from '../model/index.ts'
import { GATEWAY_GROUP, type IstioGateway, ISTIO_NETWORKING_GROUP } from '../mesh/resources/index.ts'
import {
  BUILT_IN_CLASS,
  CONTROLLER_NAME,
  createSources,
  createTranslation,
  deleteObject,
  MESH_CONFIG_MAP,
  type MeshSettings,
  objectKey,
  setObject,
} from '../mesh/translate/index.ts'
import type { ModelChanges } from '../proxy/index.ts'

/** Something in a configuration that is valid and does not do what its author may think. */
export interface Remark {
  readonly kind: string
  readonly namespace: string | undefined
  readonly name: string
  readonly message: string
}

/** The mesh's own translation over the objects of files. */
export interface FileTranslation {
  /** Makes these objects the whole input. @returns what changes in the model */
  readonly replace: (objects: readonly KubeObject[]) => ModelChanges
  readonly remarks: () => readonly Remark[]
}

export interface FileTranslationOptions {
  readonly settings: MeshSettings
  /** MeshConfig where the files have none of their own (ConfigMap istio-system/istio). */
  readonly meshConfig: Readonly<Record<string, unknown>>
}

export function createFileTranslation(options: FileTranslationOptions): FileTranslation {
  const graph = createGraph()
  const sources = createSources(graph)
  const translation = createTranslation(graph, sources, options.settings)
  const { mesh, workloads, services, credentials, listeners, routes } = translation.model
  const { connectionRoutes, rateLimits, httpBounds, telemetry, sidecars } = translation.model
  const { peerAuthentications, requestAuthentications, authorizationPolicies } = translation.model
  let present = new Map<string, KubeObject>()
  let unread: readonly KubeObject[] = []
  const set = new Map<string, ModelObject>()
  const removed = new Map<string, ModelObject>()

  function note(changes: readonly Change<ModelObject>[]): void {
    for (const { before, after } of changes) {
      if (before !== undefined) forget(before)
      if (after !== undefined) remember(after)
    }
  }

  function remember(object: ModelObject): void {
    const id = `${object.type} ${object.key}`
    removed.delete(id)
    set.set(id, object)
  }

  function forget(object: ModelObject): void {
    const id = `${object.type} ${object.key}`
    set.delete(id)
    removed.set(id, object)
  }

  const all = [
    mesh,
    workloads,
    services,
    credentials,
    rateLimits,
    httpBounds,
    requestAuthentications,
    authorizationPolicies,
    listeners,
    routes,
    connectionRoutes,
    telemetry,
    sidecars,
    peerAuthentications,
  ]
  for (const collection of all) collection.subscribe(note)
  // The mesh's settings are there before any object is.
  note(mesh.list().map((object) => ({ key: object.key, after: object })))

  return {
    replace(objects) {
      const next = new Map(withImplied(objects, options).map((object) => [idOf(object), object]))
      graph.transact(() => {
        for (const [id, object] of present) if (!next.has(id)) deleteObject(sources, object)
        unread = [...next.values()].filter((object) => !setObject(sources, object))
      })
      present = next
      const changes = {
        set: [...set.values()],
        removed: [...removed.values()].map(({ type, key }) => ({ type, key })),
      }
      set.clear()
      removed.clear()
      return changes
    },
    remarks() {
      const problems = translation.problems.list().map(({ origin, message }) => ({ ...origin, message }))
      const conditions = translation.statuses
        .list()
        .flatMap(({ kind, namespace, name, status }) =>
          failedConditions(status).map((message) => ({ kind: kind.kind, namespace, name, message })),
        )
      const ignored = unread.map(({ kind, metadata: { namespace, name } }) => ({
        kind,
        namespace,
        name,
        message: `${kind} is not served: the object has no effect`,
      }))
      // What a status says is often a problem too.
      const all = [...problems, ...conditions, ...ignored]
      const said = ({ kind, namespace, name, message }: Remark) => `${kind} ${namespace} ${name} ${message}`
      return [...new Map(all.map((one) => [said(one), one])).values()]
    },
  }
}

function idOf(object: KubeObject): string {
  return `${object.apiVersion} ${object.kind} ${objectKey(object)}`
}

/** What a cluster would have by itself: namespaces, the class that Gateways name, the mesh's settings. */
function withImplied(objects: readonly KubeObject[], options: FileTranslationOptions): readonly KubeObject[] {
  const named = new Set(objects.flatMap((object) => object.metadata.namespace ?? []))
  const has = (kind: string, name: string) =>
    objects.some((object) => object.kind === kind && object.metadata.name === name)
  const namespaces = [...named]
    .filter((name) => !has('Namespace', name))
    .map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    }))
  const gatewayClass = {
    apiVersion: `${GATEWAY_GROUP}/v1`,
    kind: 'GatewayClass',
    metadata: { name: BUILT_IN_CLASS },
    spec: { controllerName: CONTROLLER_NAME },
  }
  // Who holds a Secret is told by pods; this proxy stands for those that a Gateway selects.
  const pods = objects.filter(isIstioGateway).map(({ metadata: { name, namespace }, spec }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `lateen-${name}`, namespace: namespace ?? 'default', labels: spec.selector ?? {} },
    spec: { containers: [{ name: 'istio-proxy', args: ['proxy', 'router'] }] },
  }))
  const { rootNamespace } = options.settings
  const meshConfig = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: rootNamespace, name: MESH_CONFIG_MAP },
    data: { mesh: JSON.stringify(options.meshConfig) },
  }
  return [
    ...objects,
    ...pods,
    ...namespaces,
    ...(has('GatewayClass', BUILT_IN_CLASS) ? [] : [gatewayClass]),
    ...(has('ConfigMap', MESH_CONFIG_MAP) ? [] : [meshConfig]),
  ]
}

function isIstioGateway(object: KubeObject): object is IstioGateway {
  return object.kind === 'Gateway' && parseApiVersion(object.apiVersion).group === ISTIO_NETWORKING_GROUP
}

/** Conditions that say something is wrong. Nobody deploys here, so whether a Gateway is programmed is not asked. */
const BAD: Readonly<Record<string, string>> = {
  Accepted: 'False',
  ResolvedRefs: 'False',
  Conflicted: 'True',
  PartiallyInvalid: 'True',
}

function failedConditions(status: Readonly<Record<string, unknown>>): readonly string[] {
  const holders = [status, ...recordsOf(status['listeners']), ...recordsOf(status['parents'])]
  const conditions = holders.flatMap((holder) => recordsOf(holder['conditions']))
  const bad = conditions.filter((one) => BAD[String(one['type'])] === one['status'])
  return [
    ...new Set(
      bad.map((one) => `${String(one['type'])} (${String(one['reason'])}): ${String(one['message'])}`),
    ),
  ]
}

function recordsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? (value as readonly Readonly<Record<string, unknown>>[]) : []
}
