import { isIPv4 } from 'node:net'
import { formatIpv6, parseIpv6 } from '../../base/index.ts'
import { crc32c } from './crc32c.ts'

/** Who a connection is really between, as the balancer in front has said. */
export interface ProxiedAddresses {
  readonly source: ProxiedAddress
  readonly destination: ProxiedAddress
}

export interface ProxiedAddress {
  readonly address: string
  readonly port: number
}

/** What the first bytes of a connection are. */
export type ProxyHeader =
  /** @member addresses absent: the balancer speaks for itself (LOCAL), or does not know (UNKNOWN) */
  | { readonly kind: 'header'; readonly length: number; readonly addresses?: ProxiedAddresses }
  /** Not enough bytes to tell. */
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed'; readonly reason: string }

/** The longest line of version 1, its end included. */
export const V1_BYTES_MAX = 107
/** Room for addresses and what balancers add to them; version 2 could say 64 KiB, which nobody needs. */
export const V2_BYTES_MAX = 16 * 1024

export const V1_BEGINNING = Buffer.from('PROXY ', 'latin1')
export const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_HEADER_BYTES = 16
const VERSION_2 = 0x20
const COMMAND = { local: 0, proxy: 1 } as const
const FAMILY = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
const STREAM = 1
/** Bytes of two addresses and what belongs to them. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  [FAMILY.unspecified]: 0,
  [FAMILY.ipv4]: 12,
  [FAMILY.ipv6]: 36,
  [FAMILY.unix]: 216,
}
const CRC32C = 3

const MORE: ProxyHeader = { kind: 'more' }

/**
 * Reads the header that a balancer puts before a connection's own bytes, of either version. Nothing is repaired: a
 * client that could make us believe another address would be past every rule that looks at it.
 * @see HAProxy, The PROXY protocol, 2.1 and 2.2
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return MORE
  if (beginsWith(bytes, V2_SIGNATURE)) return bytes.length < V2_SIGNATURE.length ? MORE : readVersion2(bytes)
  if (beginsWith(bytes, V1_BEGINNING)) return bytes.length < V1_BEGINNING.length ? MORE : readVersion1(bytes)
  return malformed('it begins with no PROXY header')
}

/** As far as there are bytes. */
function beginsWith(bytes: Buffer, beginning: Buffer): boolean {
  const length = Math.min(bytes.length, beginning.length)
  return bytes.compare(beginning, 0, length, 0, length) === 0
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n')
  if (end < 0) {
    return bytes.length < V1_BYTES_MAX ? MORE : malformed(`its line has more than ${V1_BYTES_MAX} bytes`)
  }
  const length = end + 2
  const [family, ...parts] = bytes.toString('latin1', V1_BEGINNING.length, end).split(' ')
  if (family === 'UNKNOWN') return { kind: 'header', length }
  const parse = family === 'TCP4' ? ipv4Of : family === 'TCP6' ? ipv6Of : undefined
  if (parse === undefined) return malformed('its protocol is none of TCP4, TCP6 and UNKNOWN')
  const [from = '', to = '', sourcePort = '', destinationPort = ''] = parts
  if (parts.length !== 4) return malformed('it has not two addresses and two ports')
  const [source, destination] = [parse(from), parse(to)]
  if (source === undefined || destination === undefined) return malformed(`an address is none of ${family}`)
  if (!isPort(sourcePort) || !isPort(destinationPort)) return malformed('a port is no number below 65536')
  return {
    kind: 'header',
    length,
    addresses: {
      source: { address: source, port: Number(sourcePort) },
      destination: { address: destination, port: Number(destinationPort) },
    },
  }
}

function ipv4Of(text: string): string | undefined {
  return isIPv4(text) ? text : undefined
}

/** As we write addresses, however it was written. */
function ipv6Of(text: string): string | undefined {
  const bytes = parseIpv6(text)
  return bytes && formatIpv6(bytes)
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function readVersion2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_HEADER_BYTES) return MORE
  const command = (bytes[12] as number) & 0x0f
  if (((bytes[12] as number) & 0xf0) !== VERSION_2) return malformed('its version is not 2')
  if (command !== COMMAND.local && command !== COMMAND.proxy) return malformed('its command is not known')
  const length = V2_HEADER_BYTES + bytes.readUInt16BE(14)
  if (length > V2_BYTES_MAX) return malformed(`it has ${length} bytes, more than ${V2_BYTES_MAX}`)
  const family = (bytes[13] as number) >> 4
  const addressBytes = ADDRESS_BYTES[family]
  if (bytes.length < length) return MORE
  // What comes with LOCAL is not looked at.
  if (command === COMMAND.local) return { kind: 'header', length }
  if (addressBytes === undefined) return malformed('its address family is not known')
  const transport = (bytes[13] as number) & 0x0f
  if (family !== FAMILY.unspecified && transport !== STREAM) return malformed('it is for no stream')
  if (length < V2_HEADER_BYTES + addressBytes) return malformed('its addresses are cut short')
  const problem = checkExtensions(bytes.subarray(0, length), V2_HEADER_BYTES + addressBytes)
  if (problem !== undefined) return malformed(problem)
  const addresses = readAddresses(bytes, family)
  return addresses === undefined ? { kind: 'header', length } : { kind: 'header', length, addresses }
}

function readAddresses(bytes: Buffer, family: number): ProxiedAddresses | undefined {
  if (family !== FAMILY.ipv4 && family !== FAMILY.ipv6) return undefined
  const size = family === FAMILY.ipv4 ? 4 : 16
  const text = (at: number) => {
    const part = bytes.subarray(at, at + size)
    return family === FAMILY.ipv4 ? part.join('.') : formatIpv6(part)
  }
  const ports = V2_HEADER_BYTES + 2 * size
  return {
    source: { address: text(V2_HEADER_BYTES), port: bytes.readUInt16BE(ports) },
    destination: { address: text(V2_HEADER_BYTES + size), port: bytes.readUInt16BE(ports + 2) },
  }
}

/** Types that are not known are passed over; a checksum has to be right. @returns what is wrong */
function checkExtensions(header: Buffer, from: number): string | undefined {
  let at = from
  while (at < header.length) {
    if (at + 3 > header.length) return 'an extension is cut short'
    const size = header.readUInt16BE(at + 1)
    const value = at + 3
    if (value + size > header.length) return 'an extension is cut short'
    if (header[at] === CRC32C) {
      if (size !== 4) return 'its checksum has not 4 bytes'
      const zeroed = Buffer.from(header)
      zeroed.fill(0, value, value + 4)
      if (crc32c(zeroed) !== header.readUInt32BE(value)) return 'its checksum is wrong'
    }
    at = value + size
  }
  return undefined
}

function malformed(reason: string): ProxyHeader {
  return { kind: 'malformed', reason }
}
