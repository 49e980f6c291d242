import { isIP } from 'node:net'
import type { ServiceName } from '../../../model/index.ts'
import type { ModelStore } from '../../config/model-store.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ResolvedName } from '../../upstream/names.ts'
import { subrequest } from '../../exchange/subrequest.ts'
import type { ForwardTarget, HttpContext } from '../../exchange/types.ts'
import { isForbidden, type LocateKeyServer } from './fetch-keys.ts'

/** Keys are at a service of the mesh, whose endpoints the proxy knows, or at an address or a name of the world. */
export function createLocator(from: {
  readonly store: Pick<ModelStore, 'serviceNamed'>
  readonly cluster: (key: { service: ServiceName; port: number; subset: string | undefined }) => Cluster
  readonly resolve: (name: string) => Promise<ResolvedName>
  readonly context: HttpContext
}): LocateKeyServer {
  return async (host, port) => {
    const service = from.store.serviceNamed(host, '')
    if (service?.ports.some((one) => one.port === port) === true) {
      const cluster = from.cluster({ service: service.key, port, subset: undefined })
      const endpoint = cluster.pick()
      const { ip, port: at } = endpoint ?? { ip: '', port: 0 }
      return (
        endpoint && {
          ip,
          port: at,
          tls: cluster.tlsTerms(),
          ask: (request) => ask(from.context, cluster, request),
        }
      )
    }
    const addresses = isIP(host) === 0 ? (await from.resolve(host)).addresses : [host]
    const ip = addresses.find((address) => !isForbidden(address))
    return ip === undefined ? undefined : { ip, port }
  }
}

const NOTHING = Buffer.alloc(0)

function ask(
  context: HttpContext,
  target: ForwardTarget,
  request: { readonly authority: string; readonly path: string; readonly timeoutMs: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = {
      ...request,
      method: 'GET',
      lines: 'accept: application/json\r\n',
      body: NOTHING,
      isHttp2: false,
    }
    subrequest(context, target, call, (outcome) => {
      if (outcome.kind === 'failure') reject(new Error(outcome.detail))
      else if (outcome.status === 200) resolve(outcome.body.toString('utf8'))
      else reject(new Error(`${request.authority} answers ${outcome.status}`))
    })
  })
}
