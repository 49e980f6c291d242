import type { Workload } from '../../model/index.ts'
import type { ForwardTarget } from '../exchange/types.ts'
import { createHost, type Host, type HostOptions, type UpstreamProtocol } from './host.ts'
import { type ClusterLoad, createLoad } from './load.ts'
import type { ProxyProtocolVersion } from '../proxy-protocol/write.ts'
import type { TlsConnector } from '../tls/client.ts'
import type { UpstreamSettings } from './pool.ts'

/**
 * Hosts that are addressed directly: the original destination of a captured connection, or the application behind an
 * inbound port. Each is made at its first use and forgotten with its last connection.
 */
export interface DirectHosts {
  readonly hostAt: (ip: string, port: number) => Host
  readonly target: (name: string, ip: string, port: number) => DirectTarget
  readonly hosts: () => readonly Host[]
  readonly close: () => void
}

export interface DirectTarget extends ForwardTarget {
  readonly pick: () => Host
}

export function createDirectHosts(options: {
  readonly settings: UpstreamSettings
  readonly connectTimeoutMs: () => number
  readonly workloadAt: (ip: string) => Workload | undefined
  readonly localAddress?: string
  /** Of the cluster whose hosts they are. */
  readonly load?: ClusterLoad
  /** Absent: what the client speaks. */
  readonly protocol?: () => UpstreamProtocol
  readonly tunnel?: () => string | undefined
  readonly tls?: (ip: string, port: number) => TlsConnector | undefined
  /** That is mutual TLS of the mesh. */
  readonly isMutual?: (ip: string, port: number) => boolean
  /** What tells hosts apart; absent: address and port. */
  readonly hostId?: (ip: string, port: number) => string
  /** Of the service whose hosts they are, or of the application. */
  readonly source?: HostOptions['source']
  readonly proxyProtocol?: () => ProxyProtocolVersion | undefined
}): DirectHosts {
  const hosts = new Map<string, Host>()
  const idOf = options.hostId ?? ((ip: string, port: number) => `${ip}:${port}`)
  /** With those that were forgotten, and to which a request has come back that was on its way. */
  const connected = new Set<Host>()
  const { load = createLoad(), protocol = () => 'downstream' } = options

  function hostAt(ip: string, port: number): Host {
    const id = idOf(ip, port)
    let host = hosts.get(id)
    if (host === undefined) {
      const made: Host = createHost({
        settings: options.settings,
        load,
        ip,
        port,
        weight: 1,
        protocol,
        tls: options.tls?.(ip, port),
        isMutual: options.isMutual?.(ip, port) === true,
        proxyProtocol: options.proxyProtocol?.(),
        workload: options.workloadAt(ip),
        connectTimeoutMs: options.connectTimeoutMs,
        ...(options.tunnel !== undefined && { tunnel: options.tunnel }),
        ...(options.source !== undefined && { source: options.source }),
        ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
        onUsed: () => void connected.add(made),
        onEmpty: () => {
          connected.delete(made)
          if (hosts.get(id) === made) hosts.delete(id)
        },
      })
      host = made
      hosts.set(id, host)
    }
    return host
  }

  return {
    hostAt,
    target: (name, ip, port) => ({ name, pick: () => hostAt(ip, port) }),
    hosts: () => [...hosts.values()],
    close() {
      for (const host of new Set([...hosts.values(), ...connected])) host.remove()
      hosts.clear()
    },
  }
}
