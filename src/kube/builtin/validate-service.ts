import { getList, getNumber, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { isIp, isIpv6 } from '../ip.ts'
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName, validateLabels } from '../names.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  unsupported,
} from '../schema/field-error.ts'
import { goForm } from '../schema/go-form.ts'
import {
  checkAddress,
  checkCidr,
  checkPortNumber,
  checkPortReference,
  checkRange,
  checkText,
} from './checks.ts'
import { checkEndpointAddress } from './validate-endpoints.ts'

export function validateService(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const type = getString(spec, 'type')
  const ports = getList(spec, 'ports')
  const headless = getString(spec, 'clusterIP') === 'None'
  const addresses = type === 'ExternalName' ? [] : validateAddresses(spec)
  // An update is allotted its addresses before anything else is looked at.
  if (old && addresses.length > 0) return addresses
  return [
    ...(old ? validateAddressUpdate(spec, getRecord(old, 'spec') ?? {}) : []),
    ...(ports.length === 0 && !headless && type !== 'ExternalName' ? [required('spec.ports')] : []),
    ...(headless && (type === 'NodePort' || type === 'LoadBalancer')
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)]
      : []),
    ...validateExternalName(spec, type),
    ...validatePorts(ports),
    ...validateLabels(getRecord(spec, 'selector'), 'spec.selector'),
    ...validateAffinity(spec),
    ...addresses,
    ...validateExternalAddresses(spec, old),
    ...validateUniquePorts(ports, type),
    ...validateBalancer(spec, type),
    ...validateExternalPolicy(spec, type),
    ...validateDistribution(spec),
  ]
}

function validatePorts(ports: readonly unknown[]): readonly FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const at = `spec.ports[${index}]`
    const name = getString(port, 'name') ?? ''
    const errors: FieldError[] = []
    if (name === '' && ports.length > 1) errors.push(required(`${at}.name`))
    if (name !== '') {
      errors.push(...checkText(name, checkDns1123Label, `${at}.name`))
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      names.add(name)
    }
    return [
      ...errors,
      ...checkPortNumber(getNumber(port, 'port') ?? 0, `${at}.port`),
      ...checkPortReference(getPath(port, 'targetPort'), `${at}.targetPort`),
      ...checkText(getString(port, 'appProtocol'), checkQualifiedName, `${at}.appProtocol`),
    ]
  })
}

/** One number serves each protocol once, inside the cluster and on the nodes. */
function validateUniquePorts(ports: readonly unknown[], type: string | undefined): readonly FieldError[] {
  const taken = new Set<string>()
  const isNew = (key: string) => !taken.has(key) && taken.add(key)
  const protocolOf = (port: unknown) => getString(port, 'protocol') ?? 'TCP'
  const nodePorts = ports.map((port) => getNumber(port, 'nodePort') ?? 0)
  return [
    ...nodePorts.flatMap((number, index) =>
      number === 0 || type !== 'ClusterIP'
        ? []
        : [forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'")],
    ),
    ...nodePorts.flatMap((number, index) =>
      number === 0 || isNew(`node ${number}/${protocolOf(ports[index])}`)
        ? []
        : [duplicate(`spec.ports[${index}].nodePort`, number)],
    ),
    ...ports.flatMap((port, index) => {
      const key = { protocol: protocolOf(port), port: getNumber(port, 'port') }
      return isNew(`${key.port}/${key.protocol}`)
        ? []
        : [duplicate(`spec.ports[${index}]`, goForm(key, 'core/v1.ServicePort'))]
    }),
  ]
}

function validateExternalName(spec: JsonRecord, type: string | undefined): readonly FieldError[] {
  if (type !== 'ExternalName') return []
  const name = (getString(spec, 'externalName') ?? '').replace(/\.$/, '')
  const given = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'].filter((field) => Object.hasOwn(spec, field))
  return [
    ...given.map((field) => forbidden(`spec.${field}`, 'may not be set for ExternalName services')),
    ...(name === ''
      ? [required('spec.externalName')]
      : checkText(name, checkDns1123Subdomain, 'spec.externalName')),
  ]
}

const AFFINITY_SECONDS_MAX = 86_400

function validateAffinity(spec: JsonRecord): readonly FieldError[] {
  const config = getRecord(spec, 'sessionAffinityConfig')
  const path = 'spec.sessionAffinityConfig'
  if (getString(spec, 'sessionAffinity') !== 'ClientIP') {
    const isGiven = config && getString(spec, 'sessionAffinity') === 'None'
    return isGiven ? [forbidden(path, 'must not be set when session affinity is None')] : []
  }
  const when = 'when session affinity type is ClientIP'
  if (!config) return [required(path, when)]
  if (!getRecord(config, 'clientIP')) return [required(`${path}.clientIP`, when)]
  const seconds = getNumber(config, 'clientIP', 'timeoutSeconds')
  const at = `${path}.clientIP.timeoutSeconds`
  if (seconds === undefined) return [required(at, when)]
  const isWithin = seconds > 0 && seconds <= AFFINITY_SECONDS_MAX
  return isWithin
    ? []
    : [invalid(at, seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`)]
}

const FAMILIES = ['IPv4', 'IPv6']

function validateAddresses(spec: JsonRecord): readonly FieldError[] {
  const first = getString(spec, 'clusterIP') ?? ''
  const given = getList(spec, 'clusterIPs')
  const addresses = given.length > 0 ? given : first === '' ? [] : [first]
  const families = getList(spec, 'ipFamilies')
  const path = 'spec.clusterIPs'
  const errors: FieldError[] = []
  if (given.length > 0 && first !== '' && given[0] !== first)
    errors.push(invalid(path, given, 'first value must match `clusterIP`'))
  for (const [index, family] of families.entries()) {
    const at = `spec.ipFamilies[${index}]`
    if (!FAMILIES.includes(String(family))) errors.push(unsupported(at, family, FAMILIES))
    if (families.indexOf(family) < index) errors.push(duplicate(at, family))
  }
  for (const [index, address] of addresses.entries()) {
    if (index > 0 || address !== 'None')
      errors.push(...checkFamily(address, families[index], { path, index }))
    else if (addresses.length > 1)
      errors.push(invalid(path, addresses, "'None' must be the first and only value"))
  }
  if (addresses.length > 2) errors.push(invalid(path, addresses, 'may only hold up to 2 values'))
  return errors
}

function checkFamily(
  address: unknown,
  family: unknown,
  { path, index }: { readonly path: string; readonly index: number },
): readonly FieldError[] {
  const at = `${path}[${index}]`
  if (typeof address !== 'string' || !isIp(address)) return checkAddress(address, at)
  const isOther = FAMILIES.includes(String(family)) && isIpv6(address) !== (family === 'IPv6')
  const detail = `expected an ${String(family)} value as indicated by \`ipFamilies[${index}]\``
  return isOther ? [invalid(at, address, detail)] : []
}

/** An address stays with its Service, unless the Service is, or becomes, a name for something else. */
function validateAddressUpdate(spec: JsonRecord, before: JsonRecord): readonly FieldError[] {
  if ([spec, before].some((each) => getString(each, 'type') === 'ExternalName')) return []
  const addressesOf = (from: JsonRecord) => {
    const first = getString(from, 'clusterIP') ?? ''
    const list = getList(from, 'clusterIPs')
    return list.length > 0 || first === '' ? list : [first]
  }
  const [now, old] = [addressesOf(spec), addressesOf(before)]
  const errors: FieldError[] = []
  if (now.length === 0 && old.length > 0)
    errors.push(invalid('spec.clusterIPs[0]', null, 'primary clusterIP can not be unset'))
  else if (old.length > 0 && now[0] !== old[0])
    errors.push(invalid('spec.clusterIPs[0]', now, 'may not change once set'))
  const isBalancer = [spec, before].every((each) => getString(each, 'type') === 'LoadBalancer')
  const className = getString(spec, 'loadBalancerClass')
  if (isBalancer && className !== getString(before, 'loadBalancerClass'))
    errors.push(invalid('spec.loadBalancerClass', className ?? null, 'may not change once set'))
  return errors
}

function validateExternalAddresses(spec: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const known = getList(old, 'spec', 'externalIPs')
  return getList(spec, 'externalIPs').flatMap((address, index) => {
    const at = `spec.externalIPs[${index}]`
    if (typeof address !== 'string' || known.includes(address)) return []
    return isIp(address) ? checkEndpointAddress(address, at) : checkAddress(address, at)
  })
}

function validateBalancer(spec: JsonRecord, type: string | undefined): readonly FieldError[] {
  const only = "may only be used when `type` is 'LoadBalancer'"
  const ranges = getList(spec, 'loadBalancerSourceRanges')
  const path = 'spec.LoadBalancerSourceRanges'
  const className = getString(spec, 'loadBalancerClass')
  const isBalancer = type === 'LoadBalancer'
  return [
    ...(ranges.length > 0 && !isBalancer ? [forbidden(path, only)] : []),
    ...ranges.flatMap((range, index) =>
      typeof range === 'string' ? checkCidr(range.trim(), `${path}[${index}]`) : [],
    ),
    ...(getPath(spec, 'allocateLoadBalancerNodePorts') !== undefined && !isBalancer
      ? [forbidden('spec.allocateLoadBalancerNodePorts', only)]
      : []),
    ...(className !== undefined && !isBalancer ? [forbidden('spec.loadBalancerClass', only)] : []),
    ...(isBalancer ? checkText(className, checkQualifiedName, 'spec.loadBalancerClass') : []),
  ]
}

/** Only what is reached from outside of the cluster has a way in to speak of. */
function validateExternalPolicy(spec: JsonRecord, type: string | undefined): readonly FieldError[] {
  const policy = getString(spec, 'externalTrafficPolicy') ?? ''
  const port = getNumber(spec, 'healthCheckNodePort') ?? 0
  const isReached =
    type === 'NodePort' ||
    type === 'LoadBalancer' ||
    (type === 'ClusterIP' && getList(spec, 'externalIPs').length > 0)
  const needsCheck = type === 'LoadBalancer' && policy === 'Local'
  const errors: FieldError[] = []
  if (!isReached && policy !== '') {
    const detail = 'may only be set for externally-accessible services'
    errors.push(invalid('spec.externalTrafficPolicy', policy, detail))
  }
  if (!needsCheck && port !== 0) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    errors.push(invalid('spec.healthCheckNodePort', port, detail))
  }
  if (needsCheck && port !== 0) errors.push(...checkRange(port, 1, 65_535, 'spec.healthCheckNodePort'))
  return errors
}

const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

function validateDistribution(spec: JsonRecord): readonly FieldError[] {
  const wanted = getString(spec, 'trafficDistribution')
  return wanted === undefined || DISTRIBUTIONS.includes(wanted)
    ? []
    : [unsupported('spec.trafficDistribution', wanted, DISTRIBUTIONS)]
}
