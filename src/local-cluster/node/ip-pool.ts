import { cidrContains, formatIpv4, parseIpv4, parseIpv4Cidr } from '../../base/index.ts'

/** Addresses of pods. The next one after the last given is preferred, so that an address rests before it is used again. */
export interface IpPool {
  /** @throws when every address is taken */
  readonly allocate: () => string
  /** Takes an address that a pod from before has. */
  readonly reserve: (address: string) => void
  readonly release: (address: string) => void
}

/** @param cidr the pods' network; its first two addresses (network, bridge) and the last are never given */
export function createIpPool(cidr: string): IpPool {
  const parsed = parseIpv4Cidr(cidr)
  if (parsed === undefined) throw new Error(`the pod network "${cidr}" is not an IPv4 network`)
  const size = 2 ** (32 - parsed.bits)
  const taken = new Set<number>()
  let next = 2
  return {
    allocate() {
      for (let tried = 0; tried < size; tried += 1) {
        const offset = next
        next = next + 1 >= size - 1 ? 2 : next + 1
        if (taken.has(offset)) continue
        taken.add(offset)
        return formatIpv4(parsed.base + offset)
      }
      throw new Error(`every address of the pod network ${cidr} is taken`)
    },
    reserve(address) {
      const value = parseIpv4(address)
      if (value === undefined || !cidrContains(parsed, value)) return
      const offset = value - parsed.base
      taken.add(offset)
      if (offset >= next) next = offset + 1 >= size - 1 ? 2 : offset + 1
    },
    release(address) {
      const value = parseIpv4(address)
      if (value !== undefined) taken.delete(value - parsed.base)
    },
  }
}
