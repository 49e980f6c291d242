import type { KubeObject } from '../../../kube/index.ts'
import { at, isObject, listAt, sameJson, stringAt, withMembers } from '../json.ts'
import { serviceTypeOf, takesNodePorts, withSpec } from './service-spec.ts'

/**
 * What an update means that speaks of a Service's type or of one of two fields that say the same: allotted addresses and
 * ports stay where nothing is said of them, and what the new type has no use for goes, unless the update changes it too
 * (then validation refuses it).
 */
export function prepareServiceUpdate(object: KubeObject, current: KubeObject): KubeObject {
  return withoutUseless(linkedAddresses(keepAllotted(object, current), current), current)
}

const ADDRESS_FIELDS = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']

function keepAllotted(object: KubeObject, current: KubeObject): KubeObject {
  if (serviceTypeOf(object) === 'ExternalName') return object
  const missing = ADDRESS_FIELDS.filter((member) => isEmpty(at(object.spec, member)))
  const kept = withSpec(
    object,
    Object.fromEntries(missing.map((member) => [member, at(current.spec, member)])),
  )
  return takesNodePorts(kept) ? withSpec(kept, { ports: keepNodePorts(kept, current) }) : kept
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

function keepNodePorts(object: KubeObject, current: KubeObject): readonly unknown[] {
  const before = new Map(listAt(current.spec, 'ports').map((port) => [portId(port), at(port, 'nodePort')]))
  return listAt(object.spec, 'ports').map((port) => {
    const nodePort = before.get(portId(port))
    return isObject(port) && !port['nodePort'] && typeof nodePort === 'number' ? { ...port, nodePort } : port
  })
}

function portId(port: unknown): string {
  return `${stringAt(port, 'protocol') ?? 'TCP'}/${String(at(port, 'port'))}`
}

/** Old clients know the first of the addresses only: what they say of it is meant for the list as well. */
function linkedAddresses(object: KubeObject, current: KubeObject): KubeObject {
  const address = stringAt(object.spec, 'clusterIP') ?? ''
  const isSame = address === (stringAt(current.spec, 'clusterIP') ?? '')
  if (isSame || !isUnchanged('clusterIPs', object, current)) return object
  return withSpec(object, { clusterIPs: address === '' ? undefined : [address] })
}

function isUnchanged(member: string, object: KubeObject, current: KubeObject): boolean {
  return sameJson(at(object.spec, member), at(current.spec, member))
}

/** Fields that only some Services have a use for. */
const USES: readonly {
  readonly members: readonly string[]
  readonly isOf: (service: KubeObject) => boolean
}[] = [
  {
    members: [...ADDRESS_FIELDS, 'internalTrafficPolicy'],
    isOf: (service) => serviceTypeOf(service) !== 'ExternalName',
  },
  {
    members: ['allocateLoadBalancerNodePorts', 'loadBalancerClass'],
    isOf: (service) => serviceTypeOf(service) === 'LoadBalancer',
  },
  {
    members: ['healthCheckNodePort'],
    isOf: (service) =>
      serviceTypeOf(service) === 'LoadBalancer' &&
      stringAt(service.spec, 'externalTrafficPolicy') === 'Local',
  },
  { members: ['externalTrafficPolicy'], isOf: isReachedFromOutside },
]

function isReachedFromOutside(service: KubeObject): boolean {
  const type = serviceTypeOf(service)
  if (type === 'ClusterIP') return listAt(service.spec, 'externalIPs').length > 0
  return type === 'NodePort' || type === 'LoadBalancer'
}

function withoutUseless(object: KubeObject, current: KubeObject): KubeObject {
  const gone = USES.flatMap(({ members, isOf }) =>
    isOf(current) && !isOf(object) ? members.filter((member) => isUnchanged(member, object, current)) : [],
  )
  const fitting = withSpec(object, Object.fromEntries(gone.map((member) => [member, undefined])))
  const isFreed = takesNodePorts(current) && !takesNodePorts(object) && sameNodePorts(object, current)
  return isFreed ? withoutNodePorts(fitting) : fitting
}

function sameNodePorts(object: KubeObject, current: KubeObject): boolean {
  const numbers = (service: KubeObject) =>
    listAt(service.spec, 'ports').flatMap((port) => at(port, 'nodePort') ?? [])
  const before = numbers(current)
  return numbers(object).every((number) => before.includes(number))
}

function withoutNodePorts(object: KubeObject): KubeObject {
  const ports = listAt(object.spec, 'ports').map((port) =>
    isObject(port) ? withMembers(port, { nodePort: undefined }) : port,
  )
  return withSpec(object, { ports })
}
