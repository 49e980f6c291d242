/** IPv4 as an unsigned 32-bit number. @returns undefined when the text is not a dotted quad */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return value
}

export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')
}

export interface Ipv4Cidr {
  readonly base: number
  readonly bits: number
}

/** @returns undefined when the text is not `a.b.c.d/bits`; host bits are cleared */
export function parseIpv4Cidr(text: string): Ipv4Cidr | undefined {
  const [address, bitsText] = text.split('/')
  const value = parseIpv4(address ?? '')
  if (value === undefined || !/^\d{1,2}$/.test(bitsText ?? '')) return undefined
  const bits = Number(bitsText)
  if (bits > 32) return undefined
  return { base: value - (value % 2 ** (32 - bits)), bits }
}

export function cidrContains(cidr: Ipv4Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + 2 ** (32 - cidr.bits)
}
