import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, show, stringAt, withMembers } from '../json.ts'
import { forbidden } from '../status-error.ts'
import type { AdmissionRequest, MutationRequest } from './types.ts'

const CLASSES = 'scheduling.k8s.io/priorityclasses'

/** Resolves a new pod's class into its priority. @throws StatusError 403 for a class that does not exist */
export function applyPriority(store: Store, request: MutationRequest): KubeObject {
  const { asked, operation, object } = request
  if (operation !== 'CREATE' || asked.resource.collection !== 'core/pods' || asked.path.subresource !== '') {
    return object
  }
  const refuse = (detail: string) => forbidden(asked.resource.info, object.metadata.name, detail)
  const name = stringAt(object.spec, 'priorityClassName') ?? ''
  const found =
    name === '' ? globalDefault(store) : store.get({ collection: CLASSES, namespace: '', name })?.object
  if (name !== '' && !found) throw refuse(`no PriorityClass with name ${name} was found`)
  const priority = Number(at(found, 'value') ?? 0)
  const preemptionPolicy = stringAt(found, 'preemptionPolicy') ?? 'PreemptLowerPriority'
  const given = at(object.spec, 'priority') ?? priority
  if (given !== priority) {
    throw refuse(
      `the integer value of priority (${show(given)}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    )
  }
  const policy = stringAt(object.spec, 'preemptionPolicy')
  if (policy !== undefined && policy !== preemptionPolicy) {
    throw refuse(
      `the string value of PreemptionPolicy (${policy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    )
  }
  const spec = withMembers(object.spec ?? {}, {
    ...(found ? { priorityClassName: found.metadata.name } : {}),
    priority,
    preemptionPolicy,
  })
  return { ...object, spec }
}

/** @throws StatusError 403 when there would be two default classes */
export function checkPriorityClass(store: Store, { asked, object, operation }: AdmissionRequest): void {
  if (asked.resource.collection !== CLASSES || operation === 'DELETE' || at(object, 'globalDefault') !== true)
    return
  const other = globalDefault(store)
  const name = object?.metadata.name ?? ''
  if (!other || other.metadata.name === name) return
  const detail = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`
  throw forbidden(asked.resource.info, name, detail)
}

/** The class of pods that name none: the lowest of those that claim to be it. */
function globalDefault(store: Store): KubeObject | undefined {
  const listed = store.list({ collection: CLASSES })
  const classes = (listed.kind === 'listed' ? listed.objects : []).map(({ object }) => object)
  const defaults = classes.filter((one) => at(one, 'globalDefault') === true)
  return defaults.sort((a, b) => Number(at(a, 'value')) - Number(at(b, 'value')))[0]
}
