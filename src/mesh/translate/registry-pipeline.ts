import type { Collection, Graph, Index } from '../../base/index.ts'
import { type Mesh, type Service, serviceName, type Workload } from '../../model/index.ts'
import { type HostRule, policiesOf, translateDestinationRule } from './istio-api/destination-rule.ts'
import { type SliceEndpoint, translateSlice } from './endpoint.ts'
import type { ExportDefaults } from './mesh-traffic.ts'
import { translateMeshConfig } from './mesh-config.ts'
import { createEntries, createEntryWorkloads, type Entries, entryMemberships } from './entry-pipeline.ts'
import { namespaceOf, objectKey, serviceHostname } from './names.ts'
import { verifying } from './istio-api/entry-names.ts'
import { type Problem, problemsOf } from './problem.ts'
import { translateService } from './service.ts'
import type { MeshSettings } from './settings.ts'
import type { BackendTls } from './backend-tls-pipeline.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'
import { addressesOf, translatePod, translateStandaloneEndpoint } from './workload.ts'

/** Name of the mesh's ConfigMap in the root namespace. */
export const MESH_CONFIG_MAP = 'istio'

/** What there is to route to: the mesh's settings, services and workloads. */
export interface Registry {
  readonly mesh: Collection<Mesh>
  /** Exactly one, key `mesh`. */
  readonly exports: Collection<ExportDefaults>
  /** With their policies. */
  readonly services: Collection<Service>
  /** Without: routes name services and do not care how they are treated. */
  readonly plainServices: Collection<Service>
  readonly servicesByHost: Index<Service>
  readonly workloads: Collection<Workload>
  readonly statuses: Collection<StatusUpdate>
  readonly problems: readonly Collection<Problem>[]
}

export function createRegistry(
  graph: Graph,
  sources: Sources,
  from: { readonly backendTls: BackendTls; readonly settings: MeshSettings },
): Registry {
  const { settings } = from
  const { mesh, exports, problems: meshProblems } = createMesh(graph, sources, settings)
  const kubeServices = graph.derive({
    name: 'kubernetes services',
    input: sources.services,
    transform: (object, read) => [translateService(object, settings, read.get(exports, 'mesh')?.service)],
  })
  const entries = createEntries(graph, sources, { kubeServices, exports })
  const plainServices = graph.merge('plain services', [kubeServices, entries.services])
  const servicesByHost = graph.index(plainServices, 'services by host', (service) => [service.hostname])
  const { services, problems: ruleProblems } = createServices(graph, sources, plainServices, {
    ...from,
    exports,
  })
  const workloads = createWorkloads(graph, sources, { mesh, kubeServices, entries, settings })
  const problems = [meshProblems, ruleProblems, entries.problems]
  const { statuses } = entries
  return { mesh, exports, services, plainServices, servicesByHost, workloads, statuses, problems }
}

/** The mesh has settings even while it has no ConfigMap: they hang on a source of one constant. */
function createMesh(
  graph: Graph,
  sources: Sources,
  settings: MeshSettings,
): {
  readonly mesh: Collection<Mesh>
  readonly exports: Collection<ExportDefaults>
  readonly problems: Collection<Problem>
} {
  const constant = graph.source<MeshSettings>('settings')
  constant.set('mesh', settings)
  const configMapKey = `${settings.rootNamespace}/${MESH_CONFIG_MAP}`
  const results = graph.derive({
    name: 'mesh config',
    input: constant,
    transform: (own, read) => [
      { key: 'mesh', ...translateMeshConfig(read.get(sources.configMaps, configMapKey), own) },
    ],
  })
  const origin = { kind: 'ConfigMap', namespace: settings.rootNamespace, name: MESH_CONFIG_MAP }
  return {
    mesh: graph.derive({ name: 'mesh', input: results, transform: (result) => [result.mesh] }),
    exports: graph.derive({
      name: 'export defaults',
      input: results,
      transform: (result) => [result.exports],
    }),
    problems: graph.derive({
      name: 'mesh config problems',
      input: results,
      transform: (result) => problemsOf(origin, result.problems),
    }),
  }
}

function createServices(
  graph: Graph,
  sources: Sources,
  plainServices: Collection<Service>,
  from: {
    readonly backendTls: BackendTls
    readonly exports: Collection<ExportDefaults>
    readonly settings: MeshSettings
  },
): { readonly services: Collection<Service>; readonly problems: Collection<Problem> } {
  const { backendTls, exports, settings } = from
  const hostRules: Collection<HostRule> = graph.derive({
    name: 'host rules',
    input: sources.destinationRules,
    transform: (object, read) => [
      translateDestinationRule(object, settings, read.get(exports, 'mesh')?.destinationRule),
    ],
  })
  const rulesByHost = graph.index(hostRules, 'rules by host', (rule) => (rule.host === '' ? [] : [rule.host]))
  return {
    services: graph.derive({
      name: 'services with policies',
      input: plainServices,
      transform: (service, read) => [
        {
          ...service,
          ...backendTls.ofService(service, read),
          policies: verifying(
            service,
            policiesOf(service, (pattern) => read.lookup(rulesByHost, pattern), settings.rootNamespace),
          ),
        },
      ],
    }),
    problems: graph.derive({
      name: 'destination rule problems',
      input: hostRules,
      transform: (rule) => problemsOf(rule.origin, rule.problems),
    }),
  }
}

function createWorkloads(
  graph: Graph,
  sources: Sources,
  from: {
    readonly mesh: Collection<Mesh>
    readonly kubeServices: Collection<Service>
    readonly entries: Entries
    readonly settings: MeshSettings
  },
): Collection<Workload> {
  const { mesh, kubeServices, entries, settings } = from
  // Pods on the node's network share its address, which then says nothing.
  const podsByAddress = graph.index(sources.pods, 'pods by address', (pod) =>
    pod.spec?.hostNetwork === true ? [] : addressesOf(pod),
  )
  const endpoints: Collection<SliceEndpoint> = graph.derive({
    name: 'endpoints',
    input: sources.endpointSlices,
    transform: (slice, read) =>
      translateSlice(slice, {
        service: (key) => read.get(kubeServices, key),
        podByAddress: (address) => {
          const [pod] = read.lookup(podsByAddress, address)
          return pod === undefined ? undefined : objectKey(pod)
        },
        settings,
      }),
  })
  const endpointsByPod = graph.index(endpoints, 'endpoints by pod', (endpoint) =>
    endpoint.pod === undefined ? [] : [endpoint.pod],
  )
  const pods = graph.derive({
    name: 'pod workloads',
    input: sources.pods,
    transform: (pod, read, key) => {
      const settled = read.get(mesh, 'mesh')
      if (settled === undefined) return []
      const workload = translatePod(pod, {
        endpoints: read.lookup(endpointsByPod, key),
        entries: entryMemberships(
          { namespace: namespaceOf(pod), labels: pod.metadata.labels ?? {} },
          entries,
          read,
        ),
        mesh: settled,
        settings,
      })
      return workload === undefined ? [] : [workload]
    },
  })
  const standalone = graph.derive({
    name: 'endpoint workloads',
    input: endpoints,
    transform: (endpoint, read) => {
      const settled = read.get(mesh, 'mesh')
      if (settled === undefined || endpoint.pod !== undefined) return []
      return [translateStandaloneEndpoint(endpoint, { endpoints: [], mesh: settled, settings })]
    },
  })
  const others = createEntryWorkloads(graph, sources, { entries, mesh, settings })
  return graph.merge('workloads', [pods, standalone, ...others])
}

/** The key under which a Service of Kubernetes is found in the registry. */
export function registryKey(namespace: string, name: string, settings: MeshSettings): string {
  return serviceName(namespace, serviceHostname(name, namespace, settings))
}
