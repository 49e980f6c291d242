import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { isObject, listAt, stringAt, withMembers } from '../json.ts'
import { internalError, invalid } from '../status-error.ts'
import type { KindHooks, Reservation } from './hook-types.ts'
import { clusterIpsOf, familyOf, type IpFamily, withFamilies } from './service-families.ts'
import { serviceTypeOf, takesNodePorts, withSpec } from './service-spec.ts'
import { prepareServiceUpdate } from './service-update.ts'
import { addressesOf, nodePortsOf, type ServiceAllocator } from './service-allocator.ts'

const GROUP_KIND = { group: '', kind: 'Service' }

export const SERVICE_HOOKS: Partial<KindHooks> = {
  prepareCreate: (object) => withMembers(object, { status: { loadBalancer: {} } }),
  prepareUpdate: prepareServiceUpdate,
  reserve,
}

/** Allots the ClusterIPs and the node ports that are asked for or missing. */
function reserve(object: KubeObject, old: KubeObject | undefined, context: ServerContext): Reservation {
  if (serviceTypeOf(object) === 'ExternalName') return { object, release: () => {} }
  const { services } = context
  const held: (() => void)[] = []
  const release = () => held.forEach((free) => free())
  try {
    const { object: known, errors } = withFamilies(object, old, services.families)
    if (errors.length > 0) throw invalid(GROUP_KIND, object.metadata.name, errors)
    const addressed = withAddresses(known, old, services, held)
    return {
      object: takesNodePorts(object) ? withNodePorts(addressed, old, services, held) : addressed,
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

/** One address of each of its families, as asked for or free. */
function withAddresses(
  object: KubeObject,
  old: KubeObject | undefined,
  services: ServiceAllocator,
  held: (() => void)[],
): KubeObject {
  const wanted = clusterIpsOf(object)
  if (wanted[0] === 'None') return withSpec(object, { clusterIP: 'None', clusterIPs: ['None'] })
  const before = old === undefined ? [] : addressesOf(old)
  const families = listAt(object.spec, 'ipFamilies') as readonly IpFamily[]
  const clusterIPs = families.map((family, index) => {
    const asked = wanted[index] ?? before.slice(index).find((address) => familyOf(address) === family)
    if (asked !== undefined && before.includes(asked)) return asked
    if (asked !== undefined) checkAddress(object, asked, services)
    const address = asked ?? services.freeAddress(family)
    if (address === undefined) throw internalError('failed to allocate IP: range is full')
    held.push(services.hold([address], []))
    return address
  })
  return withSpec(object, {
    clusterIP: clusterIPs[0],
    clusterIPs,
    internalTrafficPolicy: stringAt(object.spec, 'internalTrafficPolicy') ?? 'Cluster',
  })
}

function checkAddress(object: KubeObject, address: string, services: ServiceAllocator): void {
  const refuse = (detail: string) =>
    invalid(GROUP_KIND, object.metadata.name, [
      { type: 'Invalid value', path: 'spec.clusterIPs', value: clusterIpsOf(object), detail },
    ])
  if (!services.isAddressInRange(address)) {
    throw refuse(`failed to allocate IP ${address}: the provided network does not match the current range`)
  }
  if (!services.isAddressFree(address)) {
    throw refuse(`failed to allocate IP ${address}: provided IP is already allocated`)
  }
}

function withNodePorts(
  object: KubeObject,
  old: KubeObject | undefined,
  services: ServiceAllocator,
  held: (() => void)[],
): KubeObject {
  const kept = new Set(old ? nodePortsOf(old) : [])
  const byNumber = new Map<number, number>()
  const ports = listAt(object.spec, 'ports').map((port, index) => {
    if (!isObject(port)) return port
    const wanted = typeof port['nodePort'] === 'number' && port['nodePort'] > 0 ? port['nodePort'] : undefined
    if (wanted !== undefined && !kept.has(wanted) && ![...byNumber.values()].includes(wanted)) {
      checkPort(object, index, wanted, services)
      held.push(services.hold([], [wanted]))
    }
    // One number serves TCP and UDP of the same Service port.
    const nodePort = wanted ?? byNumber.get(Number(port['port'])) ?? allotPort(services, held)
    byNumber.set(Number(port['port']), nodePort)
    return { ...port, nodePort }
  })
  return withSpec(object, { ports })
}

function allotPort(services: ServiceAllocator, held: (() => void)[]): number {
  const port = services.freePort()
  if (port === undefined) throw internalError('failed to allocate a nodePort: range is full')
  held.push(services.hold([], [port]))
  return port
}

function checkPort(object: KubeObject, index: number, port: number, services: ServiceAllocator): void {
  const refuse = (detail: string) =>
    invalid(GROUP_KIND, object.metadata.name, [
      { type: 'Invalid value', path: `spec.ports[${index}].nodePort`, value: port, detail },
    ])
  if (!services.isPortInRange(port)) {
    throw refuse(
      `provided port is not in the valid range. The range of valid ports is ${services.describe.ports}`,
    )
  }
  if (!services.isPortFree(port)) throw refuse('provided port is already allocated')
}
