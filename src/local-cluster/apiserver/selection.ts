import type { Result } from '../../base/index.ts'
import { goQuote, type KubeObject, parseFieldSelector, parseLabelSelector } from '../../kube/index.ts'
import type { ServedResource } from './resources.ts'
import { badRequest, type StatusError } from './status-error.ts'

/** Which objects of a collection a list, watch or deletecollection is about. */
export interface Selection {
  readonly matches: (object: KubeObject) => boolean
  readonly isEverything: boolean
}

const EVERYTHING: Selection = { matches: () => true, isEverything: true }

/** Fields of a kind that may be selected by, beside `metadata.name` and `metadata.namespace`. */
const SELECTABLE: Readonly<Record<string, readonly string[]>> = {
  'core/pods': [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  'core/events': [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  'core/namespaces': ['status.phase'],
  'core/nodes': ['spec.unschedulable'],
  'core/secrets': ['type'],
  'core/services': ['spec.clusterIP', 'spec.type'],
  'core/replicationcontrollers': ['status.replicas'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
}

/** @throws StatusError 400 for selectors that cannot be read or fields that cannot be selected by */
export function parseSelection(resource: ServedResource, query: URLSearchParams): Selection {
  const labelText = query.get('labelSelector') ?? ''
  const fieldText = query.get('fieldSelector') ?? ''
  if (labelText === '' && fieldText === '') return EVERYTHING
  const labels = unwrap(parseLabelSelector(labelText))
  const fields = unwrap(parseFieldSelector(fieldText))
  for (const { field } of fields.requirements) {
    if (!isSelectable(resource, field)) throw notSelectable(resource, field)
  }
  return {
    isEverything: false,
    matches: (object) => labels.matches(object.metadata.labels) && fields.matches(object),
  }
}

/** Kinds that select by more than their names have words of their own. */
function notSelectable({ collection, isCustom }: ServedResource, field: string): StatusError {
  if (isCustom || Object.hasOwn(SELECTABLE, collection))
    return badRequest(`field label not supported: ${field}`)
  return badRequest(
    `${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  )
}

function isSelectable(resource: ServedResource, path: string): boolean {
  if (path === 'metadata.name' || path === 'metadata.namespace') return true
  return (resource.info.selectableFields ?? SELECTABLE[resource.collection] ?? []).includes(path)
}

function unwrap<T>(result: Result<T, string>): T {
  if (result.ok) return result.value
  throw badRequest(result.error)
}
