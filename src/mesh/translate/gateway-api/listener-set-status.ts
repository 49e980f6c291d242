import type { ListenerName } from '../../../model/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import { condition, type StatusUpdate } from '../status.ts'
import { type JudgedGateway, type Outcome, unservedListeners } from './gateway-verdict.ts'
import { listenerReport } from './listener-conditions.ts'
import type { ListenerSetState } from './listener-set.ts'
import { isServable } from './listener-state.ts'

/** What the owners of a Gateway's ListenerSets are told. */
export function listenerSetStatuses(
  gateway: JudgedGateway,
  attachedRoutes: ReadonlyMap<ListenerName, number>,
): readonly StatusUpdate[] {
  return gateway.state.sets.map((set) => {
    const { key, namespace, name, generation } = set
    const accepted = acceptedOutcome(set, gateway)
    return {
      key: `ListenerSet/${key}`,
      kind: RESOURCE_KINDS.listenerSet,
      namespace,
      name,
      observedGeneration: generation,
      status: {
        conditions: [
          condition(generation, 'Accepted', accepted),
          condition(generation, 'Programmed', programmedOutcome(accepted, gateway)),
        ],
        listeners: set.listeners.map((listener) =>
          listenerReport(listener, { generation, isAccepted: accepted.status }, attachedRoutes),
        ),
      },
    }
  })
}

/** Gateway API: those that are accepted count as attached. */
export function attachedSets(gateway: JudgedGateway): number {
  return gateway.state.sets.filter((set) => acceptedOutcome(set, gateway).status).length
}

function acceptedOutcome(set: ListenerSetState, { state, accepted }: JudgedGateway): Outcome {
  if (set.denied !== undefined) return { status: false, reason: 'NotAllowed', message: set.denied }
  const unserved = unservedListeners(set.listeners)
  if (!set.listeners.some(isServable)) {
    return { status: false, reason: 'ListenersNotValid', message: unserved ?? 'It has no listeners' }
  }
  if (!accepted.status) {
    const message = `Gateway ${state.key} is not accepted; see its conditions`
    return { status: false, reason: 'ParentNotAccepted', message }
  }
  if (unserved === undefined) return { status: true, reason: 'Accepted', message: 'All listeners are valid' }
  return { status: true, reason: 'ListenersNotValid', message: unserved }
}

function programmedOutcome(accepted: Outcome, { state, programmed }: JudgedGateway): Outcome {
  if (!accepted.status) {
    const reason = accepted.reason === 'ParentNotAccepted' ? 'ParentNotProgrammed' : accepted.reason
    return { status: false, reason, message: accepted.message }
  }
  if (programmed.status) return { status: true, reason: 'Programmed', message: programmed.message }
  const message = `Gateway ${state.key} is not programmed yet; see its conditions`
  return { status: false, reason: 'ParentNotProgrammed', message }
}
