import { matchesLabels } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, type JsonObject, listAt, stringAt, textsAt } from '../json.ts'
import type { Resources, ServedResource } from '../resources.ts'
import type { AdmissionRequest } from './types.ts'

/** What a webhook or a policy says about the requests that it is for. */
export interface MatchTerms {
  readonly rules: readonly unknown[]
  readonly excludedRules?: readonly unknown[]
  readonly matchPolicy: unknown
  readonly namespaceSelector: unknown
  readonly objectSelector: unknown
}

/** @returns the version of the resource in which the request is wanted, undefined where it is not */
export function matchRequest(
  { store, resources }: { readonly store: Store; readonly resources: Resources },
  terms: MatchTerms,
  request: AdmissionRequest,
): ServedResource | undefined {
  const { resource } = request.asked
  const versions =
    terms.matchPolicy === 'Exact' ? [resource] : [resource, ...resources.versionsOf(resource.info)]
  const isIn = (rules: readonly unknown[], version: ServedResource) =>
    rules.some((rule) => matchesRule(rule, version, request))
  const excluded = terms.excludedRules ?? []
  if (versions.some((version) => isIn(excluded, version))) return undefined
  const matched = versions.find((version) => isIn(terms.rules, version))
  if (!matched || !matchesNamespace(store, terms.namespaceSelector, request)) return undefined
  return matchesObject(terms.objectSelector, request) ? matched : undefined
}

/** The terms as policies and their bindings write them; a binding may leave the rules out. */
export function termsOf(match: unknown, rules = listAt(match, 'resourceRules')): MatchTerms {
  return {
    rules,
    excludedRules: listAt(match, 'excludeResourceRules'),
    matchPolicy: at(match, 'matchPolicy'),
    namespaceSelector: at(match, 'namespaceSelector'),
    objectSelector: at(match, 'objectSelector'),
  }
}

function matchesRule(
  rule: unknown,
  resource: ServedResource,
  { asked, operation, object }: AdmissionRequest,
): boolean {
  const { group, version, plural, namespaced } = resource.info
  const scope = stringAt(rule, 'scope') ?? '*'
  return (
    includesOrAll(listAt(rule, 'apiGroups'), group) &&
    includesOrAll(listAt(rule, 'operations'), operation) &&
    includesOrAll(listAt(rule, 'apiVersions'), version) &&
    (scope === '*' || (scope === 'Namespaced') === namespaced) &&
    matchesName(listAt(rule, 'resourceNames'), object?.metadata.name ?? asked.path.name) &&
    listAt(rule, 'resources').some((pattern) =>
      matchesResource(String(pattern), plural, asked.path.subresource),
    )
  )
}

function includesOrAll(list: readonly unknown[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}

// Forms: pods, pods/status, pods/*, *, */*, */status.
function matchesResource(pattern: string, plural: string, subresource: string): boolean {
  const [wantedPlural, wantedSub] = pattern.split('/')
  if (wantedPlural !== '*' && wantedPlural !== plural) return false
  if (wantedSub === undefined) return subresource === ''
  return wantedSub === '*' || wantedSub === subresource
}

/** No names are all names. */
function matchesName(names: readonly unknown[], name: string): boolean {
  return names.length === 0 || names.includes(name)
}

function isSelecting(selector: unknown): selector is JsonObject {
  return isObject(selector) && Object.keys(selector).length > 0
}

function matchesNamespace(
  store: Store,
  selector: unknown,
  { asked, object, old }: AdmissionRequest,
): boolean {
  if (!isSelecting(selector)) return true
  if (asked.resource.collection === 'core/namespaces') {
    return matchesLabels(selector, textsAt(object ?? old, 'metadata', 'labels'))
  }
  if (!asked.resource.info.namespaced) return true
  const namespace = store.get({ collection: 'core/namespaces', namespace: '', name: asked.path.namespace })
  return matchesLabels(selector, namespace?.object.metadata.labels)
}

function matchesObject(selector: unknown, { object, old }: AdmissionRequest): boolean {
  if (!isSelecting(selector)) return true
  return [object, old].some(
    (each) => each && matchesLabels(selector, textsAt(at(each, 'metadata'), 'labels')),
  )
}
