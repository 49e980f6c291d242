import { cidrContains, type Ipv4Cidr, parseIpv4, parseIpv4Cidr } from '../../base/index.ts'

/** What stands at an address: things with the very address first, then those of networks, the narrowest first. */
export interface AddressMap<T> {
  /** @param address an IP address, or an IPv4 network in CIDR form */
  readonly add: (address: string, value: T) => void
  readonly remove: (address: string, value: T) => void
  readonly find: (address: string) => readonly T[]
}

interface Network<T> {
  readonly cidr: Ipv4Cidr
  readonly value: T
}

const NOTHING: readonly never[] = []

/** @param order of what stands at one address; absent: as it came */
export function createAddressMap<T>(order: (a: T, b: T) => number = () => 0): AddressMap<T> {
  const exact = new Map<string, readonly T[]>()
  let networks: readonly Network<T>[] = []

  return {
    add(address, value) {
      const cidr = address.includes('/') ? parseIpv4Cidr(address) : undefined
      if (cidr === undefined) exact.set(address, [...(exact.get(address) ?? []), value].toSorted(order))
      else
        networks = [...networks, { cidr, value }].toSorted(
          (a, b) => b.cidr.bits - a.cidr.bits || order(a.value, b.value),
        )
    },
    remove(address, value) {
      const cidr = address.includes('/') ? parseIpv4Cidr(address) : undefined
      if (cidr !== undefined) {
        networks = networks.filter(
          (network) =>
            network.value !== value || network.cidr.base !== cidr.base || network.cidr.bits !== cidr.bits,
        )
        return
      }
      const rest = (exact.get(address) ?? []).filter((one) => one !== value)
      if (rest.length > 0) exact.set(address, rest)
      else exact.delete(address)
    },
    find(address) {
      const found = exact.get(address) ?? NOTHING
      if (networks.length === 0) return found
      const number = parseIpv4(address)
      if (number === undefined) return found
      return [
        ...found,
        ...networks.filter(({ cidr }) => cidrContains(cidr, number)).map(({ value }) => value),
      ]
    },
  }
}
