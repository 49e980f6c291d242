import { causeReason, type FieldError, formatFieldErrorBody, formatFieldErrors } from '../../kube/index.ts'

export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** The meta/v1 Status that every failed request is answered with. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, never>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code: number
}

/** Thrown by handlers; the door to HTTP answers with its Status. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'unknown')
    this.status = status
  }
}

/** A resource as messages name it: `deployments.apps`, or `pods` in the core group. */
export interface GroupResource {
  readonly group: string
  readonly plural: string
}

function formatGroupResource(resource: GroupResource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

export function notFound(resource: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(resource)} "${name}" not found`
  return failure(404, 'NotFound', message, detailsOf(resource, name))
}

export function alreadyExists(resource: GroupResource, name: string): StatusError {
  const message = `${formatGroupResource(resource)} "${name}" already exists`
  return failure(409, 'AlreadyExists', message, detailsOf(resource, name))
}

const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export function conflict(resource: GroupResource, name: string, detail: string = MODIFIED): StatusError {
  const message = `Operation cannot be fulfilled on ${formatGroupResource(resource)} "${name}": ${detail}`
  return failure(409, 'Conflict', message, detailsOf(resource, name))
}

export function forbidden(
  resource: GroupResource,
  name: string,
  detail: string,
  causes?: readonly StatusCause[],
): StatusError {
  const subject = name === '' ? formatGroupResource(resource) : `${formatGroupResource(resource)} "${name}"`
  return failure(403, 'Forbidden', `${subject} is forbidden: ${detail}`, {
    ...detailsOf(resource, name),
    ...(causes ? { causes } : {}),
  })
}

/** Nobody reads more, and a body of 3 MiB can be wrong in a hundred thousand places, each worth half a kilobyte. */
const ERRORS_MAX = 1000

export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const groupKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const shown = errors.slice(0, ERRORS_MAX)
  const more = errors.length > shown.length ? ` (and ${errors.length - shown.length} more)` : ''
  const causes = shown.map((error) => ({
    reason: causeReason(error),
    message: formatFieldErrorBody(error),
    field: error.path,
  }))
  return failure(422, 'Invalid', `${groupKind} "${name}" is invalid: ${formatFieldErrors(shown)}${more}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    ...(kind.kind === '' ? {} : { kind: kind.kind }),
    causes,
  })
}

export function badRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message)
}

export function unauthorized(): StatusError {
  return failure(401, 'Unauthorized', 'Unauthorized')
}

export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource'
  return failure(405, 'MethodNotAllowed', message, {})
}

export function unknownPath(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}

/** @param accepted left out where the router of Kubernetes refuses, before a handler is asked */
export function unsupportedMediaType(accepted?: readonly string[]): StatusError {
  if (!accepted) return failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  const list = accepted.join(', ')
  const message = `the body of the request was in an unknown format - accepted media types include: ${list}`
  return failure(415, 'UnsupportedMediaType', message)
}

/** @param isRouted whether a handler found out; otherwise the router of Kubernetes refuses, before one is asked */
export function notAcceptable(accepted: readonly string[], isRouted: boolean): StatusError {
  const list = accepted.join(', ')
  return isRouted
    ? failure(406, 'NotAcceptable', `only the following media types are accepted: ${list}`)
    : failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${list}`, {})
}

export function tooLarge(limitBytes: number): StatusError {
  const message = `Request entity too large: limit is ${limitBytes}`
  return failure(413, 'RequestEntityTooLarge', message)
}

export function expired(message: string): StatusError {
  return failure(410, 'Expired', message)
}

/** The client named a revision that does not exist yet (it talked to a cluster that had more). */
export function futureRevision(asked: number, current: number): StatusError {
  const message = `Too large resource version: ${asked}, current: ${current}`
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  return failure(504, 'Timeout', `Timeout: ${message}`, { causes, retryAfterSeconds: 1 })
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds })
}

export function serviceUnavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message)
}

/** What Kubernetes answers where its code returns an error that is no answer: the error alone. */
export function unexplained(message: string): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  })
}

export function internalError(detail: string): StatusError {
  const causes = [{ message: detail }]
  return failure(500, 'InternalError', `Internal error occurred: ${detail}`, { causes })
}

export function failure(code: number, reason: string, message: string, details?: StatusDetails): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details ? { details } : {}),
    code,
  })
}

/** The answer to a deletion that left nothing behind; it has no code. */
export function deleted(
  resource: GroupResource,
  name: string,
  uid: string | undefined,
): Omit<Status, 'code'> {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...detailsOf(resource, name), ...(uid === undefined ? {} : { uid }) },
  }
}

/** Kubernetes puts the plural into `kind` here. */
function detailsOf(resource: GroupResource, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  }
}
