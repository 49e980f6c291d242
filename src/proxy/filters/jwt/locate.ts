import { isIP } from 'node:net'
import type { ServiceName } from '../../../model/index.ts'
import type { ModelStore } from '../../config/model-store.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ResolvedName } from '../../upstream/names.ts'
import { isForbidden, type LocateKeyServer } from './fetch-keys.ts'

/** Keys are at a service of the mesh, whose endpoints the proxy knows, or at an address or a name of the world. */
export function createLocator(from: {
  readonly store: Pick<ModelStore, 'serviceNamed'>
  readonly cluster: (key: { service: ServiceName; port: number; subset: string | undefined }) => Cluster
  readonly resolve: (name: string) => Promise<ResolvedName>
}): LocateKeyServer {
  return async (host, port) => {
    const service = from.store.serviceNamed(host, '')
    if (service?.ports.some((one) => one.port === port) === true) {
      const cluster = from.cluster({ service: service.key, port, subset: undefined })
      const endpoint = cluster.pick()
      return endpoint && { ip: endpoint.ip, port: endpoint.port, tls: cluster.tlsTerms() }
    }
    const addresses = isIP(host) === 0 ? (await from.resolve(host)).addresses : [host]
    const ip = addresses.find((address) => !isForbidden(address))
    return ip === undefined ? undefined : { ip, port }
  }
}
