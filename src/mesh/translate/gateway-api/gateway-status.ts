import type { Deployment, Service as KubeService } from '../../../kube/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import type { MeshSettings } from '../settings.ts'
import { serviceHostname } from '../names.ts'
import { condition, type ConditionIntent, type StatusUpdate } from '../status.ts'
import type { GatewayState } from './gateway.ts'
import type { ListenerState } from './listener-state.ts'

export interface GatewayStatusContext {
  readonly service: (key: string) => KubeService | undefined
  readonly deployment: (key: string) => Deployment | undefined
  /** Routes attached per listener name. */
  readonly attachedRoutes: ReadonlyMap<string, number>
  readonly settings: MeshSettings
}

interface Outcome {
  readonly status: boolean
  readonly reason: string
  readonly message: string
}

const NO_ERRORS = 'No errors found'

export function gatewayStatus(state: GatewayState, context: GatewayStatusContext): StatusUpdate {
  const placed = placeGateway(state, context)
  const { generation } = state
  const accepted = acceptedOutcome(state)
  return {
    key: `Gateway/${state.namespace}/${state.name}`,
    kind: RESOURCE_KINDS.gateway,
    namespace: state.namespace,
    name: state.name,
    observedGeneration: generation,
    status: {
      addresses: placed.addresses,
      conditions: [
        condition(generation, 'Accepted', accepted),
        condition(generation, 'Programmed', programmedOutcome(state, accepted, placed)),
        ...resolvedRefs(state),
      ],
      listeners: state.listeners.map((listener) => ({
        name: listener.name,
        attachedRoutes: context.attachedRoutes.get(listener.name) ?? 0,
        supportedKinds: listener.supportedKinds,
        conditions: listenerConditions(listener, generation, accepted.status),
      })),
    },
  }
}

/** One bad listener does not stop the others: the Gateway is accepted while any of them serves. */
function acceptedOutcome(state: GatewayState): Outcome {
  if (state.fault !== undefined) {
    return { status: false, reason: state.fault.reason, message: state.fault.message }
  }
  const faulty = state.listeners.filter((listener) => listener.fault !== undefined)
  if (faulty.length === 0) return { status: true, reason: 'Accepted', message: 'All listeners are valid' }
  const names = faulty.map((listener) => listener.name).join(', ')
  return {
    status: faulty.length < state.listeners.length,
    reason: 'ListenersNotValid',
    message: `Not served: ${names}; see the conditions of the listeners`,
  }
}

/** Said only where the Gateway itself refers to something. */
function resolvedRefs({ generation, backendCertificate }: GatewayState): readonly ConditionIntent[] {
  if (backendCertificate === undefined) return []
  const { fault } = backendCertificate
  const outcome =
    fault === undefined
      ? { status: true, reason: 'ResolvedRefs', message: 'All references resolved' }
      : { status: false, ...fault }
  return [condition(generation, 'ResolvedRefs', outcome)]
}

interface Placed {
  readonly addresses: readonly { readonly type: 'IPAddress' | 'Hostname'; readonly value: string }[]
  readonly services: readonly string[]
  /** Why there is no address to call yet. */
  readonly missing: string | undefined
}

function placeGateway(state: GatewayState, context: GatewayStatusContext): Placed {
  const { placement } = state
  const keys = placement.kind === 'managed' ? [`${state.namespace}/${placement.name}`] : placement.services
  const addresses = keys.flatMap((key) => serviceAddresses(key, context))
  const unique = [...new Map(addresses.map((address) => [address.value, address])).values()]
  return { addresses: unique, services: keys, missing: missingPart(state, keys, unique.length, context) }
}

function serviceAddresses(key: string, context: GatewayStatusContext): Placed['addresses'] {
  const service = context.service(key)
  if (service === undefined) return []
  const [namespace = '', name = ''] = key.split('/')
  if (service.spec.type !== 'LoadBalancer') {
    return [{ type: 'Hostname', value: serviceHostname(name, namespace, context.settings) }]
  }
  return (service.status?.loadBalancer?.ingress ?? []).flatMap((ingress): Placed['addresses'] => {
    if (ingress.ip !== undefined && ingress.ip !== '') return [{ type: 'IPAddress', value: ingress.ip }]
    return ingress.hostname === undefined ? [] : [{ type: 'Hostname', value: ingress.hostname }]
  })
}

function missingPart(
  state: GatewayState,
  keys: readonly string[],
  addresses: number,
  context: GatewayStatusContext,
): string | undefined {
  const absent = keys.find((key) => context.service(key) === undefined)
  if (keys.length === 0) return 'spec.addresses names no Service of this cluster'
  if (absent !== undefined) return `Service ${absent} does not exist yet`
  if (addresses === 0) return `Service ${keys.join(', ')} has no load balancer address yet`
  if (state.placement.kind !== 'managed') return undefined
  const key = `${state.namespace}/${state.placement.name}`
  const available = context.deployment(key)?.status?.availableReplicas ?? 0
  return available > 0 ? undefined : `Deployment ${key} has no available replica yet`
}

function programmedOutcome(state: GatewayState, accepted: Outcome, placed: Placed): Outcome {
  if (!accepted.status) return { status: false, reason: 'Invalid', message: accepted.message }
  const unmet = state.requestedAddresses.filter(
    (wanted) => wanted.type !== 'Hostname' && !placed.addresses.some((given) => given.value === wanted.value),
  )
  if (placed.addresses.length > 0 && unmet.length > 0) {
    const values = unmet.map((address) => address.value).join(', ')
    return { status: false, reason: 'AddressNotUsable', message: `Could not be assigned: ${values}` }
  }
  if (placed.missing !== undefined) {
    const reason = placed.addresses.length === 0 ? 'AddressNotAssigned' : 'Pending'
    return { status: false, reason, message: placed.missing }
  }
  return { status: true, reason: 'Programmed', message: `Served by ${placed.services.join(', ')}` }
}

function listenerConditions(
  listener: ListenerState,
  generation: number,
  gatewayAccepted: boolean,
): readonly ConditionIntent[] {
  const { fault } = listener
  const conflict = fault?.kind === 'protocol-conflict' || fault?.kind === 'hostname-conflict'
  const reason = faultReason(fault?.kind)
  const certificates = listener.certificateFault
  const hasMaterial = certificates === undefined || listener.tls !== undefined
  const serves = fault === undefined && gatewayAccepted && listener.supportedKinds.length > 0 && hasMaterial
  const invalidKinds: Outcome = {
    status: false,
    reason: 'InvalidRouteKinds',
    message: 'allowedRoutes.kinds names a kind that this listener cannot serve',
  }
  return [
    condition(
      generation,
      'Accepted',
      fault === undefined
        ? { status: true, reason: 'Accepted', message: NO_ERRORS }
        : { status: false, reason, message: fault.message },
    ),
    condition(
      generation,
      'Conflicted',
      conflict
        ? { status: true, reason, message: fault.message }
        : { status: false, reason: 'NoConflicts', message: NO_ERRORS },
    ),
    condition(
      generation,
      'Programmed',
      serves
        ? { status: true, reason: 'Programmed', message: NO_ERRORS }
        : {
            status: false,
            reason: conflict ? reason : 'Invalid',
            message: fault?.message ?? certificates?.message ?? 'Nothing to serve',
          },
    ),
    condition(
      generation,
      'ResolvedRefs',
      // A protocol that is not served has no kinds to judge by.
      certificates !== undefined
        ? { status: false, ...certificates }
        : listener.kindsValid || fault?.kind === 'unsupported-protocol'
          ? { status: true, reason: 'ResolvedRefs', message: NO_ERRORS }
          : invalidKinds,
    ),
  ]
}

function faultReason(kind: 'unsupported-protocol' | 'protocol-conflict' | 'hostname-conflict' | undefined) {
  switch (kind) {
    case 'protocol-conflict':
      return 'ProtocolConflict'
    case 'hostname-conflict':
      return 'HostnameConflict'
    default:
      return 'UnsupportedProtocol'
  }
}
