import { cidrContains, parseIpv4, parseIpv4Cidr, parseIpv6 } from '../../base/index.ts'
import type { TextMatch } from './text-match.ts'

/** An address, or a block of them. @returns undefined when it is neither */
export function compileAddress(value: string): TextMatch | undefined {
  const [address = '', bits, ...more] = value.split('/')
  if (more.length > 0) return undefined
  return address.includes(':') ? compileIpv6(address, bits) : compileIpv4(address, bits)
}

function compileIpv4(address: string, bits = '32'): TextMatch | undefined {
  const cidr = parseIpv4Cidr(`${address}/${bits}`)
  if (cidr === undefined) return undefined
  return (text) => {
    const number = text === undefined ? undefined : parseIpv4(plain(text))
    return number !== undefined && cidrContains(cidr, number)
  }
}

const MAPPED = '::ffff:'

/** An IPv4 address that a socket of both families shows. */
function plain(text: string): string {
  return text.startsWith(MAPPED) ? text.slice(MAPPED.length) : text
}

function compileIpv6(address: string, bits = '128'): TextMatch | undefined {
  const base = parseIpv6(address)
  if (base === undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > 128) return undefined
  const whole = Number(bits) >> 3
  const mask = (0xff << (8 - (Number(bits) & 7))) & 0xff
  return (text) => {
    const bytes = text?.includes(':') === true ? parseIpv6(text.split('%')[0] ?? '') : undefined
    if (bytes === undefined) return false
    for (let i = 0; i < whole; i++) if (bytes[i] !== base[i]) return false
    return mask === 0 || whole === 16 || ((bytes[whole] ?? 0) & mask) === ((base[whole] ?? 0) & mask)
  }
}
