/** URLs, IP addresses and CIDRs in CEL, with Go's idea of what they look like. */
import { type CelFunc, celFunc, celMap, type CelMap, celMethod, CelScalar, mapType } from '@bufbuild/cel'
import { parseIpv4 } from '../../../base/index.ts'
import { parseIpv6 } from '../../ip.ts'
import { OPAQUE, unwrapText, wrap } from './opaque.ts'

const { BOOL, INT, STRING } = CelScalar

export function networkFunctions(): CelFunc[] {
  return [...urlFunctions(), ...ipFunctions(), ...cidrFunctions()]
}

interface UrlParts {
  readonly scheme: string
  readonly host: string
  readonly path: string
  readonly query: string
}

/** An absolute URI or absolute path, as Go's url.ParseRequestURI takes them. */
function parseUrl(text: string): UrlParts | undefined {
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?$/.exec(text)
  if (!match || text === '' || /[\s\p{Cc}]/u.test(text)) return undefined
  const [, scheme = '', authority, path = '', query = ''] = match
  if (scheme === '' && !text.startsWith('/')) return undefined
  if (scheme === '' && authority !== undefined) return undefined
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return undefined
  const host = (authority ?? '').replace(/^[^@]*@/, '')
  if (!/^(?:\[[^\]]*\]|[^:]*)(?::\d*)?$/.test(host)) return undefined
  return { scheme, host, path: authority === undefined && !path.startsWith('/') ? '' : path, query }
}

function urlFunctions(): CelFunc[] {
  const part = (name: string, pick: (url: UrlParts) => string) =>
    celMethod(name, OPAQUE, [], STRING, function () {
      const url = parseUrl(unwrapText('url', this))
      return url ? pick(url) : ''
    })
  return [
    celFunc('isURL', [STRING], BOOL, (text) => parseUrl(text) !== undefined),
    celFunc('url', [STRING], OPAQUE, (text) => {
      if (!parseUrl(text))
        throw new Error(`URL parse error during conversion from string: ${JSON.stringify(text)}`)
      return wrap('url', text)
    }),
    part('getScheme', (url) => url.scheme.toLowerCase()),
    part('getHost', (url) => url.host),
    part('getHostname', (url) => url.host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')),
    part('getPort', (url) => /:(\d+)$/.exec(url.host)?.[1] ?? ''),
    part('getEscapedPath', (url) => url.path),
    celMethod('getQuery', OPAQUE, [], mapType(STRING, CelScalar.DYN), function () {
      return queryMap(parseUrl(unwrapText('url', this))?.query ?? '')
    }),
  ]
}

function queryMap(query: string): CelMap {
  const map = new Map<string, string[]>()
  for (const [key, value] of new URLSearchParams(query)) map.set(key, [...(map.get(key) ?? []), value])
  return celMap(map)
}

/** The bytes of an address: 4 or 16. IPv4 mapped into IPv6 and zones are refused, as Kubernetes does. */
function parseIp(text: string): Uint8Array | undefined {
  const quad = parseIpv4(text)
  if (quad !== undefined)
    return Uint8Array.from([quad >>> 24, (quad >>> 16) & 255, (quad >>> 8) & 255, quad & 255])
  const bytes = parseIpv6(text)
  const mapped = bytes?.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  return mapped ? undefined : bytes
}

function needIp(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (!bytes) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`)
  return bytes
}

function ipFunctions(): CelFunc[] {
  const test = (name: string, check: (bytes: Uint8Array) => boolean) =>
    celMethod(name, OPAQUE, [], BOOL, function () {
      return check(needIp(unwrapText('ip', this)))
    })
  return [
    celFunc('isIP', [STRING], BOOL, (text) => parseIp(text) !== undefined),
    celFunc('ip', [STRING], OPAQUE, (text) => {
      needIp(text)
      return wrap('ip', text)
    }),
    celFunc('ip.isCanonical', [STRING], BOOL, (text) => canonicalIp(needIp(text)) === text),
    celMethod('family', OPAQUE, [], INT, function () {
      return needIp(unwrapText('ip', this)).length === 4 ? 4n : 6n
    }),
    test('isUnspecified', (bytes) => bytes.every((byte) => byte === 0)),
    test('isLoopback', isLoopback),
    test('isLinkLocalMulticast', isLinkLocalMulticast),
    test('isLinkLocalUnicast', isLinkLocalUnicast),
    test('isGlobalUnicast', isGlobalUnicast),
  ]
}

const isLoopback = (bytes: Uint8Array) =>
  bytes.length === 4 ? bytes[0] === 127 : bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)
const isLinkLocalMulticast = (bytes: Uint8Array) =>
  bytes.length === 4
    ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0
    : bytes[0] === 255 && ((bytes[1] ?? 0) & 15) === 2
const isLinkLocalUnicast = (bytes: Uint8Array) =>
  bytes.length === 4
    ? bytes[0] === 169 && bytes[1] === 254
    : bytes[0] === 254 && ((bytes[1] ?? 0) & 192) === 128
const isMulticast = (bytes: Uint8Array) =>
  bytes.length === 4 ? ((bytes[0] ?? 0) & 240) === 224 : bytes[0] === 255

function isGlobalUnicast(bytes: Uint8Array): boolean {
  const broadcast = bytes.length === 4 && bytes.every((byte) => byte === 255)
  const unspecified = bytes.every((byte) => byte === 0)
  return !broadcast && !unspecified && !isLoopback(bytes) && !isMulticast(bytes) && !isLinkLocalUnicast(bytes)
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups shortened. */
function canonicalIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.start < 0) return hex(groups)
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`
}

interface Cidr {
  readonly bytes: Uint8Array
  readonly bits: number
}

function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const bytes = match && parseIp(match[1] ?? '')
  const bits = Number(match?.[2])
  return bytes && bits <= bytes.length * 8 ? { bytes, bits } : undefined
}

function needCidr(text: string): Cidr {
  const cidr = parseCidr(text)
  if (!cidr)
    throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`)
  return cidr
}

function contains(cidr: Cidr, address: Uint8Array): boolean {
  if (cidr.bytes.length !== address.length) return false
  const masked = maskBytes(address, cidr.bits)
  return maskBytes(cidr.bytes, cidr.bits).every((byte, index) => byte === masked[index])
}

function maskBytes(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, index) => byte & ~(0xff >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff)
}

function cidrFunctions(): CelFunc[] {
  const own = (value: CelMap) => needCidr(unwrapText('cidr', value))
  const holdsCidr = (outer: Cidr, inner: Cidr) => inner.bits >= outer.bits && contains(outer, inner.bytes)
  return [
    celFunc('isCIDR', [STRING], BOOL, (text) => parseCidr(text) !== undefined),
    celFunc('cidr', [STRING], OPAQUE, (text) => {
      needCidr(text)
      return wrap('cidr', text)
    }),
    celMethod('containsIP', OPAQUE, [STRING], BOOL, function (text) {
      return contains(own(this), needIp(text))
    }),
    celMethod('containsIP', OPAQUE, [OPAQUE], BOOL, function (ip) {
      return contains(own(this), needIp(unwrapText('ip', ip)))
    }),
    celMethod('containsCIDR', OPAQUE, [STRING], BOOL, function (text) {
      return holdsCidr(own(this), needCidr(text))
    }),
    celMethod('containsCIDR', OPAQUE, [OPAQUE], BOOL, function (cidr) {
      return holdsCidr(own(this), own(cidr))
    }),
    celMethod('ip', OPAQUE, [], OPAQUE, function () {
      return wrap('ip', canonicalIp(own(this).bytes))
    }),
    celMethod('masked', OPAQUE, [], OPAQUE, function () {
      const { bytes, bits } = own(this)
      return wrap('cidr', `${canonicalIp(maskBytes(bytes, bits))}/${bits}`)
    }),
    celMethod('prefixLength', OPAQUE, [], INT, function () {
      return BigInt(own(this).bits)
    }),
    celFunc('string', [OPAQUE], STRING, (value) => {
      const [content] = [...value.values()]
      if (typeof content !== 'string') throw new Error('no such overload: string')
      return content
    }),
  ]
}
