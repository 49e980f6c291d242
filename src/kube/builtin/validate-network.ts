import { getList, getNumber, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { isCidr, isIp, isStrictlyInside } from '../ip.ts'
import {
  checkDns1035Label,
  checkDns1123Subdomain,
  checkPathSegment,
  checkPortName,
  checkWildcardSubdomain,
} from '../names.ts'
import { type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import {
  checkCidr,
  checkPortNumber,
  checkPortReference,
  checkText,
  checkUnchanged,
  validateLabelSelector,
} from './checks.ts'

/** The old way to choose a class. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

export function validateIngress(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const backend = getRecord(spec, 'defaultBackend')
  const rules = getList(spec, 'rules')
  const neither = 'either `defaultBackend` or `rules` must be specified'
  return [
    ...(rules.length === 0 && !backend ? [invalid('spec', null, neither)] : []),
    ...(backend ? validateBackend(backend, 'spec.defaultBackend') : []),
    ...rules.flatMap((rule, index) => validateIngressRule(rule, `spec.rules[${index}]`)),
    ...getList(spec, 'tls').flatMap((tls, index) => validateIngressTls(tls, `spec.tls[${index}]`)),
    ...checkText(getString(spec, 'ingressClassName'), checkDns1123Subdomain, 'spec.ingressClassName'),
    ...(old ? [] : checkClassAnnotation(object)),
  ]
}

function checkClassAnnotation(object: JsonRecord): readonly FieldError[] {
  const annotated = getString(object, 'metadata', 'annotations', CLASS_ANNOTATION)
  const named = getString(object, 'spec', 'ingressClassName')
  if (annotated === undefined || named === undefined || annotated === named) return []
  const detail = 'must match `ingressClassName` when both are specified'
  return [invalid(`annotations.${CLASS_ANNOTATION}`, annotated, detail)]
}

function checkHost(host: string, path: string): readonly FieldError[] {
  return checkText(host, host.includes('*') ? checkWildcardSubdomain : checkDns1123Subdomain, path)
}

function validateIngressRule(rule: unknown, path: string): readonly FieldError[] {
  const host = getString(rule, 'host') ?? ''
  const http = getRecord(rule, 'http')
  const paths = getList(http, 'paths')
  return [
    ...(isIp(host) ? [invalid(`${path}.host`, host, 'must be a DNS name, not an IP address')] : []),
    ...(host === '' ? [] : checkHost(host, `${path}.host`)),
    ...(http && paths.length === 0 ? [required(`${path}.http.paths`)] : []),
    ...paths.flatMap((each, index) => validateIngressPath(each, `${path}.http.paths[${index}]`)),
  ]
}

function validateIngressTls(tls: unknown, path: string): readonly FieldError[] {
  return [
    ...getList(tls, 'hosts').flatMap((host, index) =>
      typeof host === 'string' ? checkHost(host, `${path}.hosts[${index}]`) : [],
    ),
    ...checkText(getString(tls, 'secretName') || undefined, checkDns1123Subdomain, `${path}.secretName`),
  ]
}

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
/** In whatever way they are written, these lead out of the path. */
const ODD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F']
const ODD_ENDS = ['/..', '/.']

function validateIngressPath(each: unknown, path: string): readonly FieldError[] {
  const type = getString(each, 'pathType')
  if (type === undefined) return [required(`${path}.pathType`, 'pathType must be specified')]
  const text = getString(each, 'path') ?? ''
  const at = `${path}.path`
  const errors: FieldError[] = []
  if (!PATH_TYPES.includes(type)) errors.push(unsupported(`${path}.pathType`, type, PATH_TYPES))
  else if (!text.startsWith('/') && (text !== '' || type !== 'ImplementationSpecific'))
    errors.push(invalid(at, text, 'must be an absolute path'))
  if (type === 'Exact' || type === 'Prefix') {
    const inside = ODD_SEQUENCES.filter((sequence) => text.includes(sequence))
    const ends = ODD_ENDS.filter((end) => text.endsWith(end))
    errors.push(...inside.map((sequence) => invalid(at, text, `must not contain '${sequence}'`)))
    errors.push(...ends.map((end) => invalid(at, text, `cannot end with '${end}'`)))
  }
  return [...errors, ...validateBackend(getRecord(each, 'backend') ?? {}, `${path}.backend`)]
}

function validateBackend(backend: JsonRecord, path: string): readonly FieldError[] {
  const resource = getRecord(backend, 'resource')
  const service = getRecord(backend, 'service')
  if (resource && service) return [invalid(path, '', 'cannot set both resource and service backends')]
  if (resource) return validateReference(resource, `${path}.resource`)
  if (!service) return [invalid(path, '', 'resource or service backend is required')]
  const name = getString(service, 'name') ?? ''
  return [
    ...(name === ''
      ? [required(`${path}.service.name`)]
      : checkText(name, checkDns1035Label, `${path}.service.name`)),
    ...validateBackendPort(getRecord(service, 'port'), path),
  ]
}

function validateBackendPort(port: JsonRecord | undefined, path: string): readonly FieldError[] {
  const name = getString(port, 'name') ?? ''
  const number = getNumber(port, 'number') ?? 0
  if (name !== '' && number !== 0) return [invalid(path, '', 'cannot set both port name & port number')]
  if (name !== '') return checkText(name, checkPortName, `${path}.service.port.name`)
  if (number !== 0) return checkPortNumber(number, `${path}.service.port.number`)
  return [required(path, 'port name or number is required')]
}

function validateReference(reference: JsonRecord, path: string): readonly FieldError[] {
  return [
    ...checkText(getString(reference, 'apiGroup') || undefined, checkDns1123Subdomain, `${path}.apiGroup`),
    ...['kind', 'name'].flatMap((field) => {
      const text = getString(reference, field) ?? ''
      return text === ''
        ? [required(`${path}.${field}`)]
        : checkText(text, checkPathSegment, `${path}.${field}`)
    }),
  ]
}

export function validateIngressClass(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const controller = getString(object, 'spec', 'controller') ?? ''
  const path = 'spec.controller'
  const before = getPath(old, 'spec', 'controller')
  return [
    ...(old ? checkUnchanged(path, { now: controller, before }) : []),
    ...checkDomainPath(controller, path),
  ]
}

/** `example.com/name`, as controllers call themselves. */
function checkDomainPath(text: string, path: string): readonly FieldError[] {
  if (text === '') return [required(path)]
  const slash = text.indexOf('/')
  if (slash <= 0 || slash === text.length - 1)
    return [invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  const host = text.slice(0, slash)
  return checkText(host, checkDns1123Subdomain, path)
}

const POLICY_TYPES_MAX = 2

export function validateNetworkPolicy(object: JsonRecord): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const types = getList(spec, 'policyTypes')
  const rules = (field: string, peers: string) =>
    getList(spec, field).flatMap((rule, index) => {
      const at = `spec.${field}[${index}]`
      return [
        ...getList(rule, 'ports').flatMap((port, number) =>
          validatePolicyPort(port, `${at}.ports[${number}]`),
        ),
        ...getList(rule, peers).flatMap((peer, number) => validatePeer(peer, `${at}.${peers}[${number}]`)),
      ]
    })
  return [
    ...validateLabelSelector(getRecord(spec, 'podSelector'), 'spec.podSelector'),
    ...rules('ingress', 'from'),
    ...rules('egress', 'to'),
    ...(types.length > POLICY_TYPES_MAX
      ? [invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : []),
  ]
}

function validatePolicyPort(port: unknown, path: string): readonly FieldError[] {
  const first = getPath(port, 'port')
  const last = getNumber(port, 'endPort')
  const at = `${path}.endPort`
  if (last === undefined) return checkPortReference(first, `${path}.port`)
  if (first === undefined) return [invalid(at, last, 'may not be specified when `port` is not specified')]
  if (typeof first === 'string') {
    const detail = 'may not be specified when `port` is non-numeric'
    return [invalid(at, last, detail), ...checkPortReference(first, `${path}.port`)]
  }
  return [
    ...checkPortNumber(first, `${path}.port`),
    ...(typeof first === 'number' && last < first
      ? [invalid(at, last, 'must be greater than or equal to `port`')]
      : []),
    ...checkPortNumber(last, at),
  ]
}

function validatePeer(peer: unknown, path: string): readonly FieldError[] {
  const block = getRecord(peer, 'ipBlock')
  const selectors = ['podSelector', 'namespaceSelector'].filter(
    (field) => isRecord(peer) && Object.hasOwn(peer, field),
  )
  const errors: FieldError[] = selectors.flatMap((field) => [
    ...validateLabelSelector(getRecord(peer, field), `${path}.${field}`),
  ])
  if (block) errors.push(...validateBlock(block, `${path}.ipBlock`))
  if (selectors.length === 0 && !block) errors.push(required(path, 'must specify a peer'))
  if (selectors.length > 0 && block)
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'))
  return errors
}

function validateBlock(block: JsonRecord, path: string): readonly FieldError[] {
  const cidr = getString(block, 'cidr') ?? ''
  if (cidr === '') return [required(`${path}.cidr`)]
  if (!isCidr(cidr)) return checkCidr(cidr, `${path}.cidr`)
  return getList(block, 'except').flatMap((except, index) => {
    const at = `${path}.except[${index}]`
    if (typeof except !== 'string' || !isCidr(except)) return checkCidr(except, at)
    return isStrictlyInside(except, cidr) ? [] : [invalid(at, except, 'must be a strict subset of `cidr`')]
  })
}
