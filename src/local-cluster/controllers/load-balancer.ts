import {
  cidrContains,
  createWorkQueue,
  deepEqual,
  formatIpv4,
  type Ipv4Cidr,
  ipv6At,
  type Ipv6Cidr,
  ipv6Count,
  ipv6Offset,
  parseIpv4,
} from '../../base/index.ts'
import type { Service } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { type Controller, type ControllerContext, splitKey } from './shared-informers.ts'
import { type AddressType, familiesOf } from './slices.ts'

/** A Service that found no address is woken when one is given back; this is for addresses that were never ours. */
const POOL_RETRY_MS = 10_000

/** Gives every Service of type LoadBalancer an address of its own for each of its families, a requested one where it is free. */
export function createLoadBalancerController(
  context: ControllerContext & { readonly pools: Pools },
): Controller {
  const { client, informers, logger, pools } = context
  const services = informers.of<Service>(KINDS.service)
  /** Given out, but perhaps not yet seen in the informer: address → Service key. */
  const leases = new Map<string, string>()
  /** Services that found no free address. */
  const waiting = new Set<string>()

  const queue = createWorkQueue({
    ...context,
    name: 'load-balancer',
    concurrency: 1, // one hand gives out addresses
    retryBaseMs: 10,
    retryMaxMs: 5_000,
    logger: logger.scope('load-balancer'),
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key)
      const service = services.get(name, namespace)
      const current = service ? addressesOf(service) : []
      if (
        !service ||
        service.spec?.type !== 'LoadBalancer' ||
        service.metadata.deletionTimestamp !== undefined
      ) {
        release(key, [])
        if (service && current.length > 0 && service.spec?.type !== 'LoadBalancer')
          await writeAddresses(service, [])
        return undefined
      }
      if (service.spec.loadBalancerClass !== undefined) return undefined // somebody else's to serve
      const addresses = familiesOf(service).flatMap((family) => {
        if (pools[family] === undefined) return []
        const requested = requestedOf(service, family)
        const kept = current.find((address) => familyOf(address) === family)
        if (kept !== undefined && (requested === undefined || requested === kept)) return [kept]
        return [allocate(key, family, requested)]
      })
      const given = addresses.filter((address) => address !== undefined)
      for (const address of given) leases.set(address, key)
      if (given.length < addresses.length) {
        waiting.add(key)
        logger.warn('no address is free for the Service', {
          service: key,
          requested: service.spec.loadBalancerIP,
          pool: formatPools(pools),
        })
        return POOL_RETRY_MS
      }
      release(key, given)
      if (!deepEqual(given, current)) await writeAddresses(service, given)
      return undefined
    },
  })

  /** Everything that a Service was given but for what it keeps. */
  const release = (key: string, keeps: readonly string[]) => {
    for (const [address, holder] of leases)
      if (holder === key && !keeps.includes(address)) leases.delete(address)
    waiting.delete(key)
  }

  const allocate = (key: string, family: AddressType, requested: string | undefined): string | undefined => {
    const taken = new Set(services.list().flatMap(addressesOf))
    const isFree = (address: string) =>
      (leases.get(address) ?? key) === key && (!taken.has(address) || leases.get(address) === key)
    const pool = poolOf(pools, family)
    if (requested !== undefined) return pool.has(requested) && isFree(requested) ? requested : undefined
    for (let offset = 1; offset < pool.size - 1; offset++) {
      const address = pool.addressAt(offset)
      if (isFree(address)) return address
    }
    return undefined
  }

  const writeAddresses = async (service: Service, addresses: readonly string[]) => {
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' as const }))
    const status = { ...service.status, loadBalancer: ingress.length === 0 ? {} : { ingress } }
    await client
      .update(KINDS.service, { ...service, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  services.onChange((changes) => {
    for (const { key } of changes) queue.add(key)
    // After them, so that what they give back is free by then.
    const isFreed = changes.some(
      ({ before, after }) =>
        before && addressesOf(before).some((one) => !(after ? addressesOf(after) : []).includes(one)),
    )
    if (isFreed) for (const key of waiting) queue.add(key)
  })
  return { name: 'load-balancer', stop: queue.stop }
}

/** Where there is no pool, there are no addresses of the family. */
type Pools = { readonly IPv4: Ipv4Cidr; readonly IPv6?: Ipv6Cidr | undefined }

/** The first address of a network and its last are nobody's. */
interface Pool {
  readonly size: number
  readonly addressAt: (offset: number) => string
  readonly has: (address: string) => boolean
}

function poolOf({ IPv4, IPv6 }: Pools, family: AddressType): Pool {
  if (family === 'IPv6' && IPv6 !== undefined) {
    return {
      size: ipv6Count(IPv6),
      addressAt: (offset) => ipv6At(IPv6, offset),
      has: (address) => ipv6Offset(IPv6, address) !== undefined,
    }
  }
  return {
    size: 2 ** (32 - IPv4.bits),
    addressAt: (offset) => formatIpv4(IPv4.base + offset),
    has(address) {
      const value = parseIpv4(address)
      return value !== undefined && cidrContains(IPv4, value)
    },
  }
}

function addressesOf(service: Service): readonly string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])
}

function familyOf(address: string): AddressType {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

/** A Service can ask for one address, of whichever family. */
function requestedOf({ spec }: Service, family: AddressType): string | undefined {
  const requested = spec.loadBalancerIP
  return requested !== undefined && familyOf(requested) === family ? requested : undefined
}

function formatPools({ IPv4, IPv6 }: Pools): string {
  const own = `${formatIpv4(IPv4.base)}/${IPv4.bits}`
  return IPv6 === undefined ? own : `${own}, ${ipv6At(IPv6, 0)}/${IPv6.bits}`
}
