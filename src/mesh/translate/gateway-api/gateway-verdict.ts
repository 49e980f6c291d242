import type { Deployment, Service as KubeService } from '../../../kube/index.ts'
import type { MeshSettings } from '../settings.ts'
import { serviceHostname } from '../names.ts'
import { allListeners, type GatewayState } from './gateway.ts'
import { isServable, type ListenerState } from './listener-state.ts'

export interface GatewayStatusContext {
  readonly service: (key: string) => KubeService | undefined
  readonly deployment: (key: string) => Deployment | undefined
  readonly settings: MeshSettings
}

export interface Outcome {
  readonly status: boolean
  readonly reason: string
  readonly message: string
}

/** A Gateway with what is decided of it as a whole. */
export interface JudgedGateway {
  readonly state: GatewayState
  readonly addresses: Placed['addresses']
  readonly accepted: Outcome
  readonly programmed: Outcome
}

export function judgeGateway(state: GatewayState, context: GatewayStatusContext): JudgedGateway {
  const placed = placeGateway(state, context)
  const accepted = acceptedOutcome(state)
  return {
    state,
    addresses: placed.addresses,
    accepted,
    programmed: programmedOutcome(state, accepted, placed),
  }
}

/** One bad listener does not stop the others: the Gateway is accepted while any of its listeners is. */
function acceptedOutcome(state: GatewayState): Outcome {
  if (state.fault !== undefined) {
    return { status: false, reason: state.fault.reason, message: state.fault.message }
  }
  const unserved = unservedListeners(state.listeners)
  if (unserved === undefined) return { status: true, reason: 'Accepted', message: 'All listeners are valid' }
  const isAccepted = allListeners(state).some(({ fault }) => fault === undefined)
  return { status: isAccepted, reason: 'ListenersNotValid', message: unserved }
}

/** @returns what to say of those that do not serve; undefined: all do */
export function unservedListeners(listeners: readonly ListenerState[]): string | undefined {
  const names = listeners.flatMap((listener) => (isServable(listener) ? [] : [listener.name]))
  return names.length === 0
    ? undefined
    : `Not served: ${names.join(', ')}; see the conditions of the listeners`
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
  const requested = requestedAddresses(state)
  // A Service may be given addresses beside the one that was asked for.
  const bound = requested.length === 0 ? unique : unique.filter(({ value }) => requested.includes(value))
  return { addresses: bound, services: keys, missing: missingPart(state, keys, unique.length, context) }
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
  if (!allListeners(state).some(isServable)) {
    return { status: false, reason: 'Invalid', message: accepted.message }
  }
  const unmet = requestedAddresses(state).filter(
    (wanted) => !placed.addresses.some((given) => given.value === wanted),
  )
  if (unmet.length > 0) {
    const message = `Not assigned: ${unmet.join(', ')}; a load balancer gives one address, which has to be free and of its pool: change or remove spec.addresses`
    return { status: false, reason: 'AddressNotUsable', message }
  }
  if (placed.missing !== undefined) {
    const reason = placed.addresses.length === 0 ? 'AddressNotAssigned' : 'Pending'
    return { status: false, reason, message: placed.missing }
  }
  return { status: true, reason: 'Programmed', message: `Served by ${placed.services.join(', ')}` }
}

/** The addresses that were asked for by value; names are those of Services. */
function requestedAddresses(state: GatewayState): readonly string[] {
  return state.requestedAddresses.flatMap(({ type, value = '' }) => (type === 'Hostname' ? [] : [value]))
}
