/** The API server's answer to a request that it did not carry out. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** `NotFound`, `Conflict`, `AlreadyExists`, `Invalid`… as the Status says; '' where there is none */
  readonly reason: string
  readonly body: unknown

  constructor(status: number, body: unknown) {
    super(textOf(body, 'message') || `the API server answered with status ${status}`)
    this.status = status
    this.reason = textOf(body, 'reason')
    this.body = body
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/** Somebody else changed the object: read it again and repeat. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.reason === 'Conflict'
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.reason === 'AlreadyExists'
}

/** The history that was asked for is forgotten: list again. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
}

function textOf(body: unknown, member: string): string {
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[member] : undefined
  return typeof value === 'string' ? value : ''
}
