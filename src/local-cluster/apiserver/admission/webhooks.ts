import { randomUUID } from 'node:crypto'
import { fail, type Logger, messageOf, ok, type Result } from '../../../base/index.ts'
import { applyJsonPatch, type KubeObject } from '../../../kube/index.ts'
import type { Store } from '../../store/index.ts'
import { isObject, type JsonObject, listAt, sameJson } from '../json.ts'
import { inVersion, toStored } from '../resource-request.ts'
import type { Resources } from '../resources.ts'
import { badRequest, forbidden, internalError } from '../status-error.ts'
import { pruneAndDefault } from '../write/incoming.ts'
import type { Evaluator } from './evaluate.ts'
import type { Reinvocation } from './reinvocation.ts'
import { describeRequest, objectsOf } from './review.ts'
import type { AdmissionRequest } from './types.ts'
import { readAnswer, refusalBy, REVIEW_VERSIONS, type WebhookAnswer } from './webhook-answer.ts'
import type { WebhookClient } from './webhook-client.ts'
import { listWebhooks, type Match, matchWebhook, type Webhook, type WebhookKind } from './webhook-config.ts'

export interface WebhookDependencies {
  readonly store: Store
  readonly resources: Resources
  readonly client: WebhookClient
  readonly evaluator: Evaluator
  readonly logger: Logger
}

const MUTATING = 'mutatingwebhookconfigurations'
const VALIDATING = 'validatingwebhookconfigurations'

/**
 * Calls the mutating webhooks one after the other, each with what the one before made of the object.
 * @returns the object as they want it: the same reference when none changed it
 */
export async function callMutatingWebhooks<T extends KubeObject | undefined>(
  dependencies: WebhookDependencies,
  request: AdmissionRequest & { readonly object: T },
  reinvocation: Reinvocation,
): Promise<T> {
  let current = request
  for (const webhook of listWebhooks(dependencies.store, MUTATING)) {
    if (!reinvocation.wants(webhook)) continue
    const match = matchWebhook(dependencies.store, dependencies.resources, webhook, current)
    if (!match || !meetsConditions(dependencies, match, current)) continue
    const answer = await review(dependencies, MUTATING, match, current)
    const changed = answer ? changedObject(dependencies, match, current, answer) : undefined
    reinvocation.called(webhook, changed !== undefined)
    // A webhook changes an object into one of the same kind, and has none to change where there is none.
    if (changed) current = { ...current, object: changed as T }
  }
  return current.object
}

/** Calls the validating webhooks at the same time; the first refusal in their order is the answer. */
export async function callValidatingWebhooks(
  dependencies: WebhookDependencies,
  request: AdmissionRequest,
): Promise<void> {
  const matches = listWebhooks(dependencies.store, VALIDATING).flatMap((webhook) => {
    const match = matchWebhook(dependencies.store, dependencies.resources, webhook, request)
    return match && meetsConditions(dependencies, match, request) ? [match] : []
  })
  if (matches.length === 0) return
  const results = await Promise.allSettled(
    matches.map((match) => review(dependencies, VALIDATING, match, request)),
  )
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Whether all match conditions hold; one that cannot be evaluated counts as the webhook's own failure. */
function meetsConditions(
  { evaluator, logger }: WebhookDependencies,
  { webhook, resource }: Match,
  request: AdmissionRequest,
): boolean {
  const conditions = listAt(webhook.raw, 'matchConditions')
  if (conditions.length === 0) return true
  const outcome = evaluator.meets(evaluator.scope(resource, request), conditions)
  if (outcome.kind !== 'error') return outcome.kind === 'met'
  if (webhook.failurePolicy === 'Fail') {
    const { path, resource: asked } = request.asked
    throw forbidden(asked.info, request.object?.metadata.name ?? path.name, outcome.message)
  }
  logger.warn('a webhook is passed over by its failurePolicy', {
    webhook: webhook.id,
    error: outcome.message,
  })
  return false
}

const CONTROL = /\p{Cc}/u

/**
 * @returns undefined when the call failed and the webhook's policy is to carry on without it
 * @throws StatusError when the webhook refuses, or failed and may not be left out
 */
async function review(
  dependencies: WebhookDependencies,
  kind: WebhookKind,
  match: Match,
  request: AdmissionRequest,
): Promise<WebhookAnswer | undefined> {
  const { webhook } = match
  if (request.dryRun && webhook.hasSideEffects) {
    throw badRequest(`admission webhook "${webhook.name}" does not support dry run`)
  }
  const answer = await ask(dependencies.client, kind, match, request)
  if (!answer.ok) return passOver(dependencies, webhook, answer.error)
  // What cannot stand in a header is not told.
  for (const warning of answer.value.warnings) if (!CONTROL.test(warning)) request.warn(warning)
  if (!answer.value.allowed) throw refusalBy(webhook.name, answer.value)
  return answer.value
}

/** @returns the answer, or why there is none that can be used */
async function ask(
  client: WebhookClient,
  kind: WebhookKind,
  match: Match,
  request: AdmissionRequest,
): Promise<Result<WebhookAnswer, string>> {
  const accepted = listAt(match.webhook.raw, 'admissionReviewVersions')
  const version = accepted.map((one) => REVIEW_VERSIONS.find((known) => known === one)).find(Boolean)
  if (!version) {
    return fail(
      'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
    )
  }
  const uid = randomUUID()
  const review: JsonObject = {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: { ...describeRequest(uid, match.resource, request), ...objectsOf(match.resource, request) },
  }
  try {
    const answer = readAnswer({ kind, version, uid }, await client.call(match.webhook, review))
    return answer.ok ? answer : fail(`received invalid webhook response: ${answer.error}`)
  } catch (error) {
    return fail(`failed to call webhook: ${messageOf(error)}`)
  }
}

/** @throws StatusError unless the webhook's policy is to carry on without it */
function passOver({ logger }: WebhookDependencies, webhook: Webhook, reason: string): undefined {
  const message = `failed calling webhook "${webhook.name}": ${reason}`
  if (webhook.failurePolicy === 'Fail') throw internalError(message)
  logger.warn('a webhook failed and is ignored by its failurePolicy', { webhook: webhook.id, error: message })
  return undefined
}

/** @returns the object as the webhook's patch leaves it, with defaults; undefined when that is no change */
function changedObject(
  dependencies: WebhookDependencies,
  { webhook, resource }: Match,
  request: AdmissionRequest,
  { patch, patchType }: WebhookAnswer,
): KubeObject | undefined {
  if (patch === '') return undefined
  const operations = decodePatch(patch)
  if (!operations.ok) {
    return passOver(
      dependencies,
      webhook,
      `received undecodable patch in webhook response: ${operations.error}`,
    )
  }
  if (operations.value.length === 0) return undefined
  if (!request.object) {
    throw internalError(
      `admission webhook "${webhook.name}" attempted to modify the object, which is not supported for this operation`,
    )
  }
  if (patchType !== 'JSONPatch') {
    return passOver(dependencies, webhook, `unsupported patch type ${JSON.stringify(patchType)}`)
  }
  const seen = inVersion(request.object, resource)
  const patched = applyJsonPatch(seen, operations.value)
  if (!patched.ok) throw internalError(patched.error)
  if (!isKubeObject(patched.value)) {
    throw internalError(`admission webhook "${webhook.name}" left no object of the one that it patched`)
  }
  if (sameJson(patched.value, seen)) return undefined
  const asked = request.asked.resource
  const object = inVersion(toStored(patched.value, resource), asked)
  return pruneAndDefault(asked, object, { fieldValidation: 'Ignore', warn: request.warn })
}

function isKubeObject(value: unknown): value is KubeObject {
  return isObject(value) && isObject(value['metadata']) && typeof value['kind'] === 'string'
}

function decodePatch(base64: string): Result<readonly unknown[], string> {
  try {
    const operations: unknown = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'))
    if (Array.isArray(operations)) return ok(operations)
    const type = isObject(operations) ? 'object' : typeof operations
    return fail(`json: cannot unmarshal ${type} into Go value of type jsonpatch.Patch`)
  } catch (error) {
    return fail(messageOf(error))
  }
}
