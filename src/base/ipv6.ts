import { parseIpv4 } from './cidr.ts'

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

/** The text of 16 bytes as RFC 5952 wants it: the longest run of two or more zero groups becomes `::`. */
export function formatIpv6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const text = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16)).join(':')
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)]
  const longest = runs.reduce<RegExpExecArray | undefined>(
    (best, run) => (best === undefined || run[0].length > best[0].length ? run : best),
    undefined,
  )
  if (longest === undefined) return text
  const before = text.slice(0, longest.index).replace(/:$/, '')
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '')
  return `${before}::${after}`
}

/** A network whose addresses can be counted: of 2^32 addresses at most. */
export interface Ipv6Cidr {
  /** 16 bytes, without host bits. */
  readonly base: Uint8Array
  readonly bits: number
}

const BITS_MIN = 96

/** @returns undefined when the text is not `address/bits` with at least 96 bits; host bits are cleared */
export function parseIpv6Cidr(text: string): Ipv6Cidr | undefined {
  const [address = '', bitsText = ''] = text.split('/')
  const base = parseIpv6(address)
  const bits = /^\d{2,3}$/.test(bitsText) ? Number(bitsText) : 0
  if (base === undefined || bits < BITS_MIN || bits > 128) return undefined
  const low = lowBits(base)
  viewOf(base).setUint32(12, low - (low % sizeOf(bits)))
  return { base, bits }
}

export function ipv6Count({ bits }: Ipv6Cidr): number {
  return sizeOf(bits)
}

/** The address so many after the network's first. */
export function ipv6At({ base }: Ipv6Cidr, offset: number): string {
  const bytes = Uint8Array.from(base)
  viewOf(bytes).setUint32(12, lowBits(base) + offset)
  return formatIpv6(bytes)
}

/** The reverse of `ipv6At`. @returns undefined for an address of another network and for what is none */
export function ipv6Offset({ base, bits }: Ipv6Cidr, address: string): number | undefined {
  const bytes = parseIpv6(address)
  if (bytes === undefined || bytes.some((byte, index) => index < 12 && byte !== base[index])) return undefined
  const offset = lowBits(bytes) - lowBits(base)
  return offset >= 0 && offset < sizeOf(bits) ? offset : undefined
}

function sizeOf(bits: number): number {
  return 2 ** (128 - bits)
}

function lowBits(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(12)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
