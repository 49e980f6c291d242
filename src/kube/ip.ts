import { parseIpv4 } from '../base/index.ts'

/** The 16 bytes of an IPv6 address (RFC 4291 text, without a zone); undefined when it is not one. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2 || text === '') return undefined
  const head = parseGroups(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : []
  if (!head || !tail) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  return Uint8Array.from([...head, ...Array.from({ length: missing }, () => 0), ...tail])
}

/** Groups of hex digits as bytes; the last may be a dotted quad where `quadAllowed`. */
function parseGroups(text: string, quadAllowed: boolean): readonly number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const quad = quadAllowed && index === groups.length - 1 ? parseIpv4(group) : undefined
      if (quad === undefined) return undefined
      bytes.push(quad >>> 24, (quad >>> 16) & 255, (quad >>> 8) & 255, quad & 255)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >>> 8, value & 255)
    }
  }
  return bytes
}

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
