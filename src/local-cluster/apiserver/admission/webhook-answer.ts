import { fail, ok, type Result } from '../../../base/index.ts'
import { isObject, type JsonObject, listAt, stringAt } from '../json.ts'
import { failure, type StatusError } from '../status-error.ts'
import type { WebhookKind } from './webhook-config.ts'

/** What a webhook answered, checked. */
export interface WebhookAnswer {
  readonly allowed: boolean
  readonly warnings: readonly string[]
  /** base64 of a JSON patch, '' where nothing is to change */
  readonly patch: string
  readonly patchType: string
  /** why it is refused: a Status, or what there is of one */
  readonly status: JsonObject
}

/** Versions of AdmissionReview that can be sent, the first that a webhook accepts is. */
export const REVIEW_VERSIONS = ['v1', 'v1beta1'] as const
export type ReviewVersion = (typeof REVIEW_VERSIONS)[number]

/** @returns the answer, or what is wrong with it in the API server's words */
export function readAnswer(
  asked: { readonly kind: WebhookKind; readonly version: ReviewVersion; readonly uid: string },
  body: unknown,
): Result<WebhookAnswer, string> {
  const response = isObject(body) ? body['response'] : undefined
  if (!isObject(body) || !isObject(response)) return fail('webhook response was absent')
  const problem = asked.version === 'v1' ? problemOf(asked, body, response) : undefined
  if (problem !== undefined) return fail(problem)
  const isMutating = asked.kind === 'mutatingwebhookconfigurations'
  const status = response['status']
  return ok({
    allowed: response['allowed'] === true,
    warnings: listAt(response, 'warnings').map(String),
    patch: isMutating ? (stringAt(response, 'patch') ?? '') : '',
    // The older version has one type of patch, whatever is said.
    patchType: asked.version === 'v1' ? (stringAt(response, 'patchType') ?? '') : 'JSONPatch',
    status: isObject(status) ? status : {},
  })
}

function problemOf(
  { kind, uid }: { readonly kind: WebhookKind; readonly uid: string },
  body: JsonObject,
  response: JsonObject,
): string | undefined {
  const answered = stringAt(response, 'uid') ?? ''
  if (answered !== uid) return `expected response.uid="${uid}", got ${JSON.stringify(answered)}`
  const wanted = 'admission.k8s.io/v1, Kind=AdmissionReview'
  const got = `${stringAt(body, 'apiVersion') ?? '/'}, Kind=${stringAt(body, 'kind') ?? ''}`
  if (got !== wanted) return `expected webhook response of ${wanted}, got ${got}`
  const patchType = response['patchType'] ?? undefined
  const hasPatch = (stringAt(response, 'patch') ?? '') !== ''
  if (kind === 'validatingwebhookconfigurations') {
    if (hasPatch) return 'validating webhook may not return response.patch'
    return patchType === undefined ? undefined : 'validating webhook may not return response.patchType'
  }
  if (hasPatch && patchType === undefined) {
    return 'webhook returned response.patch but not response.patchType'
  }
  if (!hasPatch && patchType !== undefined) {
    return 'webhook returned response.patchType but not response.patch'
  }
  return patchType === '' ? 'webhook returned invalid response.patchType of ""' : undefined
}

/** The Status that the client gets: the webhook's own, with a message that names who refuses. */
export function refusalBy(name: string, { status }: WebhookAnswer): StatusError {
  const denied = `admission webhook "${name}" denied the request`
  const message = stringAt(status, 'message') ?? ''
  const reason = stringAt(status, 'reason') ?? ''
  const why = message === '' ? reason : message
  const text = why === '' ? `${denied} without explanation` : `${denied}: ${why}`
  const code = status['code']
  const details = status['details']
  return failure(
    typeof code === 'number' && code >= 400 ? code : 400,
    reason,
    text,
    isObject(details) ? details : undefined,
  )
}
