import type { KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { isObject, type JsonObject, listAt, stringAt } from '../json.ts'
import type { Resources, ServedResource } from '../resources.ts'
import { matchRequest } from './match.ts'
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
  return listed.objects.flatMap(({ object }) => webhooksIn(object))
}

const read = new WeakMap<KubeObject, readonly Webhook[]>()

/** Every write asks for them; a configuration that is stored does not change. */
function webhooksIn(configuration: KubeObject): readonly Webhook[] {
  const known = read.get(configuration)
  if (known) return known
  const webhooks = listAt(configuration, 'webhooks')
    .filter(isObject)
    .map((raw) => toWebhook(configuration.metadata.name, raw))
  read.set(configuration, webhooks)
  return webhooks
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
  if (resource.info.group === GROUP) return undefined
  const matched = matchRequest(
    { store, resources },
    {
      rules: listAt(webhook.raw, 'rules'),
      matchPolicy: webhook.raw['matchPolicy'],
      namespaceSelector: webhook.raw['namespaceSelector'],
      objectSelector: webhook.raw['objectSelector'],
    },
    request,
  )
  return matched && { webhook, resource: matched }
}
