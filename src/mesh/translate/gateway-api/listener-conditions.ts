import { unreachable } from '../../../base/index.ts'
import type { ListenerName } from '../../../model/index.ts'
import { condition, type ConditionIntent } from '../status.ts'
import { isServable, type ListenerFault, type ListenerState } from './listener-state.ts'

interface Outcome {
  readonly status: boolean
  readonly reason: string
  readonly message: string
}

/** What the status of a Gateway or ListenerSet says of one of its listeners. */
export interface ListenerReport {
  readonly name: string
  readonly attachedRoutes: number
  readonly supportedKinds: ListenerState['supportedKinds']
  readonly conditions: readonly ConditionIntent[]
}

export function listenerReport(
  listener: ListenerState,
  owner: { readonly generation: number; readonly isAccepted: boolean },
  attachedRoutes: ReadonlyMap<ListenerName, number>,
): ListenerReport {
  return {
    name: listener.name,
    attachedRoutes: attachedRoutes.get(listener.key) ?? 0,
    supportedKinds: listener.supportedKinds,
    conditions: listenerConditions(listener, owner),
  }
}

const NO_ERRORS = 'No errors found'

function listenerConditions(
  listener: ListenerState,
  { generation, isAccepted }: { readonly generation: number; readonly isAccepted: boolean },
): readonly ConditionIntent[] {
  const { fault, overlap } = listener
  return [
    condition(
      generation,
      'Accepted',
      fault === undefined
        ? { status: true, reason: 'Accepted', message: NO_ERRORS }
        : { status: false, reason: faultReason(fault), message: fault.message },
    ),
    condition(
      generation,
      'Conflicted',
      fault !== undefined && isConflict(fault)
        ? { status: true, reason: faultReason(fault), message: fault.message }
        : { status: false, reason: 'NoConflicts', message: NO_ERRORS },
    ),
    condition(generation, 'Programmed', programmedOutcome(listener, isAccepted)),
    condition(generation, 'ResolvedRefs', resolvedOutcome(listener)),
    // Of negative polarity: the Gateway API has it absent rather than false.
    ...(overlap === undefined
      ? []
      : [condition(generation, 'OverlappingTLSConfig', { status: true, ...overlap })]),
  ]
}

function programmedOutcome(listener: ListenerState, isAccepted: boolean): Outcome {
  const { fault, referenceFault, supportedKinds } = listener
  if (isServable(listener) && isAccepted && supportedKinds.length > 0) {
    return { status: true, reason: 'Programmed', message: NO_ERRORS }
  }
  const message = fault?.message ?? (isServable(listener) ? undefined : referenceFault?.message)
  return {
    status: false,
    reason: fault !== undefined && isConflict(fault) ? faultReason(fault) : 'Invalid',
    message:
      message ??
      (isAccepted ? 'No kind of route can be attached' : 'What the listener belongs to is not accepted'),
  }
}

function resolvedOutcome({
  referenceFault,
  kindsValid,
  fault,
  protocol,
  supportedKinds,
}: ListenerState): Outcome {
  if (referenceFault !== undefined) return { status: false, ...referenceFault }
  // A protocol that is not known has no kinds to judge by.
  if (kindsValid || fault?.kind === 'unsupported-protocol') {
    return { status: true, reason: 'ResolvedRefs', message: NO_ERRORS }
  }
  const served = supportedKinds.map(({ kind }) => kind).join(', ')
  return {
    status: false,
    reason: 'InvalidRouteKinds',
    message: `allowedRoutes.kinds names a kind that a listener of protocol ${protocol} cannot serve${served === '' ? '' : `; it serves ${served}`}`,
  }
}

function isConflict({ kind }: ListenerFault): boolean {
  return kind === 'protocol-conflict' || kind === 'hostname-conflict'
}

function faultReason({ kind }: ListenerFault): string {
  switch (kind) {
    case 'protocol-conflict':
      return 'ProtocolConflict'
    case 'hostname-conflict':
      return 'HostnameConflict'
    case 'unsupported-protocol':
      return 'UnsupportedProtocol'
    case 'no-valid-ca-certificate':
      return 'NoValidCACertificate'
    default:
      return unreachable(kind)
  }
}
