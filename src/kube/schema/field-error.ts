/** The kinds of field error that apimachinery has, as they are printed. */
export type FieldErrorType =
  | 'Required value'
  | 'Invalid value'
  | 'Unsupported value'
  | 'Too long'
  | 'Too many'
  | 'Too few'
  | 'Duplicate value'
  | 'Forbidden'
  | 'Not found'
  | 'Internal error'

/** One thing wrong with one field of an object. */
export interface FieldError {
  readonly type: FieldErrorType
  /** `spec.rules[0].matches`; '' or `<nil>` for the object itself */
  readonly path: string
  readonly value?: unknown
  readonly detail: string
}

/** The `reason` that a Status cause has for each type of field error. */
export const CAUSE_REASONS: Readonly<Record<FieldErrorType, string>> = {
  'Required value': 'FieldValueRequired',
  'Invalid value': 'FieldValueInvalid',
  'Unsupported value': 'FieldValueNotSupported',
  'Too long': 'FieldValueTooLong',
  'Too many': 'FieldValueTooMany',
  'Too few': 'FieldValueTooFew',
  'Duplicate value': 'FieldValueDuplicate',
  Forbidden: 'FieldValueForbidden',
  'Not found': 'FieldValueNotFound',
  'Internal error': 'InternalError',
}

/** Types whose message does not repeat the value, since it is missing or too big to print. */
const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set([
  'Required value',
  'Forbidden',
  'Too long',
  'Too few',
  'Internal error',
])

/** Prints an error as apimachinery's `field.Error` does: `spec.x: Invalid value: "a": must be b`. */
export function formatFieldError(error: FieldError): string {
  const path = error.path === '' ? '<nil>' : error.path
  return `${path}: ${formatFieldErrorBody(error)}`
}

/** The message without the path, as the `message` of a Status cause has it. */
export function formatFieldErrorBody(error: FieldError): string {
  const type = error.type
  const detail = error.detail === '' ? '' : `: ${error.detail}`
  if (WITHOUT_VALUE.has(type)) return `${type}${detail}`
  return `${type}: ${formatValue(error.value)}${detail}`
}

/** Strings quoted as Go does, objects and lists as compact JSON, absent as null. */
function formatValue(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  if (typeof value === 'bigint') return value.toString()
  return JSON.stringify(value)
}

/** A join of error messages as StatusReasonInvalid prints them: one alone, or `[a, b]`. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(formatFieldError))]
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`
}
