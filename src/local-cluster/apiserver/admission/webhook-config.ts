import { matchesLabels } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, type JsonObject, listAt, stringAt, textsAt } from '../json.ts'
import type { Resources, ServedResource } from '../resources.ts'
import type { AdmissionRequest } from './types.ts'

/** One webhook of a configuration, with its defaults filled in. */
export interface Webhook {
  /** `<configuration>/<webhook>`, for log lines and to call each once */
  readonly id: string
  readonly name: string
  readonly clientConfig: JsonObject
  readonly failurePolicy: 'Fail' | 'Ignore'
  readonly timeoutSeconds: number
  readonly reinvokes: boolean
  readonly hasSideEffects: boolean
  readonly raw: JsonObject
}

export type WebhookKind = 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations'

const GROUP = 'admissionregistration.k8s.io'

/** All webhooks of a kind, by the name of their configuration, then in its order. */
export function listWebhooks(store: Store, kind: WebhookKind): readonly Webhook[] {
  if (store.count(`${GROUP}/${kind}`) === 0) return []
  const listed = store.list({ collection: `${GROUP}/${kind}` })
  if (listed.kind !== 'listed') return []
  return listed.objects.flatMap(({ object }) =>
    listAt(object, 'webhooks')
      .filter(isObject)
      .map((raw) => toWebhook(object.metadata.name, raw)),
  )
}

function toWebhook(configuration: string, raw: JsonObject): Webhook {
  const name = stringAt(raw, 'name') ?? ''
  const timeout = raw['timeoutSeconds']
  const sideEffects = stringAt(raw, 'sideEffects')
  return {
    id: `${configuration}/${name}`,
    name,
    clientConfig: isObject(raw['clientConfig']) ? raw['clientConfig'] : {},
    failurePolicy: raw['failurePolicy'] === 'Ignore' ? 'Ignore' : 'Fail',
    timeoutSeconds: typeof timeout === 'number' ? Math.min(30, Math.max(1, timeout)) : 10,
    reinvokes: raw['reinvocationPolicy'] === 'IfNeeded',
    hasSideEffects: sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun',
    raw,
  }
}

/** A webhook that wants to see a request, and the version of the resource that it knows. */
export interface Match {
  readonly webhook: Webhook
  readonly resource: ServedResource
}

export function matchWebhook(
  store: Store,
  resources: Resources,
  webhook: Webhook,
  request: AdmissionRequest,
): Match | undefined {
  const { resource } = request.asked
  // A webhook that breaks its own configuration could not be removed any more.
  if (resource.info.group === GROUP && resource.info.plural.endsWith('webhookconfigurations'))
    return undefined
  const versions =
    webhook.raw['matchPolicy'] === 'Exact' ? [resource] : [resource, ...resources.versionsOf(resource.info)]
  const matched = versions.find((version) =>
    listAt(webhook.raw, 'rules').some((rule) => matchesRule(rule, version, request)),
  )
  if (!matched || !matchesNamespace(store, webhook, request) || !matchesObject(webhook, request))
    return undefined
  return { webhook, resource: matched }
}

function matchesRule(
  rule: unknown,
  resource: ServedResource,
  { asked, operation }: AdmissionRequest,
): boolean {
  const { group, version, plural, namespaced } = resource.info
  const scope = stringAt(rule, 'scope') ?? '*'
  return (
    includesOrAll(listAt(rule, 'operations'), operation) &&
    includesOrAll(listAt(rule, 'apiGroups'), group) &&
    includesOrAll(listAt(rule, 'apiVersions'), version) &&
    (scope === '*' || (scope === 'Namespaced') === namespaced) &&
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

function matchesNamespace(store: Store, webhook: Webhook, { asked, object, old }: AdmissionRequest): boolean {
  const selector = webhook.raw['namespaceSelector']
  if (!isObject(selector) || Object.keys(selector).length === 0) return true
  if (asked.resource.collection === 'core/namespaces') {
    return matchesLabels(selector, textsAt(object ?? old, 'metadata', 'labels'))
  }
  if (!asked.resource.info.namespaced) return true
  const namespace = store.get({ collection: 'core/namespaces', namespace: '', name: asked.path.namespace })
  return matchesLabels(selector, namespace?.object.metadata.labels)
}

function matchesObject(webhook: Webhook, { object, old }: AdmissionRequest): boolean {
  const selector = webhook.raw['objectSelector']
  if (!isObject(selector) || Object.keys(selector).length === 0) return true
  return [object, old].some(
    (each) => each && matchesLabels(selector, textsAt(at(each, 'metadata'), 'labels')),
  )
}
