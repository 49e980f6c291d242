import { parseIpv4, parseIpv6 } from '../base/index.ts'

export { parseIpv6 } from '../base/index.ts'

export function isIpv6(text: string): boolean {
  return text.includes(':') && parseIpv6(text) !== undefined
}

export function isIp(text: string): boolean {
  return parseIpv4(text) !== undefined || isIpv6(text)
}

export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/')
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false
  if (parseIpv4(address) !== undefined) return Number(bits) <= 32
  return isIpv6(address) && Number(bits) <= 128
}

/** Whether one block lies in another and is smaller. @param inner @param outer both are valid blocks */
export function isStrictlyInside(inner: string, outer: string): boolean {
  const [a, b] = [toBits(inner), toBits(outer)]
  return (
    a.address.length === b.address.length &&
    b.size < a.size &&
    a.address.startsWith(b.address.slice(0, b.size))
  )
}

function toBits(cidr: string): { readonly address: string; readonly size: number } {
  const [address = '', size] = cidr.split('/')
  const quad = parseIpv4(address)
  const bytes =
    quad === undefined
      ? [...(parseIpv6(address) ?? [])]
      : [quad >>> 24, (quad >>> 16) & 255, (quad >>> 8) & 255, quad & 255]
  return { address: bytes.map((byte) => byte.toString(2).padStart(8, '0')).join(''), size: Number(size) }
}
