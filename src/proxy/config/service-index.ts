import type { Service, ServicePort } from '../../model/index.ts'
import { createAddressMap } from './address-map.ts'

export interface ServiceAt {
  readonly service: Service
  readonly port: ServicePort
}

/** Services by what clients dial and name. */
export interface ServiceIndex {
  readonly add: (service: Service) => void
  /** The same object as it was added. */
  readonly remove: (service: Service) => void
  /** The service that has this virtual address and port. */
  readonly at: (address: string, port: number) => ServiceAt | undefined
  /** By fully qualified name, or as a pod of `namespace` may write it. */
  readonly named: (host: string, namespace: string) => Service | undefined
}

export function createServiceIndex(clusterDomain: () => string): ServiceIndex {
  const byHost = new Map<string, Service[]>()
  const byAddress = createAddressMap<Service>(precedence)

  /** The most specific `*.suffix` that holds the host. */
  function wildcardFor(host: string): Service | undefined {
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const found = byHost.get(`*${host.slice(dot)}`)
      if (found !== undefined) return found[0]
    }
    return undefined
  }

  return {
    add(service) {
      const same = byHost.get(service.hostname) ?? []
      byHost.set(service.hostname, [...same, service].toSorted(precedence))
      for (const address of service.addresses) byAddress.add(address, service)
    },
    remove(service) {
      const same = (byHost.get(service.hostname) ?? []).filter((other) => other.key !== service.key)
      if (same.length > 0) byHost.set(service.hostname, same)
      else byHost.delete(service.hostname)
      for (const address of service.addresses) byAddress.remove(address, service)
    },
    at(address, portNumber) {
      for (const service of byAddress.find(address)) {
        const port = service.ports.find((one) => one.port === portNumber)
        if (port !== undefined) return { service, port }
      }
      return undefined
    },
    named(host, namespace) {
      const domain = clusterDomain()
      const candidates = [
        host,
        `${host}.${namespace}.svc.${domain}`,
        `${host}.svc.${domain}`,
        `${host}.${domain}`,
      ]
      for (const candidate of candidates) {
        const found = byHost.get(candidate)
        if (found !== undefined) return found.find((service) => service.namespace === namespace) ?? found[0]
      }
      return wildcardFor(host) ?? byAddress.find(host)[0]
    },
  }
}

/**
 * A ServiceEntry that claims a host or an address of a Service takes nothing from it, whichever came first: anybody may
 * write one in a namespace of their own. Istio prefers Kubernetes' Services too.
 */
function precedence(a: Service, b: Service): number {
  const rank = ({ origin }: Service): number => (origin.kind === 'Service' ? 0 : 1)
  return rank(a) - rank(b) || (a.key < b.key ? -1 : 1)
}
