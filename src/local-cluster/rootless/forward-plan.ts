import type { Service } from '../../kube/index.ts'
import { CLUSTER_NETWORK } from '../network.ts'

/** Where the ports of a cluster without root are found. */
export const FORWARD_HOST = '127.0.0.1'

/** What a local port leads to. */
export type ForwardTarget =
  | { readonly kind: 'api' }
  | { readonly kind: 'node-port'; readonly service: string; readonly servicePort: number }
  | { readonly kind: 'load-balancer'; readonly service: string; readonly servicePort: number }

export interface PlannedForward {
  /** Unique among the forwards, and the same after a restart. */
  readonly id: string
  readonly target: ForwardTarget
  /** In the cluster's network. */
  readonly address: string
  readonly port: number
  /** Local ports that will do, best first. */
  readonly candidates: readonly number[]
}

/** A forward in force. */
export interface Forward {
  readonly id: string
  readonly target: ForwardTarget
  readonly address: string
  readonly port: number
  readonly localPort: number
}

/** Where the ports that only root may open are found instead: 80 at 8080, 443 at 8443. */
const PRIVILEGED_OFFSET = 8000
/** How many ports after the best one are tried; the node port is there anyway. */
const SPARE_PORTS = 10

/**
 * What has to be forwarded: the API server; every node port under its own number; and every port of a LoadBalancer's
 * address under its own number, or 8000 above it where the number takes root, or the next that is free.
 * UDP is not forwarded.
 * @param unprivilegedStart the first port that anybody may open (net.ipv4.ip_unprivileged_port_start)
 */
export function plannedForwards(
  services: readonly Service[],
  options: { readonly apiPort: number; readonly unprivilegedStart: number },
): readonly PlannedForward[] {
  const { apiPort } = options
  const api: PlannedForward = {
    id: 'api',
    target: { kind: 'api' },
    address: FORWARD_HOST,
    port: apiPort,
    candidates: [apiPort],
  }
  return [api, ...services.flatMap((service) => forwardsOf(service, options.unprivilegedStart))]
}

function forwardsOf(service: Service, unprivilegedStart: number): readonly PlannedForward[] {
  const name = `${service.metadata.namespace}/${service.metadata.name}`
  const address = service.status?.loadBalancer?.ingress?.[0]?.ip
  return (service.spec?.ports ?? [])
    .filter((port) => (port.protocol ?? 'TCP') === 'TCP')
    .flatMap(({ port, nodePort }) => {
      const about = { service: name, servicePort: port }
      const forwards: PlannedForward[] = []
      if (nodePort !== undefined && nodePort > 0) {
        forwards.push({
          id: `node-port/${nodePort}`,
          target: { kind: 'node-port', ...about },
          address: CLUSTER_NETWORK.bridgeAddress,
          port: nodePort,
          candidates: [nodePort],
        })
      }
      if (address !== undefined) {
        const best = port < unprivilegedStart ? port + PRIVILEGED_OFFSET : port
        forwards.push({
          id: `load-balancer/${name}/${port}`,
          target: { kind: 'load-balancer', ...about },
          address,
          port,
          candidates: Array.from({ length: SPARE_PORTS }, (_, index) => best + index),
        })
      }
      return forwards
    })
}
