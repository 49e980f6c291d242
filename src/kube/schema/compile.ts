import { getOwn, isRecord, setOwn } from '../json.ts'
import { checkDns1123Subdomain, type NameCheck, validateObjectMeta } from '../names.ts'
import { createProgramCache } from './cel/program.ts'
import { createRuleChecker } from './cel/rules.ts'
import type { CompiledSchema, PruneResult } from './compiled.ts'
import { defaultValue } from './defaults.ts'
import { type FieldError, invalidType } from './field-error.ts'
import { validateListTypes } from './list-type.ts'
import { messageSchemas } from './message-schema.ts'
import { pruneValue } from './prune.ts'
import { createPatternCache, type PatternCache } from './regex.ts'
import type { StructuralSchema } from './structural.ts'
import { typeName, validateValue } from './validate.ts'

export interface CompileOptions {
  /** false for a schema that does not describe a whole object with metadata; default true */
  readonly resource?: boolean
  /** rule for `metadata.name`; default: a DNS subdomain */
  readonly checkName?: NameCheck
  /** what is asked beside the schema; its errors stand before those of the rules */
  readonly check?: ((value: unknown) => readonly FieldError[]) | undefined
}

/** Errors after which the API server does not evaluate rules: they could only repeat them or fail. */
const BLOCKING: ReadonlySet<string> = new Set(['Unsupported value', 'Required value', 'Too long', 'Too many'])

export const NOT_CHECKED: FieldError = {
  type: 'Invalid value',
  path: '',
  value: null,
  detail:
    'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
}

/** The object itself has a name of its own among the fields that errors name. */
function withRoot(error: FieldError): FieldError {
  return error.path === '' ? { ...error, path: '<nil>' } : error
}

/**
 * Makes a custom resource's schema usable. Cheap: patterns and CEL rules are compiled when an object first
 * needs them, and kept.
 */
export function compileSchema(schema: StructuralSchema, options: CompileOptions = {}): CompiledSchema {
  const resource = options.resource ?? true
  const checkName = options.checkName ?? checkDns1123Subdomain
  const patterns = createPatternCache()
  const rules = createRuleChecker(schema, createProgramCache(patterns), resource)
  return {
    prune: (value) => pruneObject(schema, value, resource),
    applyDefaults: (value) => withMetadata(defaultValue(schema, value), resource, cleanMetadata),
    validate: (value, old) => {
      const oldNode = old === undefined ? undefined : { value: old }
      const errors = [
        ...(resource ? validateTypeMeta(value) : []),
        ...(resource ? checkMetadata(value, checkName, { patterns, old }) : []),
        ...validateValue({ schema, value, path: '', old: oldNode }, patterns),
        ...listErrors(schema, value, oldNode),
        ...(options.check?.(value) ?? []),
      ]
      if (!rules.hasRules) return errors.map(withRoot)
      const blocked = errors.some((error) => error.wrongType || BLOCKING.has(error.type))
      return [...errors, ...(blocked ? [NOT_CHECKED] : rules.check(value, oldNode))].map(withRoot)
    },
  }
}

/** Who has had an item twice before may go on with it, as in Kubernetes. */
function listErrors(
  schema: StructuralSchema,
  value: unknown,
  old: { readonly value: unknown } | undefined,
): readonly FieldError[] {
  const errors = validateListTypes(schema, value, '', old)
  if (errors.length === 0 || !old) return errors
  return validateListTypes(schema, old.value, '').length > 0 ? [] : errors
}

function pruneObject(schema: StructuralSchema, value: unknown, resource: boolean): PruneResult {
  const pruned: string[] = []
  const kept = pruneValue(schema, value, { path: '', root: resource, pruned })
  const result = withMetadata(kept, resource, (metadata) => {
    const metaSchema = messageSchemas.get('meta/v1.ObjectMeta') ?? {}
    return pruneValue(metaSchema, metadata, { path: 'metadata', root: false, pruned })
  })
  return { value: result, pruned: pruned.sort() }
}

/** Replaces `metadata` by what a function makes of it; the same reference where that is the same. */
function withMetadata(value: unknown, resource: boolean, change: (metadata: unknown) => unknown): unknown {
  if (!resource || !isRecord(value)) return value
  const metadata = getOwn(value, 'metadata')
  const next = change(metadata)
  if (next === metadata) return value
  const out = { ...value }
  setOwn(out, 'metadata', next)
  return out
}

/** Clients send `creationTimestamp: null` and the like: a null in metadata counts as absent. */
function cleanMetadata(metadata: unknown): unknown {
  return defaultValue(messageSchemas.get('meta/v1.ObjectMeta') ?? {}, metadata)
}

const withoutRecord = new WeakMap<StructuralSchema, StructuralSchema>()

/** The record of who owns which fields is the server's own: it takes nothing into it that it cannot read. */
function metadataTypes(): StructuralSchema {
  const whole = messageSchemas.get('meta/v1.ObjectMeta') ?? {}
  const known = withoutRecord.get(whole)
  if (known) return known
  const { managedFields: _, ...properties } = whole.properties ?? {}
  const types = { ...whole, properties }
  withoutRecord.set(whole, types)
  return types
}

/** @param seen the object that it replaces: of its metadata, what is the same has the right types */
export function checkMetadata(
  value: unknown,
  checkName: NameCheck,
  seen: { readonly patterns?: PatternCache; readonly old?: unknown } = {},
): readonly FieldError[] {
  if (!isRecord(value)) return []
  const metadata = getOwn(value, 'metadata')
  const schema = metadataTypes()
  const old = isRecord(seen.old) ? { value: getOwn(seen.old, 'metadata') } : undefined
  const patterns = seen.patterns ?? createPatternCache()
  const types = validateValue({ schema, value: metadata ?? {}, path: 'metadata', old }, patterns)
  return types.some((error) => error.wrongType) ? types : validateObjectMeta(metadata ?? {}, checkName)
}

function validateTypeMeta(value: unknown): readonly FieldError[] {
  if (isRecord(value)) return []
  return [invalidType('', typeName(value), ' in body must be of type object')]
}
