/** What a server name such as `outbound_.80_.v1_.reviews.default.svc.cluster.local` stands for. */
export interface SniCluster {
  readonly port: number
  readonly subset: string | undefined
  readonly hostname: string
}

const SNI_CLUSTER = /^outbound_\.(\d{1,5})_\.([^.]*)_\.(.+)$/

/** @see Istio, SNI-DNAT clusters: a cluster's name with the dots that server names may have */
export function parseSniCluster(serverName: string): SniCluster | undefined {
  const [, port, subset = '', hostname = ''] = SNI_CLUSTER.exec(serverName) ?? []
  if (port === undefined || Number(port) > 65_535) return undefined
  return { port: Number(port), subset: subset === '' ? undefined : subset, hostname }
}
