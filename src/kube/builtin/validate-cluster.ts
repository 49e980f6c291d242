/** Nodes, events and leases. */
import { getList, getNumber, getPath, getRecord, getString, type JsonRecord } from '../json.ts'
import { type FieldError, forbidden, invalid } from '../schema/field-error.ts'
import { checkAmount } from './validate-resources.ts'
import { checkCidr } from './checks.ts'
import { validateTaints } from './validate-scheduling.ts'

export function validateNode(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const amounts = ['capacity', 'allocatable'].flatMap((field) =>
    Object.entries(getRecord(object, 'status', field) ?? {}).flatMap(([name, amount]) =>
      checkAmount(name, amount, `status.${field}.${name}`),
    ),
  )
  return [
    ...validateTaints(getList(object, 'spec', 'taints'), 'metadata.taints'),
    ...amounts,
    ...getList(object, 'spec', 'podCIDRs').flatMap((cidr, index) =>
      checkCidr(cidr, `spec.podCIDRs[${index}]`),
    ),
    ...(old ? validateNodeUpdate(object, old) : []),
  ]
}

/** What a node was given, it keeps. */
function validateNodeUpdate(object: JsonRecord, old: JsonRecord): readonly FieldError[] {
  const isMoved = (field: string) => {
    const before = getString(old, 'spec', field) ?? ''
    return before !== '' && before !== (getString(object, 'spec', field) ?? '')
  }
  return [
    ...(isMoved('podCIDR')
      ? [forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')]
      : []),
    ...(isMoved('providerID')
      ? [forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')]
      : []),
  ]
}

/** An event stands in the namespace of what it is about; of what has none, in `default` or `kube-system`. */
export function validateEvent(object: JsonRecord): readonly FieldError[] {
  const namespace = getString(object, 'metadata', 'namespace') ?? ''
  const about =
    getString(object, 'involvedObject', 'namespace') ?? getString(object, 'regarding', 'namespace') ?? ''
  const isHome = namespace === '' || namespace === 'default' || namespace === 'kube-system'
  if (about === namespace || (about === '' && isHome)) return []
  return [invalid('involvedObject.namespace', about, 'does not match event.namespace')]
}

export function validateLease(object: JsonRecord): readonly FieldError[] {
  const spec = getRecord(object, 'spec')
  const seconds = getNumber(spec, 'leaseDurationSeconds')
  const transitions = getNumber(spec, 'leaseTransitions')
  const holder = getString(spec, 'preferredHolder') ?? ''
  const hasStrategy = (getString(spec, 'strategy') ?? '') !== ''
  return [
    ...(seconds !== undefined && seconds <= 0
      ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
      : []),
    ...(transitions !== undefined && transitions < 0
      ? [invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0')]
      : []),
    ...(holder !== '' && !hasStrategy && getPath(spec, 'strategy') === undefined
      ? [forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')]
      : []),
  ]
}
