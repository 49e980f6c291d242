import { randomUUID } from 'node:crypto'
import { type Logger, messageOf } from '../../../base/index.ts'
import { applyJsonPatch, type KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { at, isObject, type JsonObject, listAt, sameJson, stringAt } from '../json.ts'
import { inVersion } from '../resource-request.ts'
import type { Resources } from '../resources.ts'
import { badRequest, failure, internalError } from '../status-error.ts'
import type { Evaluator } from './evaluate.ts'
import { describeRequest, objectsOf } from './review.ts'
import type { AdmissionRequest, MutationRequest } from './types.ts'
import type { WebhookClient } from './webhook-client.ts'
import { listWebhooks, type Match, matchWebhook, type Webhook } from './webhook-config.ts'

export interface WebhookDependencies {
  readonly store: Store
  readonly resources: Resources
  readonly client: WebhookClient
  readonly evaluator: Evaluator
  readonly logger: Logger
}

/** Tells the client something (a `Warning` header). */
type Warn = (message: string) => void

/**
 * Calls the mutating webhooks one after the other, each with what the one before made of the object.
 * @param onlyReinvoked on the second round: only those that want to be called again
 */
export async function callMutatingWebhooks(
  dependencies: WebhookDependencies,
  request: MutationRequest,
  options: { readonly warn: Warn; readonly onlyReinvoked: boolean },
): Promise<KubeObject> {
  let { object } = request
  for (const webhook of listWebhooks(dependencies.store, 'mutatingwebhookconfigurations')) {
    if (options.onlyReinvoked && !webhook.reinvokes) continue
    const current = { ...request, object }
    const match = matchWebhook(dependencies.store, dependencies.resources, webhook, current)
    if (!match || !meetsConditions(dependencies, match, current)) continue
    const response = await review(dependencies, match, current)
    if (!response) continue
    checkAllowed(webhook, response, options.warn)
    object = applyResponse(webhook, current, match, response)
  }
  return object
}

/** Calls the validating webhooks at the same time; the first refusal in their order is the answer. */
export async function callValidatingWebhooks(
  dependencies: WebhookDependencies,
  request: AdmissionRequest,
  warn: Warn,
): Promise<void> {
  const matches = listWebhooks(dependencies.store, 'validatingwebhookconfigurations').flatMap((webhook) => {
    const match = matchWebhook(dependencies.store, dependencies.resources, webhook, request)
    return match && meetsConditions(dependencies, match, request) ? [match] : []
  })
  if (matches.length === 0) return
  const results = await Promise.allSettled(matches.map((match) => review(dependencies, match, request)))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') throw result.reason
    const webhook = matches[index]?.webhook
    if (webhook && result.value) checkAllowed(webhook, result.value, warn)
  }
}

/** Whether all match conditions hold; one that cannot be evaluated counts as the webhook's own failure. */
function meetsConditions(
  dependencies: WebhookDependencies,
  match: Match,
  request: AdmissionRequest,
): boolean {
  const { webhook, resource } = match
  const conditions = listAt(webhook.raw, 'matchConditions')
  if (conditions.length === 0) return true
  const { evaluator, logger } = dependencies
  const outcome = evaluator.meets(evaluator.scope(resource, request), conditions)
  if (outcome.kind !== 'error') return outcome.kind === 'met'
  const message = `failed evaluating match conditions of webhook "${webhook.name}": ${outcome.message}`
  if (webhook.failurePolicy === 'Fail') throw internalError(message)
  logger.warn('a webhook is passed over by its failurePolicy', { webhook: webhook.id, error: message })
  return false
}

/** @returns undefined when the call failed and the webhook's policy is to carry on without it */
async function review(
  { client, logger }: WebhookDependencies,
  match: Match,
  request: AdmissionRequest,
): Promise<JsonObject | undefined> {
  const { webhook } = match
  if (request.dryRun && webhook.hasSideEffects) {
    throw badRequest(`admission webhook "${webhook.name}" does not support dry run`)
  }
  const uid = randomUUID()
  try {
    const answer = await client.call(webhook, reviewOf(uid, match, request))
    const response = at(answer, 'response')
    if (!isObject(response))
      throw new Error('expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got none')
    if (response['uid'] !== uid)
      throw new Error(`expected response.uid="${uid}", got "${String(response['uid'])}"`)
    return response
  } catch (error) {
    const message = `failed calling webhook "${webhook.name}": ${messageOf(error)}`
    if (webhook.failurePolicy === 'Fail') throw internalError(message)
    logger.warn('a webhook failed and is ignored by its failurePolicy', {
      webhook: webhook.id,
      error: message,
    })
    return undefined
  }
}

function reviewOf(uid: string, { resource }: Match, request: AdmissionRequest): JsonObject {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: { ...describeRequest(uid, resource, request), ...objectsOf(resource, request) },
  }
}

function checkAllowed(webhook: Webhook, response: JsonObject, warn: Warn): void {
  for (const warning of listAt(response, 'warnings')) warn(String(warning))
  if (response['allowed'] === true) return
  const denied = `admission webhook "${webhook.name}" denied the request`
  const message = stringAt(response, 'status', 'message') ?? ''
  const reason = stringAt(response, 'status', 'reason') ?? ''
  const text =
    message !== ''
      ? `${denied}: ${message}`
      : reason !== ''
        ? `${denied}: ${reason}`
        : `${denied} without explanation`
  const code = at(response, 'status', 'code')
  const isError = typeof code === 'number' && code >= 400
  const details = at(response, 'status', 'details')
  throw failure(
    isError ? code : 403,
    reason === '' ? (isError ? '' : 'Forbidden') : reason,
    text,
    isObject(details) ? details : undefined,
  )
}

function applyResponse(
  webhook: Webhook,
  request: MutationRequest,
  match: Match,
  response: JsonObject,
): KubeObject {
  const patch = stringAt(response, 'patch')
  if (patch === undefined || patch === '') return request.object
  if (response['patchType'] !== 'JSONPatch') {
    throw internalError(
      `admission webhook "${webhook.name}" returned an unsupported patch type ${JSON.stringify(response['patchType'])}`,
    )
  }
  const seen = inVersion(request.object, match.resource)
  const patched = applyJsonPatch(seen, parsePatch(webhook, patch))
  if (!patched.ok)
    throw internalError(
      `admission webhook "${webhook.name}" returned a patch that cannot be applied: ${patched.error}`,
    )
  const object = patched.value as KubeObject
  if (sameJson(object, seen)) return request.object
  return { ...object, apiVersion: request.object.apiVersion }
}

function parsePatch(webhook: Webhook, base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
  } catch (error) {
    throw internalError(
      `admission webhook "${webhook.name}" returned a patch that is not JSON: ${messageOf(error)}`,
    )
  }
}
