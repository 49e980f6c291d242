import {
  type Clock,
  type Logger,
  messageOf,
  parseIpv4Cidr,
  parseIpv6Cidr,
  type Random,
} from '../../base/index.ts'
import type { EndpointSlice, Service } from '../../kube/index.ts'
import { createInformer, type KubeClient, KINDS } from '../../kube/client/index.ts'
import { CLUSTER_NETWORK, CLUSTER_NETWORK_IPV6 } from '../network.ts'
import type { DnsZones } from './answer.ts'
import { createForwarder } from './forwarder.ts'
import { type DnsSockets, listenDns } from './listener.ts'
import { createResolver, type NamesOf } from './resolver.ts'
import { createDnsView } from './view.ts'

export interface ClusterDnsOptions {
  readonly client: KubeClient
  /** The address must be on an interface already. */
  readonly listen: { readonly address: string; readonly port: number; readonly netns?: undefined }
  /** Sockets on that address, from the process whose place this one takes. */
  readonly inherited?: DnsSockets | undefined
  readonly clusterDomain: string
  /** The host's name servers, asked for at each forwarded question, with a port where it is not 53. */
  readonly upstreams: () => readonly string[]
  readonly namesOf?: NamesOf
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ClusterDns {
  /** It listens. Rejects when the address cannot be taken. */
  readonly ready: Promise<void>
  /** It has seen the cluster once; until then it cannot say that a name of the cluster is absent (SERVFAIL). */
  readonly synced: Promise<void>
  /** For the process that takes this one's place; this one goes on. */
  readonly sockets: () => DnsSockets | undefined
  readonly stop: () => Promise<void>
}

export function createClusterDns(options: ClusterDnsOptions): ClusterDns {
  const { client, listen, clock, random } = options
  const logger = options.logger.scope('dns')
  const view = createDnsView()
  const common = { client, clock, random, logger }
  const services = createInformer<Service>({
    ...common,
    kind: KINDS.service,
    onChange: (changes) => changes.forEach(({ key, after }) => view.setService(key, after)),
  })
  const slices = createInformer<EndpointSlice>({
    ...common,
    kind: KINDS.endpointSlice,
    onChange: (changes) => changes.forEach((change) => view.changeSlice(change)),
  })
  const forwarder = createForwarder({ ...common, upstreams: options.upstreams, self: listen })
  const resolver = createResolver({
    view,
    zones: zonesOf(options),
    forwarder,
    random,
    namesOf: options.namesOf,
    isSynced: () => services.hasSynced() && slices.hasSynced(),
  })
  let sockets: () => DnsSockets | undefined = () => undefined
  const { inherited } = options
  const listening = listenDns({ ...listen, handle: resolver.handle, clock, logger, inherited }).catch(
    (error: unknown) => {
      const where = `${listen.address}:${listen.port}`
      const remedy = 'is the address on the bridge, and is another name server running there?'
      throw new Error(`the cluster's name server cannot listen on ${where}: ${messageOf(error)}; ${remedy}`, {
        cause: error,
      })
    },
  )
  return {
    ready: listening.then((listener) => {
      sockets = listener.sockets
    }),
    sockets: () => sockets(),
    synced: Promise.all([services.synced, slices.synced]).then(() => undefined),
    async stop() {
      services.stop()
      slices.stop()
      forwarder.stop()
      const listener = await listening.catch(() => undefined) // said by `ready` already
      await listener?.stop()
    },
  }
}

/** Where the machine has no IPv6 they are empty, and still nobody else's. */
const IPV6_RANGES = [
  CLUSTER_NETWORK_IPV6.podCidr,
  CLUSTER_NETWORK_IPV6.serviceCidr,
  CLUSTER_NETWORK_IPV6.loadBalancerCidr,
]

function zonesOf({ clusterDomain, listen }: ClusterDnsOptions): DnsZones {
  const { podCidr, serviceCidr, loadBalancerCidr } = CLUSTER_NETWORK
  return {
    domain: clusterDomain.toLowerCase().replace(/\.$/, ''),
    serverAddress: listen.address,
    ranges6: IPV6_RANGES.flatMap((text) => parseIpv6Cidr(text) ?? []),
    ranges: [podCidr, serviceCidr, loadBalancerCidr].flatMap((text) => parseIpv4Cidr(text) ?? []),
  }
}
