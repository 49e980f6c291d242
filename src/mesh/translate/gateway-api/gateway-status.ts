import type { ListenerName } from '../../../model/index.ts'
import { RESOURCE_KINDS } from '../../resources/index.ts'
import { condition, type ConditionIntent, type StatusUpdate } from '../status.ts'
import type { GatewayState } from './gateway.ts'
import type { JudgedGateway, Outcome } from './gateway-verdict.ts'
import { listenerReport } from './listener-conditions.ts'
import { attachedSets } from './listener-set-status.ts'

export function gatewayStatus(
  gateway: JudgedGateway,
  attachedRoutes: ReadonlyMap<ListenerName, number>,
): StatusUpdate {
  const { state, accepted } = gateway
  const { generation } = state
  return {
    key: `Gateway/${state.namespace}/${state.name}`,
    kind: RESOURCE_KINDS.gateway,
    namespace: state.namespace,
    name: state.name,
    observedGeneration: generation,
    status: {
      addresses: gateway.addresses,
      // Older definitions have no such member, and no such objects.
      attachedListenerSets: state.mentionsSets ? attachedSets(gateway) : undefined,
      conditions: [
        condition(generation, 'Accepted', accepted),
        condition(generation, 'Programmed', gateway.programmed),
        condition(generation, 'ResolvedRefs', resolvedOutcome(state)),
        ...insecureModes(state),
      ],
      listeners: state.listeners.map((listener) =>
        listenerReport(listener, { generation, isAccepted: accepted.status }, attachedRoutes),
      ),
    },
  }
}

/** Gateway API: what the Gateway itself names goes first, then it sums up its listeners. */
function resolvedOutcome({ backendCertificate, listeners }: GatewayState): Outcome {
  if (backendCertificate?.fault !== undefined) return { status: false, ...backendCertificate.fault }
  const unresolved = listeners.filter(
    ({ referenceFault, kindsValid, fault }) =>
      referenceFault !== undefined || (!kindsValid && fault?.kind !== 'unsupported-protocol'),
  )
  if (unresolved.length === 0) {
    return { status: true, reason: 'ResolvedRefs', message: 'All references resolved' }
  }
  const names = unresolved.map(({ name }) => name).join(', ')
  const message = `References of listeners cannot be resolved: ${names}; see their conditions`
  return { status: false, reason: 'ListenersNotResolved', message }
}

/** Of negative polarity: the Gateway API has it absent rather than false. */
function insecureModes({ generation, insecurePlaces }: GatewayState): readonly ConditionIntent[] {
  if (insecurePlaces.length === 0) return []
  const message = `Clients are let in without a good certificate, as mode AllowInsecureFallback says (${insecurePlaces.join(', ')}); set AllowValidOnly to have them checked`
  const outcome = { status: true, reason: 'ConfigurationChanged', message }
  return [condition(generation, 'InsecureFrontendValidationMode', outcome)]
}
