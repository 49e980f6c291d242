/** What a version of a CustomResourceDefinition has beside its schema. */
import { deepEqual, getList, getPath, getRecord, getString, isRecord, type JsonRecord } from '../json.ts'
import { duplicate, type FieldError, invalid, required, tooMany } from '../schema/field-error.ts'

/** Where Kubernetes keeps what all versions have in common; it names that place in errors. */
const COMMON: Readonly<Record<string, string>> = {
  schema: 'spec.validation',
  subresources: 'spec.subresources',
  additionalPrinterColumns: 'spec.additionalPrinterColumns',
  selectableFields: 'spec.selectableFields',
}

export function pathOfVersion(versions: readonly unknown[], index: number, field: string): string {
  const own = `spec.versions[${index}].${field}`
  const first = getPath(versions[0], field)
  const isCommon =
    first !== undefined && versions.every((version) => deepEqual(getPath(version, field), first))
  return (isCommon ? COMMON[field] : undefined) ?? own
}

export function validateVersion(versions: readonly unknown[], index: number): readonly FieldError[] {
  const version = versions[index]
  // What all have in common is looked at once.
  const pathOf = (field: string) => {
    const path = pathOfVersion(versions, index, field)
    return index > 0 && path === COMMON[field] ? undefined : path
  }
  const [subresources, columns, fields] = [
    'subresources',
    'additionalPrinterColumns',
    'selectableFields',
  ].map(pathOf)
  const schema = getRecord(version, 'schema', 'openAPIV3Schema')
  return [
    ...validateWarning(version, `spec.versions[${index}].deprecationWarning`),
    ...(subresources === undefined
      ? []
      : validateScale(getRecord(version, 'subresources', 'scale'), subresources)),
    ...(columns === undefined
      ? []
      : getList(version, 'additionalPrinterColumns').flatMap((column, number) =>
          validateColumn(column, `${columns}[${number}]`),
        )),
    ...(fields === undefined ? [] : validateSelectable(getList(version, 'selectableFields'), fields, schema)),
  ]
}

const WARNING_LENGTH_MAX = 256

function validateWarning(version: unknown, path: string): readonly FieldError[] {
  const warning = getString(version, 'deprecationWarning')
  if (warning === undefined) return []
  const refuse = (detail: string) => [invalid(path, warning, detail)]
  if (getPath(version, 'deprecated') !== true) return refuse('can only be set for deprecated versions')
  if (warning === '') return refuse('must not be an empty string')
  return warning.length > WARNING_LENGTH_MAX ? refuse(`must be <= ${WARNING_LENGTH_MAX} characters long`) : []
}

function validateScale(scale: JsonRecord | undefined, path: string): readonly FieldError[] {
  if (!scale) return []
  const under = (field: string, place: string) => {
    const text = getString(scale, field) ?? ''
    const at = `${path}.scale.${field}`
    if (text === '') return [required(at)]
    const errors = checkSimplePath(text, at)
    if (errors.length > 0 || text.startsWith(`.${place}.`)) return errors
    return [invalid(at, text, `should be a json path under .${place}`)]
  }
  return [
    ...under('specReplicasPath', 'spec'),
    ...under('statusReplicasPath', 'status'),
    ...checkSelectorPath(getString(scale, 'labelSelectorPath') ?? '', `${path}.scale.labelSelectorPath`),
  ]
}

function checkSelectorPath(text: string, path: string): readonly FieldError[] {
  if (text === '') return []
  const errors = checkSimplePath(text, path)
  if (errors.length > 0 || text.startsWith('.spec.') || text.startsWith('.status.')) return errors
  return [invalid(path, text, 'should be a json path under either .spec or .status')]
}

function checkSimplePath(text: string, path: string): readonly FieldError[] {
  return text.startsWith('.') ? [] : [invalid(path, text, 'must be a simple json path starting with .')]
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

function validateColumn(column: unknown, path: string): readonly FieldError[] {
  const type = getString(column, 'type') ?? ''
  const format = getString(column, 'format') ?? ''
  const source = getString(column, 'jsonPath') ?? ''
  const choices = `must be one of ${COLUMN_TYPES.join(',')}`
  const errors: FieldError[] = []
  if ((getString(column, 'name') ?? '') === '') errors.push(required(`${path}.name`))
  if (type === '') errors.push(required(`${path}.type`, choices))
  else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(`${path}.type`, type, choices))
  if (format !== '' && !COLUMN_FORMATS.includes(format))
    errors.push(invalid(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`))
  if (source === '') errors.push(required(`${path}.JSONPath`))
  else errors.push(...checkSimplePath(source, `${path}.JSONPath`))
  return errors
}

const SELECTABLE_MAX = 8
const SELECTABLE_TYPES = ['boolean', 'integer', 'string']

function validateSelectable(
  fields: readonly unknown[],
  path: string,
  schema: JsonRecord | undefined,
): readonly FieldError[] {
  if (fields.length === 0) return []
  if (!schema)
    return [invalid(path, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')]
  const seen = new Set<string>()
  const errors = fields.flatMap((field, index) => {
    const text = getString(field, 'jsonPath') ?? ''
    const at = `${path}[${index}].jsonPath`
    if (text === '') return [required(at)]
    const found = schemaAt(schema, text)
    if (!found) return [invalid(at, text, 'is an invalid path: does not refer to a valid field')]
    const isMetadata = text.startsWith('.metadata')
    const detail =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
    const problems = [
      ...(isMetadata ? [invalid(at, text, 'must not point to fields in metadata')] : []),
      ...(SELECTABLE_TYPES.includes(getString(found, 'type') ?? '') ? [] : [invalid(at, text, detail)]),
      ...(seen.has(text) ? [duplicate(at, text)] : []),
    ]
    seen.add(text)
    return problems
  })
  return seen.size > SELECTABLE_MAX ? [...errors, tooMany(path, seen.size, SELECTABLE_MAX)] : errors
}

/** The schema of the field at `.spec.color`. */
function schemaAt(schema: JsonRecord, path: string): JsonRecord | undefined {
  let current: JsonRecord | undefined = schema
  for (const name of path.split('.').slice(1)) current = getRecord(current, 'properties', name)
  return path.startsWith('.') && isRecord(current) ? current : undefined
}
