import { type CelInput, celList, celMap } from '@bufbuild/cel'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { isRecord } from '../../json.ts'
import { fieldSchema } from '../prune.ts'
import type { StructuralSchema } from '../structural.ts'
import { parseCelDuration } from './duration.ts'

/** Words that CEL reserves: a property of this name is reached as `__name__`. */
const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

const ESCAPES: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}

/** The name by which CEL reaches a property; undefined where no name can (such fields are hidden). */
export function celFieldName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`
  const escaped = name.replace(/__|[./-]/g, (part) => ESCAPES[part] ?? part)
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined
}

/**
 * Converts a JSON value to what CEL sees, by schema: integers become int, other numbers double, texts with the
 * formats date-time, duration and byte become timestamp, duration and bytes.
 * @param root a resource shows `apiVersion`, `kind`, `metadata.name` and `metadata.generateName` besides its fields
 */
export function toCelValue(schema: StructuralSchema, value: unknown, root = false): CelInput {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return fromString(schema, value)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return fromNumber(schema, value)
  if (Array.isArray(value)) return celList(value.map((item) => toCelValue(schema.items ?? {}, item)))
  return isRecord(value)
    ? fromRecord(schema, value, root || schema['x-kubernetes-embedded-resource'] === true)
    : null
}

function fromNumber(schema: StructuralSchema, value: number): CelInput {
  if (schema.type === 'number') return value
  return Number.isInteger(value) ? BigInt(value) : value
}

function fromString(schema: StructuralSchema, text: string): CelInput {
  switch (schema.format) {
    case 'date-time': {
      const date = new Date(text)
      return Number.isNaN(date.getTime()) ? text : timestampFromDate(date)
    }
    case 'duration':
      return parseCelDuration(text) ?? text
    case 'byte':
      return Uint8Array.from(atobBytes(text))
    default:
      return text
  }
}

function* atobBytes(text: string): Generator<number> {
  for (const char of atob(text)) yield char.charCodeAt(0)
}

function fromRecord(
  schema: StructuralSchema,
  value: Readonly<Record<string, unknown>>,
  resource: boolean,
): CelInput {
  const map = new Map<string, CelInput>()
  const isMap = typeof schema.additionalProperties === 'object'
  for (const [key, item] of Object.entries(value)) {
    const field = fieldSchema(schema, key)
    if (resource && (key === 'apiVersion' || key === 'kind')) map.set(key, String(item))
    else if (resource && key === 'metadata') map.set(key, visibleMetadata(item))
    else if (!field) continue
    else if (isMap) map.set(key, toCelValue(field, item))
    else setField(map, key, toCelValue(field, item))
  }
  return celMap(map)
}

function setField(map: Map<string, CelInput>, key: string, value: CelInput): void {
  const name = celFieldName(key)
  if (name !== undefined && value !== null) map.set(name, value)
}

function visibleMetadata(metadata: unknown): CelInput {
  const map = new Map<string, CelInput>()
  if (isRecord(metadata)) {
    for (const key of ['name', 'generateName']) {
      const value = metadata[key]
      if (typeof value === 'string') map.set(key, value)
    }
  }
  return celMap(map)
}
