import { parseIpv4 } from '../../base/index.ts'
import { deepEqual, getList, getNumber, getPath, getString, type JsonRecord } from '../json.ts'
import { isIp, isIpv6, parseIpv6 } from '../ip.ts'
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName } from '../names.ts'
import { duplicate, type FieldError, invalid, required, tooMany, unsupported } from '../schema/field-error.ts'
import { checkAddress, checkPortNumber, checkText, checkUnchanged } from './checks.ts'

/** Addresses that lead to the machine itself, or nowhere, stand behind no Service. */
export function checkEndpointAddress(address: string, path: string): readonly FieldError[] {
  if (!isIp(address)) return [invalid(path, address, 'must be a valid IP address')]
  const reason = oddReason(address)
  return reason === undefined ? [] : [invalid(path, address, reason)]
}

function oddReason(address: string): string | undefined {
  const quad = parseIpv4(address)
  const bytes = quad === undefined ? parseIpv6(address) : undefined
  const [first, second, third] =
    quad === undefined ? [] : [quad >>> 24, (quad >>> 16) & 255, (quad >>> 8) & 255]
  const isZero = quad === 0 || (bytes?.every((byte) => byte === 0) ?? false)
  if (isZero) return `may not be unspecified (${address})`
  const isSelf = first === 127 || (bytes?.every((byte, index) => byte === (index === 15 ? 1 : 0)) ?? false)
  if (isSelf) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)'
  const isLocal =
    (first === 169 && second === 254) || (bytes?.[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80)
  if (isLocal) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
  const isGroup =
    (first === 224 && second === 0 && third === 0) || (bytes?.[0] === 0xff && ((bytes[1] ?? 0) & 0x0f) === 2)
  return isGroup ? 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)' : undefined
}

export function validateEndpoints(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  if (old && deepEqual(getPath(old, 'subsets'), getPath(object, 'subsets'))) return []
  return getList(object, 'subsets').flatMap((subset, index) => {
    const at = `subsets[${index}]`
    const ports = getList(subset, 'ports')
    const lists = ['addresses', 'notReadyAddresses']
    const isEmpty = lists.every((list) => getList(subset, list).length === 0)
    return [
      ...(isEmpty ? [required(at, 'must specify `addresses` or `notReadyAddresses`')] : []),
      ...lists.flatMap((list) =>
        getList(subset, list).flatMap((address, number) =>
          validateAddress(address, `${at}.${list}[${number}]`),
        ),
      ),
      ...ports.flatMap((port, number) => validatePort(port, `${at}.ports[${number}]`, ports.length > 1)),
    ]
  })
}

/** Kubernetes says twice what is no address. */
function validateAddress(address: unknown, path: string): readonly FieldError[] {
  const ip = getString(address, 'ip') ?? ''
  return [
    ...checkAddress(ip, `${path}.ip`),
    ...checkText(getString(address, 'hostname') || undefined, checkDns1123Label, `${path}.hostname`),
    ...checkText(getString(address, 'nodeName'), checkDns1123Subdomain, `${path}.nodeName`),
    ...checkEndpointAddress(ip, `${path}.ip`),
  ]
}

function validatePort(port: unknown, path: string, needsName: boolean): readonly FieldError[] {
  const name = getString(port, 'name') ?? ''
  return [
    ...(name === '' && needsName ? [required(`${path}.name`)] : []),
    ...(name === '' ? [] : checkText(name, checkDns1123Label, `${path}.name`)),
    ...checkPortNumber(getNumber(port, 'port') ?? 0, `${path}.port`),
    ...checkText(getString(port, 'appProtocol'), checkQualifiedName, `${path}.appProtocol`),
  ]
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']
const ENDPOINTS_MAX = 1000
const ADDRESSES_MAX = 100

export function validateEndpointSlice(
  object: JsonRecord,
  old: JsonRecord | undefined,
): readonly FieldError[] {
  const type = getString(object, 'addressType') ?? ''
  const endpoints = getList(object, 'endpoints')
  const isKept = old && deepEqual(getPath(old, 'endpoints'), getPath(object, 'endpoints'))
  const errors: FieldError[] = []
  if (type === '') errors.push(required('addressType'))
  else if (!ADDRESS_TYPES.includes(type)) errors.push(unsupported('addressType', type, ADDRESS_TYPES))
  errors.push(...validateSlicePorts(getList(object, 'ports')))
  if (endpoints.length > ENDPOINTS_MAX) errors.push(tooMany('endpoints', endpoints.length, ENDPOINTS_MAX))
  else if (!isKept)
    errors.push(
      ...endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, type, `endpoints[${index}]`)),
    )
  return old
    ? [
        ...errors,
        ...checkUnchanged('addressType', { now: type, before: getPath(old, 'addressType'), shown: null }),
      ]
    : errors
}

function validateSlicePorts(ports: readonly unknown[]): readonly FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const name = getString(port, 'name') ?? ''
    const at = `ports[${index}]`
    const errors = [
      ...(name === '' ? [] : checkText(name, checkDns1123Label, `${at}.name`)),
      ...(names.has(name) ? [duplicate(`${at}.name`, name)] : []),
      ...checkText(getString(port, 'appProtocol'), checkQualifiedName, `${at}.appProtocol`),
    ]
    names.add(name)
    return errors
  })
}

function validateEndpoint(endpoint: unknown, type: string, path: string): readonly FieldError[] {
  const addresses = getList(endpoint, 'addresses')
  return [
    ...(addresses.length === 0 ? [required(`${path}.addresses`, 'must contain at least 1 address')] : []),
    ...(addresses.length > ADDRESSES_MAX
      ? [tooMany(`${path}.addresses`, addresses.length, ADDRESSES_MAX)]
      : []),
    ...addresses.flatMap((address, index) =>
      typeof address === 'string' ? checkOfType(address, type, { path: `${path}.addresses`, index }) : [],
    ),
    ...checkText(getString(endpoint, 'nodeName'), checkDns1123Subdomain, `${path}.nodeName`),
    ...checkText(getString(endpoint, 'hostname'), checkDns1123Label, `${path}.hostname`),
  ]
}

function checkOfType(
  address: string,
  type: string,
  { path, index }: { readonly path: string; readonly index: number },
): readonly FieldError[] {
  const at = `${path}[${index}]`
  if (type === 'FQDN') {
    const name = address.replace(/\.$/, '')
    const problems = checkDns1123Subdomain(name)
    if (address === '') return [required(at)]
    if (problems.length > 0) return [invalid(at, name, problems.join(','))]
    return name.includes('.')
      ? []
      : [invalid(at, name, 'should be a domain with at least two segments separated by dots')]
  }
  if (type !== 'IPv4' && type !== 'IPv6') return []
  if (!isIp(address)) return checkAddress(address, at)
  const fits = isIpv6(address) === (type === 'IPv6')
  return [
    ...(fits ? [] : [invalid(path, address, `must be an ${type} address`)]),
    ...checkEndpointAddress(address, at),
  ]
}
