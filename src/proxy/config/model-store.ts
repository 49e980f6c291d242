import { createServiceIndex, type ServiceAt } from './service-index.ts'
import type {
  Credential,
  CredentialName,
  Listener,
  ListenerName,
  Mesh,
  Service,
  ServiceName,
  Telemetry,
  TelemetryName,
  Workload,
  WorkloadUid,
} from '../../model/index.ts'

/** What one instance knows of the mesh, with the indexes that its listeners ask. */
export interface ModelStore {
  readonly mesh: () => Mesh | undefined
  readonly service: (name: ServiceName) => Service | undefined
  readonly services: () => Iterable<Service>
  readonly listeners: () => Iterable<Listener>
  readonly credential: (name: CredentialName) => Credential | undefined
  readonly telemetry: () => Iterable<Telemetry>
  readonly credentials: () => Iterable<Credential>
  readonly workload: (uid: WorkloadUid) => Workload | undefined
  readonly workloads: () => Iterable<Workload>
  readonly workloadsOf: (service: ServiceName) => Iterable<Workload>
  readonly workloadAt: (address: string) => Workload | undefined
  /** The services that a workload of this host name belongs to. */
  readonly servicesOfName: (hostname: string) => readonly ServiceName[]
  /** The service that has this virtual address and port. */
  readonly serviceAt: (address: string, port: number) => ServiceAt | undefined
  /** By fully qualified name, or as a pod of `namespace` may write it. */
  readonly serviceNamed: (host: string, namespace: string) => Service | undefined
  /** The service through which a workload is dialled at this port of its own address. */
  readonly serviceOfWorkload: (
    workload: Workload,
    port: number,
    /** As who asks knows them. Absent: all of them. */
    known?: (name: ServiceName) => Service | undefined,
  ) => ServiceAt | undefined

  readonly setMesh: (mesh: Mesh | undefined) => void
  readonly setService: (service: Service) => void
  readonly deleteService: (name: ServiceName) => void
  /** @returns the services whose endpoints change */
  readonly setWorkload: (workload: Workload) => readonly ServiceName[]
  readonly deleteWorkload: (uid: WorkloadUid) => readonly ServiceName[]
  readonly setListener: (listener: Listener) => void
  readonly deleteListener: (name: ListenerName) => void
  readonly setCredential: (credential: Credential) => void
  readonly deleteCredential: (name: CredentialName) => void
  readonly setTelemetry: (telemetry: Telemetry) => void
  readonly deleteTelemetry: (name: TelemetryName) => void
}

export function createModelStore(): ModelStore {
  let mesh: Mesh | undefined
  const services = new Map<ServiceName, Service>()
  const index = createServiceIndex(() => mesh?.clusterDomain ?? 'cluster.local')
  const workloads = new Map<WorkloadUid, Workload>()
  const members = new Map<ServiceName, Map<WorkloadUid, Workload>>()
  const workloadByAddress = new Map<string, Workload>()
  const listeners = new Map<ListenerName, Listener>()
  const credentials = new Map<CredentialName, Credential>()
  const telemetries = new Map<TelemetryName, Telemetry>()

  function deleteService(name: ServiceName): void {
    const service = services.get(name)
    if (service === undefined) return
    services.delete(name)
    index.remove(service)
  }

  function deleteWorkload(uid: WorkloadUid): readonly ServiceName[] {
    const workload = workloads.get(uid)
    if (workload === undefined) return []
    workloads.delete(uid)
    for (const address of workload.addresses) {
      if (workloadByAddress.get(address)?.key === uid) workloadByAddress.delete(address)
    }
    const names = Object.keys(workload.services) as ServiceName[]
    for (const name of names) {
      const set = members.get(name)
      set?.delete(uid)
      if (set?.size === 0) members.delete(name)
    }
    return names
  }

  return {
    mesh: () => mesh,
    service: (name) => services.get(name),
    services: () => services.values(),
    listeners: () => listeners.values(),
    credential: (name) => credentials.get(name),
    telemetry: () => telemetries.values(),
    credentials: () => credentials.values(),
    workload: (uid) => workloads.get(uid),
    workloads: () => workloads.values(),
    workloadsOf: (name) => members.get(name)?.values() ?? [],
    workloadAt: (address) => workloadByAddress.get(address),
    servicesOfName: (hostname) =>
      [...workloads.values()]
        .filter((workload) => workload.hostname === hostname)
        .flatMap((workload) => Object.keys(workload.services) as ServiceName[]),
    serviceAt: index.at,
    serviceNamed: index.named,
    serviceOfWorkload(workload, portNumber, known = (name) => services.get(name)) {
      for (const [name, membership] of Object.entries(workload.services)) {
        const service = known(name as ServiceName)
        if (service === undefined) continue
        const port = service.ports.find((one) => membership.ports[String(one.port)] === portNumber)
        if (port !== undefined) return { service, port }
      }
      return undefined
    },
    setMesh(value) {
      mesh = value
    },
    setService(service) {
      deleteService(service.key)
      services.set(service.key, service)
      index.add(service)
    },
    deleteService,
    setWorkload(workload) {
      const before = deleteWorkload(workload.key)
      workloads.set(workload.key, workload)
      for (const address of workload.addresses) workloadByAddress.set(address, workload)
      const names = Object.keys(workload.services) as ServiceName[]
      for (const name of names) {
        let set = members.get(name)
        if (set === undefined) members.set(name, (set = new Map()))
        set.set(workload.key, workload)
      }
      return [...new Set([...before, ...names])]
    },
    deleteWorkload,
    setListener: (listener) => {
      listeners.set(listener.key, listener)
    },
    deleteListener: (name) => {
      listeners.delete(name)
    },
    setCredential: (credential) => {
      credentials.set(credential.key, credential)
    },
    deleteCredential: (name) => {
      credentials.delete(name)
    },
    setTelemetry: (telemetry) => {
      telemetries.set(telemetry.key, telemetry)
    },
    deleteTelemetry: (name) => {
      telemetries.delete(name)
    },
  }
}
