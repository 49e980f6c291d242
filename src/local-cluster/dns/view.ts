import type { EndpointSlice, Service } from '../../kube/index.ts'
import { type ServiceRecord, serviceRecord } from './records.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'

/** The cluster's names as a question needs them. */
export interface DnsView {
  readonly service: (namespace: string, name: string) => ServiceRecord | undefined
  /** Whether any Service lives in it, so that its name is an inner node of the tree. */
  readonly hasNamespace: (namespace: string) => boolean
  /** Services that have this address themselves or as one of their endpoints. */
  readonly servicesAt: (address: string) => readonly ServiceRecord[]
}

/** A view that follows changes; each costs as much as the one Service that it touches. */
export interface MutableDnsView extends DnsView {
  readonly setService: (key: string, service: Service | undefined) => void
  readonly changeSlice: (change: {
    readonly before?: EndpointSlice | undefined
    readonly after?: EndpointSlice | undefined
  }) => void
}

export function createDnsView(): MutableDnsView {
  const services = new Map<string, Service>()
  const slices = new Map<string, Map<string, EndpointSlice>>() // service key → slices by name
  const records = new Map<string, ServiceRecord>()
  const byAddress = new Map<string, Set<string>>() // address → service keys
  const perNamespace = new Map<string, number>()

  const refresh = (key: string) => {
    const before = records.get(key)
    const service = services.get(key)
    const after = service && serviceRecord(service, [...(slices.get(key)?.values() ?? [])])
    for (const address of before ? addressesOf(before) : []) removeFrom(byAddress, address, key)
    for (const address of after ? addressesOf(after) : []) addTo(byAddress, address, key)
    if (after) records.set(key, after)
    else records.delete(key)
    const namespace = (after ?? before)?.namespace
    if (namespace === undefined) return
    const count = (perNamespace.get(namespace) ?? 0) + (after ? 1 : 0) - (before ? 1 : 0)
    if (count > 0) perNamespace.set(namespace, count)
    else perNamespace.delete(namespace)
  }

  return {
    service: (namespace, name) => records.get(`${namespace}/${name}`),
    hasNamespace: (namespace) => perNamespace.has(namespace),
    servicesAt: (address) => [...(byAddress.get(address) ?? [])].flatMap((key) => records.get(key) ?? []),
    setService(key, service) {
      if (service) services.set(key, service)
      else services.delete(key)
      refresh(key)
    },
    changeSlice({ before, after }) {
      const oldKey = before && serviceKeyOf(before)
      const newKey = after && serviceKeyOf(after)
      if (before && oldKey !== undefined) {
        const ofService = slices.get(oldKey)
        ofService?.delete(before.metadata.name)
        if (ofService?.size === 0) slices.delete(oldKey)
      }
      if (after && newKey !== undefined) {
        const ofService = slices.get(newKey) ?? new Map<string, EndpointSlice>()
        slices.set(newKey, ofService.set(after.metadata.name, after))
      }
      for (const key of new Set([oldKey, newKey])) if (key !== undefined) refresh(key)
    },
  }
}

function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[SERVICE_NAME]
  return name === undefined ? undefined : `${slice.metadata.namespace ?? 'default'}/${name}`
}

function addressesOf(record: ServiceRecord): readonly string[] {
  const own = record.target.kind === 'virtual' ? record.target.addresses : []
  return [...own, ...record.endpoints.map((endpoint) => endpoint.address)]
}

function addTo(index: Map<string, Set<string>>, key: string, value: string): void {
  index.set(key, (index.get(key) ?? new Set<string>()).add(value))
}

function removeFrom(index: Map<string, Set<string>>, key: string, value: string): void {
  const values = index.get(key)
  values?.delete(value)
  if (values?.size === 0) index.delete(key)
}
