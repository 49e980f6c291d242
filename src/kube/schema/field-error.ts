import { toGoJson } from '../json.ts'
import { goQuote } from './go-quote.ts'

/** The kinds of field error that apimachinery has, as they are printed. */
export type FieldErrorType =
  | 'Required value'
  | 'Invalid value'
  | 'Unsupported value'
  | 'Too long'
  | 'Too short'
  | 'Too many'
  | 'Too few'
  | 'Duplicate value'
  | 'Forbidden'
  | 'Not found'
  | 'Internal error'

/** One thing wrong with one field of an object. */
export interface FieldError {
  readonly type: FieldErrorType
  /** `spec.rules[0].matches`; '' stands for the object itself and is printed `<nil>` */
  readonly path: string
  /** Left out (not undefined) where the message is to be printed without the value. */
  readonly value?: unknown
  readonly detail: string
  /** A value of the wrong JSON type is an `Invalid value` with a reason of its own. */
  readonly wrongType?: true
}

const REASONS: Readonly<Record<FieldErrorType, string>> = {
  'Required value': 'FieldValueRequired',
  'Invalid value': 'FieldValueInvalid',
  'Unsupported value': 'FieldValueNotSupported',
  'Too long': 'FieldValueTooLong',
  'Too short': 'FieldValueTooShort',
  'Too many': 'FieldValueTooMany',
  'Too few': 'FieldValueTooFew',
  'Duplicate value': 'FieldValueDuplicate',
  Forbidden: 'FieldValueForbidden',
  'Not found': 'FieldValueNotFound',
  'Internal error': 'InternalError',
}

/** The `reason` of the cause that a Status carries for an error. */
export function causeReason(error: FieldError): string {
  return error.wrongType ? 'FieldValueTypeInvalid' : REASONS[error.type]
}

/** Types whose message never repeats the value: it is missing, or too big to print. */
const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set<FieldErrorType>([
  'Required value',
  'Forbidden',
  'Too long',
  'Too short',
  'Internal error',
])

/** Prints an error as apimachinery's `field.Error` does: `spec.x: Invalid value: "a": must be b`. */
export function formatFieldError(error: FieldError): string {
  return `${error.path === '' ? '<nil>' : error.path}: ${formatFieldErrorBody(error)}`
}

/** The message without the path, as the `message` of a Status cause has it. */
export function formatFieldErrorBody(error: FieldError): string {
  const detail = error.detail === '' ? '' : `: ${error.detail}`
  if (WITHOUT_VALUE.has(error.type) || !Object.hasOwn(error, 'value')) return `${error.type}${detail}`
  return `${error.type}: ${formatValue(error.value)}${detail}`
}

/** Strings are quoted, objects and lists are compact JSON. */
function formatValue(value: unknown): string {
  return typeof value === 'string' ? goQuote(value) : toGoJson(value)
}

/** The errors of an Invalid status in one line: one alone, or `[a, b]`, each only once. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(formatFieldError))]
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`
}

export function required(path: string, detail = ''): FieldError {
  return { type: 'Required value', path, detail }
}

export function invalid(path: string, value: unknown, detail: string): FieldError {
  return { type: 'Invalid value', path, value, detail }
}

export function invalidType(path: string, value: unknown, detail: string): FieldError {
  return { type: 'Invalid value', path, value, detail, wrongType: true }
}

export function forbidden(path: string, detail: string): FieldError {
  return { type: 'Forbidden', path, detail }
}

export function duplicate(path: string, value: unknown): FieldError {
  return { type: 'Duplicate value', path, value, detail: '' }
}

export function unsupported(path: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map(goQuote).join(', ')
  return { type: 'Unsupported value', path, value, detail: list === '' ? '' : `supported values: ${list}` }
}

export function tooLong(path: string, max: number): FieldError {
  return { type: 'Too long', path, detail: `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}` }
}

export function tooMany(path: string, actual: number, max: number): FieldError {
  const detail = `must have at most ${max} ${max === 1 ? 'item' : 'items'}`
  return { type: 'Too many', path, value: actual, detail }
}

export function child(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
