import { isIPv4, isIPv6 } from 'node:net'
import { randomIndex } from '../../../base/index.ts'
import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { at, listAt, stringAt } from '../json.ts'
import type { ResourcePath } from '../request.ts'
import { badRequest, notFound, serviceUnavailable } from '../status-error.ts'

/** Where a proxied request goes. */
export interface Target {
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
}

/** What the name in the path of a proxy says: `name`, `name:port` or `scheme:name:port`. */
export interface TargetName {
  readonly isSecure: boolean
  readonly name: string
  /** a number, or of a service the name of a port; '' where none is said */
  readonly port: string
}

/** @throws StatusError 400 for a name that cannot be one */
export function parseTargetName({ name: text }: ResourcePath, singular: string): TargetName {
  const parts = text.split(':')
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts]
  const isScheme = scheme === '' || scheme === 'http' || scheme === 'https'
  if (parts.length > 3 || name === '' || !isScheme)
    throw badRequest(`invalid ${singular} request ${JSON.stringify(text)}`)
  return { isSecure: scheme === 'https', name, port }
}

/** The pod's address, at the port that is said, or the first that a container names. @throws StatusError */
export function podTarget(context: ServerContext, namespace: string, wanted: TargetName): Target {
  const { name, isSecure } = wanted
  const pod = context.store.get({ collection: 'core/pods', namespace, name })?.object
  if (!pod) throw notFound({ group: '', plural: 'pods' }, name)
  const port = wanted.port === '' ? firstPort(pod) : wanted.port
  return { isSecure, host: proxyable(stringAt(pod.status, 'podIP')), port: portNumber(port, isSecure) }
}

function firstPort(pod: KubeObject): string {
  const ports = listAt(pod.spec, 'containers').flatMap((container) => listAt(container, 'ports').slice(0, 1))
  const port = at(ports[0], 'containerPort')
  return typeof port === 'number' ? String(port) : ''
}

/** An address of the node, at a port that is not its own API's. @throws StatusError */
export function nodeTarget(node: KubeObject, { isSecure, port }: TargetName): Target {
  const internal = listAt(node.status, 'addresses').find((one) => stringAt(one, 'type') === 'InternalIP')
  return { isSecure, host: proxyable(stringAt(internal, 'address')), port: portNumber(port, isSecure) }
}

/**
 * One of the pods behind a service. Addresses that name no pod lead nowhere: whoever may write them must not reach
 * through the server what the network keeps from them.
 * @throws StatusError 503 where there is none
 */
export function serviceTarget(
  context: ServerContext,
  namespace: string,
  { name, port, isSecure }: TargetName,
): Target {
  const portName = /^[+-]?\d+$/.test(port)
    ? namedPort(context, namespace, { name, port: Number(port) })
    : port
  const endpoints = context.store.get({ collection: 'core/endpoints', namespace, name })?.object
  const found = listAt(endpoints, 'subsets').flatMap((subset) => {
    const numbers = listAt(subset, 'ports')
      .filter((each) => (stringAt(each, 'name') ?? '') === portName)
      .map((each) => Number(at(each, 'port')))
    const hosts = listAt(subset, 'addresses').filter((address) => isOfPod(context, namespace, address))
    return numbers.flatMap((number) =>
      hosts.map((address) => ({ host: stringAt(address, 'ip') ?? '', number })),
    )
  })
  const chosen = found.length === 0 ? undefined : found[randomIndex(context.random, found.length)]
  if (!chosen) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  return { isSecure, host: chosen.host, port: chosen.number }
}

function namedPort(
  context: ServerContext,
  namespace: string,
  { name, port }: { readonly name: string; readonly port: number },
): string {
  const service = context.store.get({ collection: 'core/services', namespace, name })?.object
  if (!service) throw notFound({ group: '', plural: 'services' }, name)
  const found = listAt(service.spec, 'ports').find((each) => at(each, 'port') === port)
  if (found === undefined)
    throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
  return stringAt(found, 'name') ?? ''
}

function isOfPod(context: ServerContext, namespace: string, address: unknown): boolean {
  const reference = at(address, 'targetRef')
  if (stringAt(reference, 'kind') !== 'Pod' || stringAt(reference, 'namespace') !== namespace) return false
  const name = stringAt(reference, 'name') ?? ''
  const pod = context.store.get({ collection: 'core/pods', namespace, name })?.object
  const addresses = listAt(pod?.status, 'podIPs').map((each) => stringAt(each, 'ip'))
  const ip = stringAt(address, 'ip')
  return ip !== undefined && [stringAt(pod?.status, 'podIP'), ...addresses].includes(ip)
}

/** Addresses that mean the server itself, or nobody, are nothing to lead anyone to. @throws StatusError 400 */
function proxyable(address: string | undefined): string {
  const isOwn = isIPv4(address ?? '')
    ? /^(?:0|127|169\.254|22[4-9]|23\d|255)\./.test(address ?? '')
    : !isIPv6(address ?? '') || /^(?:::1?$|fe[89ab]|ff|::ffff:)/i.test(address ?? '')
  if (address === undefined || isOwn) throw badRequest('address not allowed')
  return address
}

const PORT_MAX = 65_535

function portNumber(text: string, isSecure: boolean): number {
  if (text === '') return isSecure ? 443 : 80
  const port = Number(text)
  if (/^\d+$/.test(text) && port > 0 && port <= PORT_MAX) return port
  throw serviceUnavailable(`error trying to reach service: dial tcp: address ${text}: invalid port`)
}
