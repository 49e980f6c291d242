import type { Workload } from '../../model/index.ts'
import type { TlsConnector } from '../tls/client.ts'
import { type MeshTls, meshServerName } from '../tls/mesh.ts'
import type { UpstreamSecurity } from './security.ts'

/** What the connections to single endpoints of a cluster are secured with. */
export interface HostSecurity {
  /** One that is spoken to on other terms than before is another host, whose connections are others. */
  readonly hostId: (workload: Workload, address: string, port: number) => string
  /** Whether that is TLS of the mesh. */
  readonly isMutual: (workload: Workload | undefined, port: number) => boolean
  readonly connector: (workload: Workload | undefined, port: number) => TlsConnector | undefined
  /** The same for endpoints of which only the address is known. */
  readonly ofAddresses: (workloadAt: (ip: string) => Workload | undefined) => AddressSecurity
}

interface AddressSecurity {
  readonly workloadAt: (ip: string) => Workload | undefined
  readonly tls: (ip: string, port: number) => TlsConnector | undefined
  readonly isMutual: (ip: string, port: number) => boolean
  readonly hostId: (ip: string, port: number) => string
}

/**
 * Where no policy speaks of TLS, endpoints with a proxy of the mesh before them are spoken to in its mutual TLS, unless
 * their PeerAuthentication has switched it off; all others as they are (Istio's auto mTLS).
 */
export function createHostSecurity(
  security: () => UpstreamSecurity,
  sources: {
    readonly meshTls: MeshTls | undefined
    readonly takesMeshTls: (workload: Workload, port: number) => boolean
  },
  key: { readonly hostname: string; readonly port: number; readonly subset: string | undefined },
): HostSecurity {
  function isMutual(workload: Workload | undefined, port: number): boolean {
    const { kind } = security()
    if (kind === 'mesh') return true
    if (kind !== 'auto' || workload === undefined) return false
    return workload.tlsMode === 'istio' && sources.takesMeshTls(workload, port)
  }

  function connector(workload: Workload | undefined, port: number): TlsConnector | undefined {
    const terms = security()
    if (terms.kind === 'secured') return terms.connector
    if (!isMutual(workload, port)) return undefined
    const wish = terms.kind === 'mesh' ? terms.terms : undefined
    const wanted = wish?.subjectAltNames ?? []
    const own = workload === undefined ? [] : [{ kind: 'uri' as const, value: workload.identity }]
    return sources.meshTls?.connector({
      serverName: wish?.serverName ?? meshServerName(key),
      subjectAltNames: wanted.length > 0 ? wanted : own,
    })
  }

  return {
    isMutual,
    connector,
    ofAddresses: (workloadAt) => ({
      workloadAt,
      tls: (ip, port) => connector(workloadAt(ip), port),
      isMutual: (ip, port) => isMutual(workloadAt(ip), port),
      hostId(ip, port) {
        const workload = workloadAt(ip)
        return isMutual(workload, port) ? `${ip}:${port} ${workload?.identity ?? ''}` : `${ip}:${port}`
      },
    }),
    hostId(workload, address, port) {
      const id = `${address}:${port} ${workload.key}`
      return isMutual(workload, port) ? `${id} ${workload.identity}` : id
    },
  }
}
