import { cidrContains, createWorkQueue, formatIpv4, type Ipv4Cidr, parseIpv4 } from '../../base/index.ts'
import type { Service } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import { ignoreOvertaken } from './claim.ts'
import { type Controller, type ControllerContext, splitKey } from './shared-informers.ts'

/** A Service that found no address is woken when one is given back; this is for addresses that were never ours. */
const POOL_RETRY_MS = 10_000

/** Gives every Service of type LoadBalancer an address of its own from the pool, a requested one where it is free. */
export function createLoadBalancerController(
  context: ControllerContext & { readonly pool: Ipv4Cidr },
): Controller {
  const { client, informers, logger, pool } = context
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
      const current = service ? addressOf(service) : undefined
      if (
        !service ||
        service.spec?.type !== 'LoadBalancer' ||
        service.metadata.deletionTimestamp !== undefined
      ) {
        release(key, undefined)
        if (service && current !== undefined && service.spec?.type !== 'LoadBalancer')
          await writeAddress(service, undefined)
        return undefined
      }
      if (service.spec.loadBalancerClass !== undefined) return undefined // somebody else's to serve
      const requested = service.spec.loadBalancerIP
      if (current !== undefined && (requested === undefined || requested === current)) {
        leases.set(current, key)
        release(key, current)
        return undefined
      }
      const address = allocate(key, requested)
      if (address === undefined) {
        waiting.add(key)
        logger.warn('no address is free for the Service', { service: key, requested, pool: formatPool(pool) })
        return POOL_RETRY_MS
      }
      await writeAddress(service, address)
      return undefined
    },
  })

  /** Everything that a Service was given but for what it keeps. */
  const release = (key: string, keeps: string | undefined) => {
    for (const [address, holder] of leases) if (holder === key && address !== keeps) leases.delete(address)
    waiting.delete(key)
  }

  const allocate = (key: string, requested: string | undefined): string | undefined => {
    const taken = new Set(services.list().flatMap((one) => addressOf(one) ?? []))
    const isFree = (address: string) =>
      (leases.get(address) ?? key) === key && (!taken.has(address) || leases.get(address) === key)
    const inPool = (address: string) => {
      const value = parseIpv4(address)
      return value !== undefined && cidrContains(pool, value)
    }
    if (requested !== undefined) {
      if (!inPool(requested) || !isFree(requested)) return undefined
      leases.set(requested, key)
      return requested
    }
    for (let offset = 1; offset < 2 ** (32 - pool.bits) - 1; offset++) {
      const address = formatIpv4(pool.base + offset)
      if (!isFree(address)) continue
      leases.set(address, key)
      return address
    }
    return undefined
  }

  const writeAddress = async (service: Service, address: string | undefined) => {
    const loadBalancer = address === undefined ? {} : { ingress: [{ ip: address, ipMode: 'VIP' }] }
    const status = { ...service.status, loadBalancer }
    await client
      .update(KINDS.service, { ...service, status }, { subresource: 'status' })
      .catch(ignoreOvertaken)
  }

  services.onChange((changes) => {
    for (const { key } of changes) queue.add(key)
    // After them, so that what they give back is free by then.
    const isFreed = changes.some(
      ({ before, after }) => before && addressOf(before) && addressOf(before) !== (after && addressOf(after)),
    )
    if (isFreed) for (const key of waiting) queue.add(key)
  })
  return { name: 'load-balancer', stop: queue.stop }
}

function addressOf(service: Service): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip
}

function formatPool(pool: Ipv4Cidr): string {
  return `${formatIpv4(pool.base)}/${pool.bits}`
}
