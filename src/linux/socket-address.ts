import { isIPv4, isIPv6 } from 'node:net'
import { formatIpv6 } from '../base/index.ts'

export interface SocketAddress {
  readonly address: string
  readonly port: number
}

const AF_INET = 2
const AF_INET6 = 10

/** `sockaddr_in` or `sockaddr_in6` of an address literal. @throws on anything but an IP literal */
export function parseSocketAddress(
  address: string,
  port: number,
): { readonly family: 4 | 6; readonly bytes: Uint8Array; readonly text: string } {
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`port ${port} is not in 0..65535`)
  if (isIPv4(address)) {
    const bytes = header(16, AF_INET, port)
    bytes.set(address.split('.').map(Number), 4)
    return { family: 4, bytes, text: `${address}:${port}` }
  }
  if (!isIPv6(address)) throw new Error(`"${address}" is not an IP address`)
  const bytes = header(28, AF_INET6, port)
  bytes.set(ipv6Bytes(address), 8)
  return { family: 6, bytes, text: `[${address}]:${port}` }
}

/** The reverse. @returns undefined for another family */
export function formatSocketAddress(bytes: Uint8Array): SocketAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, true)
  const port = view.getUint16(2)
  if (family === AF_INET) return { address: [...bytes.subarray(4, 8)].join('.'), port }
  if (family !== AF_INET6) return undefined
  return { address: formatIpv6(bytes.subarray(8, 24)), port }
}

function header(size: number, family: number, port: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, family, true)
  view.setUint16(2, port)
  return bytes
}

function ipv6Bytes(address: string): Uint8Array {
  const bytes = new Uint8Array(16)
  const [head = '', tail] = withoutDottedTail(address).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
  const view = new DataView(bytes.buffer)
  groups.forEach((group, index) => view.setUint16(index * 2, Number.parseInt(group, 16)))
  return bytes
}

/** `::ffff:10.0.0.1` → `::ffff:a00:1` */
function withoutDottedTail(address: string): string {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (!dotted) return address
  const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number)
  const groups = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  return address.slice(0, dotted.index) + groups
}
