import { type FieldError, goQuote } from '../../kube/index.ts'
import { isTrue } from './request.ts'
import { badRequest, invalid } from './status-error.ts'

/** Options of requests as they stand in a query: decoded, and checked as Kubernetes checks them. */

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldValidation: FieldValidation
  /** '' where the client names none */
  readonly fieldManager: string
  /** of an apply: whether it takes fields from others */
  readonly force: boolean
}

type WriteKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'ApplyOptions'

/** @throws StatusError 422 */
export function readWriteOptions(query: URLSearchParams, kind: WriteKind): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? ''
  const fieldValidation = query.get('fieldValidation') ?? ''
  refuseOptions(kind === 'ApplyOptions' ? 'PatchOptions' : kind, [
    ...checkPatch(kind, query, fieldManager),
    ...checkManager(fieldManager),
    ...checkDryRun(query.getAll('dryRun')),
    ...checkFieldValidation(fieldValidation),
  ])
  return {
    dryRun: isDryRun(query),
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    fieldManager,
    force: isTrue(query.get('force')),
  }
}

/** Whether the write must stop short of the store; its value has been checked. */
export function isDryRun(query: URLSearchParams): boolean {
  return query.getAll('dryRun').some((value) => value !== '')
}

/** @throws StatusError 422 where there is any error */
export function refuseOptions(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors)
}

function checkPatch(kind: WriteKind, query: URLSearchParams, manager: string): readonly FieldError[] {
  if (kind === 'ApplyOptions' && manager === '')
    return [{ type: 'Required value', path: 'fieldManager', detail: 'is required for apply patch' }]
  if (kind === 'PatchOptions' && query.has('force'))
    return [{ type: 'Forbidden', path: 'force', detail: 'may not be specified for non-apply patch' }]
  return []
}

const MANAGER_MAX = 128

function checkManager(manager: string): readonly FieldError[] {
  const path = 'fieldManager'
  const errors: FieldError[] = []
  if (Buffer.byteLength(manager) > MANAGER_MAX)
    errors.push({ type: 'Too long', path, detail: `may not be more than ${MANAGER_MAX} bytes` })
  let position = 0
  for (const char of manager) {
    if (goQuote(char).startsWith('"\\') && char !== '"' && char !== '\\') {
      const point = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
      const detail = `invalid character U+${point} (at position ${position})`
      errors.push({ type: 'Invalid value', path, value: manager, detail })
    }
    position += Buffer.byteLength(char)
  }
  return errors
}

/** @param values of the query, or of the body of a deletion */
export function checkDryRun(values: readonly string[]): readonly FieldError[] {
  const given = values.filter((value) => value !== '')
  if (given.every((value) => value === 'All')) return []
  return [{ type: 'Unsupported value', path: 'dryRun', value: given, detail: 'supported values: "All"' }]
}

const FIELD_VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'] as const

function checkFieldValidation(value: string): readonly FieldError[] {
  if ((FIELD_VALIDATIONS as readonly string[]).includes(value)) return []
  const detail = `supported values: ${FIELD_VALIDATIONS.map((each) => `"${each}"`).join(', ')}`
  return [{ type: 'Unsupported value', path: 'fieldValidation', value, detail }]
}

/** A whole number as Go reads it. @returns undefined where the query has none @throws StatusError 400 */
export function readInt64(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  return text === null || text === '' ? undefined : parseInt64(text)
}

/** @throws StatusError 400 */
export function parseInt64(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`)
  const value = Number(text)
  if (value < -(2 ** 63) || value >= 2 ** 63)
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`)
  return value
}
