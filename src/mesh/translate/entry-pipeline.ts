import type { Collection, Graph, Index, Read } from '../../base/index.ts'
import type { Service as KubeService } from '../../kube/index.ts'
import type { Mesh, Service, Workload } from '../../model/index.ts'
import { createEntryAddresses, entryAddressStatuses } from './entry-address-pipeline.ts'
import { translateIstioWorkload } from './istio-api/entry-workload.ts'
import {
  type EntryState,
  membershipOfEntry,
  selectsWorkload,
  translateServiceEntry,
} from './istio-api/service-entry.ts'
import type { ExportDefaults } from './mesh-traffic.ts'
import { namespaceOf } from './names.ts'
import { type Problem, problemsOf } from './problem.ts'
import { portsOf, translateService } from './service.ts'
import type { MeshSettings } from './settings.ts'
import type { Sources } from './sources.ts'
import type { StatusUpdate } from './status.ts'

/** What ServiceEntries add to the registry. */
export interface Entries {
  readonly services: Collection<Service>
  /** The entries of a namespace that pick workloads by their labels. */
  readonly selecting: Index<EntryState>
  readonly states: Collection<EntryState>
  readonly problems: Collection<Problem>
  readonly statuses: Collection<StatusUpdate>
}

/** @param kubeServices Kubernetes' own, which keep their names: an entry of the same name in the namespace is refused */
export function createEntries(
  graph: Graph,
  sources: Sources,
  from: { readonly kubeServices: Collection<Service>; readonly exports: Collection<ExportDefaults> },
): Entries {
  const { kubeServices, exports } = from
  const states: Collection<EntryState> = graph.derive({
    name: 'service entry states',
    input: sources.serviceEntries,
    transform: (object, read) => [translateServiceEntry(object, read.get(exports, 'mesh')?.service)],
  })
  const addresses = createEntryAddresses(graph, sources)
  const byService = graph.index(states, 'entries by service', (state) => state.services.map(({ key }) => key))
  const results = graph.derive({
    name: 'service entry results',
    input: states,
    transform: (state, read) => [
      joinEntry(
        state,
        (key) => read.lookup(byService, key),
        (key) => read.get(kubeServices, key),
        (key) => read.get(addresses, key)?.ipv4,
      ),
    ],
  })
  return {
    services: graph.derive({
      name: 'service entry services',
      input: results,
      transform: (result) => result.services,
    }),
    selecting: graph.index(states, 'selecting entries', (state) =>
      state.selector === undefined ? [] : [state.namespace],
    ),
    states,
    statuses: entryAddressStatuses(graph, sources, addresses),
    problems: graph.derive({
      name: 'service entry problems',
      input: results,
      transform: (result) => problemsOf(result.origin, result.problems),
    }),
  }
}

/** The services for which this entry speaks: of several entries of a namespace for one host, the oldest has the ports of all. */
function joinEntry(
  state: EntryState,
  sharing: (key: string) => readonly EntryState[],
  kubeService: (key: string) => Service | undefined,
  allocated: (key: string) => string | undefined,
): Pick<EntryState, 'key' | 'services' | 'problems' | 'origin'> {
  const problems = [...state.problems]
  const services = state.services.flatMap((service) => {
    if (kubeService(service.key) !== undefined) {
      problems.push(`host ${service.hostname} is a Service of Kubernetes, which goes before this entry`)
      return []
    }
    const entries = [...sharing(service.key)].sort(compareAge)
    if (entries[0] !== state) return []
    const same = entries.flatMap((entry) => entry.services.filter(({ key }) => key === service.key))
    const ports = new Map(
      same
        .flatMap((one) => one.ports)
        .toReversed()
        .map((port) => [port.port, port]),
    )
    // Traffic is captured in IPv4 alone, so the other family's address would lead nowhere.
    const address = service.addresses.length === 0 ? allocated(service.key) : undefined
    return [
      {
        ...service,
        ...(address !== undefined && { addresses: [address] }),
        ports: [...ports.values()].toSorted((a, b) => a.port - b.port),
      },
    ]
  })
  return { key: state.key, services, problems, origin: state.origin }
}

function compareAge(a: EntryState, b: EntryState): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1
  return a.key < b.key ? -1 : 1
}

/** What a workload of the namespace serves for the entries that select it. */
export function entryMemberships(
  workload: {
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
    readonly ports?: Readonly<Record<string, number>>
  },
  entries: Entries,
  read: Read,
): Workload['services'] {
  const picked = read
    .lookup(entries.selecting, workload.namespace)
    .filter((entry) => selectsWorkload(entry, workload.labels))
  return Object.fromEntries(
    picked.flatMap((entry) =>
      entry.services.map(({ key }) => [key, membershipOfEntry(entry, workload.ports)] as const),
    ),
  )
}

/** Workloads that are no pods: WorkloadEntries, endpoints inside ServiceEntries, and the names of ExternalName Services. */
export function createEntryWorkloads(
  graph: Graph,
  sources: Sources,
  from: { readonly entries: Entries; readonly mesh: Collection<Mesh>; readonly settings: MeshSettings },
): readonly Collection<Workload>[] {
  const { entries, settings } = from
  const settled = (read: Read) => read.get(from.mesh, 'mesh')
  const selectingServices = graph.index(sources.services, 'selecting services', (service) =>
    Object.keys(service.spec.selector ?? {}).length === 0 ? [] : [namespaceOf(service)],
  )
  return [
    graph.derive({
      name: 'entry endpoint workloads',
      input: entries.states,
      transform: (state, read) => {
        const mesh = settled(read)
        if (mesh === undefined) return []
        return state.endpoints.flatMap(({ index, workload, services }) => {
          const membership = membershipOfEntry(state, workload.ports)
          const context = {
            services: Object.fromEntries(services.map((key) => [key, membership])),
            mesh,
            settings,
          }
          const place = { origin: state.origin, name: `${state.origin.name}-${index}` }
          return translateIstioWorkload(workload, place, context)
        })
      },
    }),
    graph.derive({
      name: 'workload entry workloads',
      input: sources.workloadEntries,
      transform: (object, read) => {
        const mesh = settled(read)
        if (mesh === undefined) return []
        const namespace = namespaceOf(object)
        const { name } = object.metadata
        const { spec } = object
        const labels = { ...object.metadata.labels, ...spec.labels }
        const workload = { namespace, labels, ...(spec.ports && { ports: spec.ports }) }
        const selecting = read.lookup(selectingServices, namespace)
        const services = {
          ...entryMemberships(workload, entries, read),
          ...serviceMemberships(workload, selecting, settings),
        }
        const place = { origin: { kind: 'WorkloadEntry', namespace, name }, name, labels }
        return translateIstioWorkload(spec, place, { services, mesh, settings })
      },
    }),
    graph.derive({
      name: 'external name workloads',
      input: sources.services,
      transform: (object, read) => {
        const mesh = settled(read)
        const { type, externalName } = object.spec
        if (mesh === undefined || type !== 'ExternalName' || externalName === undefined) return []
        const { key, origin } = translateService(object, settings)
        const context = { services: { [key]: { ports: portsOf(object), ready: true } }, mesh, settings }
        return translateIstioWorkload({ address: externalName }, { origin, name: origin.name }, context)
      },
    }),
  ]
}

/** Services of Kubernetes take WorkloadEntries of their namespace by their selector, as they do pods. */
function serviceMemberships(
  workload: {
    readonly labels: Readonly<Record<string, string>>
    readonly ports?: Readonly<Record<string, number>>
  },
  services: readonly KubeService[],
  settings: MeshSettings,
): Workload['services'] {
  const picked = services.filter((service) =>
    Object.entries(service.spec.selector ?? {}).every(([name, value]) => workload.labels[name] === value),
  )
  return Object.fromEntries(
    picked.map((service) => [
      translateService(service, settings).key,
      { ports: portsOf(service, workload.ports), ready: true },
    ]),
  )
}
