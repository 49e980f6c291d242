import { deepEqual, getList, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { checkDns1035Label } from '../names.ts'
import { createProgramCache } from '../schema/cel/program.ts'
import { child, type FieldError, forbidden, invalid, required, unsupported } from '../schema/field-error.ts'
import { createPatternCache } from '../schema/regex.ts'

export function validateDefinition(object: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  const spec = getRecord(object, 'spec') ?? {}
  const group = getString(spec, 'group') ?? ''
  const plural = getString(spec, 'names', 'plural') ?? ''
  const name = getString(object, 'metadata', 'name') ?? ''
  const errors: FieldError[] = []
  if (name !== `${plural}.${group}`) {
    errors.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'))
  }
  if (group === '') errors.push(required('spec.group'))
  else if (group.split('.').length < 2) {
    errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'))
  }
  const scope = getString(spec, 'scope')
  if (scope === undefined) errors.push(required('spec.scope'))
  return [
    ...errors,
    ...validateNames(getRecord(spec, 'names') ?? {}),
    ...validateVersions(getList(spec, 'versions'), old),
    ...validateUnchanged(spec, old),
  ]
}

function validateNames(names: JsonRecord): readonly FieldError[] {
  return ['plural', 'kind'].flatMap((field) => {
    const value = getString(names, field) ?? ''
    if (value === '') return [required(`spec.names.${field}`)]
    return checkDns1035Label(value.toLowerCase()).map((text) => invalid(`spec.names.${field}`, value, text))
  })
}

function validateUnchanged(spec: JsonRecord, old: JsonRecord | undefined): readonly FieldError[] {
  if (!old) return []
  return ['group', 'scope']
    .filter((field) => !deepEqual(getPath(old, 'spec', field), getPath(spec, field)))
    .map((field) => invalid(`spec.${field}`, getPath(spec, field), 'field is immutable'))
}

function validateVersions(versions: readonly unknown[], old: JsonRecord | undefined): readonly FieldError[] {
  const names = versions.map((version) => getString(version, 'name') ?? '')
  const stored = versions.filter((version) => getPath(version, 'storage') === true)
  const errors: FieldError[] = []
  if (versions.length === 0) errors.push(required('spec.versions', 'must have at least one version'))
  else if (stored.length !== 1) {
    errors.push(invalid('spec.versions', versions, 'must have exactly one version marked as storage version'))
  }
  if (new Set(names).size < names.length) {
    errors.push(invalid('spec.versions', versions, 'must contain unique version names'))
  }
  const before = getList(old, 'spec', 'versions')
  return [
    ...errors,
    ...versions.flatMap((version, index) => {
      const schema = getPath(version, 'schema', 'openAPIV3Schema')
      const path = `spec.versions[${index}].schema.openAPIV3Schema`
      if (!isRecord(schema)) return [required(path, 'schemas are required')]
      const known = before.some((other) => deepEqual(getPath(other, 'schema', 'openAPIV3Schema'), schema))
      return known ? [] : validateSchemaRoot(schema, path)
    }),
  ]
}

/** Deeper schemas are refused: they could only be an attack on whoever walks them. */
const SCHEMA_DEPTH_MAX = 100

function validateSchemaRoot(schema: JsonRecord, path: string): readonly FieldError[] {
  const errors: FieldError[] = []
  const type = getString(schema, 'type')
  if (type === undefined) errors.push(required(`${path}.type`, 'must not be empty at the root'))
  else if (type !== 'object') errors.push(invalid(`${path}.type`, type, 'must be object at the root'))
  const patterns = createPatternCache()
  const programs = createProgramCache(patterns)
  const problems: FieldError[] = []
  walkSchema(
    schema,
    { path, depth: 0, structural: true },
    (node, at) => {
      const pattern = getString(node, 'pattern')
      if (pattern !== undefined && !patterns.get(pattern)) {
        problems.push(invalid(`${at}.pattern`, pattern, 'must be a valid regular expression'))
      }
      for (const [index, rule] of getList(node, 'x-kubernetes-validations').entries()) {
        const text = getString(rule, 'rule') ?? ''
        const planned = programs.get(text)
        const where = `${at}.x-kubernetes-validations[${index}].rule`
        if (planned.kind === 'invalid')
          problems.push(invalid(where, text, `compilation failed: ${planned.message}`))
      }
    },
    problems,
  )
  return [...errors, ...problems]
}

interface Place {
  readonly path: string
  readonly depth: number
  /** inside anyOf, allOf and the like a type is not asked for */
  readonly structural: boolean
}

function walkSchema(
  schema: unknown,
  place: Place,
  visit: (node: JsonRecord, path: string) => void,
  errors: FieldError[],
): void {
  const { path, depth, structural } = place
  if (!isRecord(schema)) return
  if (depth > SCHEMA_DEPTH_MAX) {
    errors.push(forbidden(path, `schemas may not be nested deeper than ${SCHEMA_DEPTH_MAX}`))
    return
  }
  visit(schema, path)
  if (structural && depth > 0) errors.push(...typeErrors(schema, path))
  const go = (next: unknown, at: string, keepsStructural: boolean) =>
    walkSchema(next, { path: at, depth: depth + 1, structural: structural && keepsStructural }, visit, errors)
  for (const [key, property] of Object.entries(getRecord(schema, 'properties') ?? {})) {
    go(property, `${child(path, 'properties')}[${key}]`, true)
  }
  go(getPath(schema, 'items'), child(path, 'items'), true)
  go(getPath(schema, 'additionalProperties'), child(path, 'additionalProperties'), true)
  go(getPath(schema, 'not'), child(path, 'not'), false)
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    for (const [index, part] of getList(schema, key).entries())
      go(part, `${child(path, key)}[${index}]`, false)
  }
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']

function typeErrors(schema: JsonRecord, path: string): readonly FieldError[] {
  const type = getString(schema, 'type')
  const free =
    getPath(schema, 'x-kubernetes-int-or-string') === true ||
    getPath(schema, 'x-kubernetes-preserve-unknown-fields') === true
  if (type === undefined)
    return free ? [] : [required(`${path}.type`, 'must not be empty for specified object fields')]
  if (!TYPES.includes(type)) return [unsupported(`${path}.type`, type, TYPES)]
  if (type === 'array' && !isRecord(getPath(schema, 'items')))
    return [required(`${path}.items`, 'must be specified')]
  const clash =
    getRecord(schema, 'properties') !== undefined && isRecord(getPath(schema, 'additionalProperties'))
  return clash
    ? [forbidden(`${path}.additionalProperties`, 'must not be specified together with properties')]
    : []
}
