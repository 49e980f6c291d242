import {
  cidrContains,
  defined,
  formatIpv4,
  type Ipv4Cidr,
  ipv6At,
  type Ipv6Cidr,
  ipv6Count,
  ipv6Offset,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6Cidr,
  type Random,
  randomIndex,
} from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, listAt, stringAt } from '../json.ts'
import { familyOf, type IpFamily } from './service-families.ts'

export interface ServiceAllocator {
  /** That Services may have addresses of, the cluster's own first. */
  readonly families: readonly IpFamily[]
  /** @returns undefined when the range is exhausted */
  readonly freeAddress: (family: IpFamily) => string | undefined
  readonly freePort: () => number | undefined
  readonly isAddressFree: (address: string) => boolean
  readonly isPortFree: (port: number) => boolean
  readonly isAddressInRange: (address: string) => boolean
  readonly isPortInRange: (port: number) => boolean
  /** Holds addresses and ports until the returned function is called: between the choice and the store. */
  readonly hold: (addresses: readonly string[], ports: readonly number[]) => () => void
  readonly stop: () => void
  readonly describe: { readonly cidr: string; readonly ports: string }
}

export interface ServiceRanges {
  readonly cidr: string
  /** Where the cluster has a second family. */
  readonly cidrIpv6?: string
  readonly portFirst: number
  readonly portLast: number
}

/** Addresses up to this offset are left for requested ones (.1 is `kubernetes`, .10 the DNS). */
const STATIC_ADDRESSES = 256

/** What ClusterIPs and node ports are in use: those in the store, and those being written now. */
export function createServiceAllocator(
  store: Store,
  random: Random,
  ranges: ServiceRanges,
): ServiceAllocator {
  const ofFamily: Readonly<Partial<Record<IpFamily, AddressRange>>> = {
    IPv4: ipv4Range(defined(parseIpv4Cidr(ranges.cidr), `the service range ${ranges.cidr}`)),
    ...(ranges.cidrIpv6 === undefined
      ? {}
      : { IPv6: ipv6Range(defined(parseIpv6Cidr(ranges.cidrIpv6), `the service range ${ranges.cidrIpv6}`)) }),
  }
  const portCount = ranges.portLast - ranges.portFirst + 1
  const addresses = createCounter<string>()
  const ports = createCounter<number>()
  const count = (service: KubeObject, by: 1 | -1) => {
    for (const address of addressesOf(service)) addresses.add(address, by)
    for (const port of nodePortsOf(service)) ports.add(port, by)
  }
  const listed = store.list({ collection: 'core/services' })
  if (listed.kind === 'listed') for (const { object } of listed.objects) count(object, 1)
  const subscribed = store.subscribe({
    collection: 'core/services',
    onEvents(events) {
      for (const event of events) {
        if (event.kind !== 'deleted') count(event.object, 1)
        if (event.previous) count(event.previous, -1)
      }
    },
  })
  return {
    families: ranges.cidrIpv6 === undefined ? ['IPv4'] : ['IPv4', 'IPv6'],
    isAddressFree: (address) => !addresses.has(address),
    isPortFree: (port) => !ports.has(port),
    isAddressInRange: (address) => (ofFamily[familyOf(address)]?.offsetOf(address) ?? 0) > 0,
    isPortInRange: (port) => port >= ranges.portFirst && port <= ranges.portLast,
    freeAddress(family) {
      const range = ofFamily[family]
      if (range === undefined) return undefined
      const firstDynamic = Math.min(STATIC_ADDRESSES, range.size >>> 2)
      return firstFree(random, range.size - firstDynamic - 1, (offset) => {
        const address = range.addressAt(firstDynamic + offset)
        return addresses.has(address) ? undefined : address
      })
    },
    freePort: () =>
      firstFree(random, portCount, (offset) => {
        const port = ranges.portFirst + offset
        return ports.has(port) ? undefined : port
      }),
    hold(heldAddresses, heldPorts) {
      for (const address of heldAddresses) addresses.add(address, 1)
      for (const port of heldPorts) ports.add(port, 1)
      return () => {
        for (const address of heldAddresses) addresses.add(address, -1)
        for (const port of heldPorts) ports.add(port, -1)
      }
    },
    stop: () => subscribed.kind === 'subscribed' && subscribed.stop(),
    describe: { cidr: ranges.cidr, ports: `${ranges.portFirst}-${ranges.portLast}` },
  }
}

/** Addresses, counted from the network's own. */
interface AddressRange {
  readonly size: number
  readonly addressAt: (offset: number) => string
  /** @returns undefined for an address of another network */
  readonly offsetOf: (address: string) => number | undefined
}

function ipv4Range(cidr: Ipv4Cidr): AddressRange {
  return {
    size: 2 ** (32 - cidr.bits),
    addressAt: (offset) => formatIpv4(cidr.base + offset),
    offsetOf(address) {
      const value = parseIpv4(address)
      return value === undefined || !cidrContains(cidr, value) ? undefined : value - cidr.base
    },
  }
}

function ipv6Range(cidr: Ipv6Cidr): AddressRange {
  return {
    size: ipv6Count(cidr),
    addressAt: (offset) => ipv6At(cidr, offset),
    offsetOf: (address) => ipv6Offset(cidr, address),
  }
}

/** Looks from a random place on, once around. */
function firstFree<T>(random: Random, size: number, pick: (offset: number) => T | undefined): T | undefined {
  const start = randomIndex(random, size)
  for (let step = 0; step < size; step += 1) {
    const found = pick((start + step) % size)
    if (found !== undefined) return found
  }
  return undefined
}

function createCounter<T>() {
  const counts = new Map<T, number>()
  return {
    has: (key: T) => counts.has(key),
    add(key: T, by: 1 | -1) {
      const next = (counts.get(key) ?? 0) + by
      if (next <= 0) counts.delete(key)
      else counts.set(key, next)
    },
  }
}

export function addressesOf(service: KubeObject): readonly string[] {
  const all = new Set([stringAt(service.spec, 'clusterIP'), ...listAt(service.spec, 'clusterIPs')])
  return [...all].filter(
    (address) => typeof address === 'string' && address !== '' && address !== 'None',
  ) as string[]
}

export function nodePortsOf(service: KubeObject): readonly number[] {
  const ports = [
    ...listAt(service.spec, 'ports').map((port) => at(port, 'nodePort')),
    at(service.spec, 'healthCheckNodePort'),
  ]
  // TCP and UDP of one number share the number.
  return [...new Set(ports.filter((port) => typeof port === 'number' && port > 0))] as number[]
}
