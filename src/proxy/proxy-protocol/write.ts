import { isIPv4 } from 'node:net'
import { parseIpv6 } from '../../base/index.ts'
import { type ProxiedAddresses, V2_SIGNATURE } from './read.ts'

export type ProxyProtocolVersion = 'v1' | 'v2'

/** The header that tells an endpoint who a connection is for. @param addresses absent: the proxy itself, as for probes */
export function proxyHeader(version: ProxyProtocolVersion, addresses?: ProxiedAddresses): Buffer {
  return version === 'v1' ? version1(addresses) : version2(addresses)
}

const UNKNOWN = Buffer.from('PROXY UNKNOWN\r\n', 'latin1')

function version1(addresses: ProxiedAddresses | undefined): Buffer {
  const family = addresses && familyOf(addresses)
  if (addresses === undefined || family === undefined) return UNKNOWN
  const { source, destination } = addresses
  const line = `PROXY TCP${family} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`
  return Buffer.from(line, 'latin1')
}

const VERSION_2_LOCAL = 0x20
const VERSION_2_PROXY = 0x21

function version2(addresses: ProxiedAddresses | undefined): Buffer {
  const family = addresses && familyOf(addresses)
  if (addresses === undefined || family === undefined) {
    return Buffer.concat([V2_SIGNATURE, Buffer.from([VERSION_2_LOCAL, 0, 0, 0])])
  }
  const { source, destination } = addresses
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port)
  ports.writeUInt16BE(destination.port, 2)
  const parts = [addressBytes(source.address), addressBytes(destination.address), ports]
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const head = Buffer.from([VERSION_2_PROXY, family === 4 ? 0x11 : 0x21, 0, size])
  return Buffer.concat([V2_SIGNATURE, head, ...parts])
}

/** @returns undefined when the two are not of one family, which the header cannot say */
function familyOf({ source, destination }: ProxiedAddresses): 4 | 6 | undefined {
  if (isIPv4(source.address) && isIPv4(destination.address)) return 4
  return parseIpv6(source.address) && parseIpv6(destination.address) ? 6 : undefined
}

function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number))
  return parseIpv6(address) ?? new Uint8Array(16)
}
