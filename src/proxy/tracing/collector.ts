import { isIP } from 'node:net'
import type { OpenTelemetryProvider } from '../../model/index.ts'
import type { Runtime } from '../config/runtime.ts'
import type { ResolvedName } from '../upstream/names.ts'
import type { CollectorAddress } from './transport.ts'

/** A collector is a service of the mesh, whose endpoints the proxy knows; or an address or a name of the world. */
export async function findCollector(
  provider: OpenTelemetryProvider,
  runtime: Runtime,
  names: { readonly resolve: (name: string) => Promise<ResolvedName> },
): Promise<CollectorAddress | undefined> {
  const { host, port } = provider
  if (isIP(host) !== 0) return { ip: host, port }
  const service = runtime.store.serviceNamed(host, provider.namespace ?? '')
  if (service?.ports.some((one) => one.port === port) === true) {
    const cluster = runtime.cluster({ service: service.key, port, subset: undefined })
    const endpoint = cluster.pick()
    return endpoint && { ip: endpoint.ip, port: endpoint.port, tls: cluster.tlsTerms() }
  }
  const [ip] = (await names.resolve(host)).addresses
  return ip === undefined ? undefined : { ip, port }
}
