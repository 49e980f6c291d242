import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import type { LogFormat } from '../../model/index.ts'
import type { FormatNeeds, LogSurroundings, Reader } from './operator.ts'
import { type FormatPart, parseFormat } from './parse.ts'
import type { LogRecord } from './record.ts'

/** A format ready for use: all that does not depend on the record is done. */
export interface AccessLogFormat {
  /** A whole line, or several where the format says so; nothing in the record can add one. */
  readonly format: (record: LogRecord) => string
  /** Response fields that the format needs, in lower case: they are gone when the line is written. */
  readonly responseFields: readonly string[]
}

const NO_SURROUNDINGS: LogSurroundings = { hostname: '-', environment: {} }

/**
 * Compiles Envoy's command operators, in a text or in the values of a JSON object.
 * @returns what is wrong with the format and where
 * @see Envoy, "Access logging", format strings and format dictionaries
 */
export function compileAccessLogFormat(
  format: LogFormat,
  surroundings: LogSurroundings = NO_SURROUNDINGS,
): Result<AccessLogFormat, string> {
  const needs: FormatNeeds = { responseFields: new Set(), surroundings }
  const write =
    format.encoding === 'json' ? compileJson(format.format, needs) : compileText(format.format, needs)
  if (!write.ok) return write
  return ok({ format: write.value, responseFields: [...needs.responseFields] })
}

type Write = (record: LogRecord) => string

/** A value alone, as custom tags of spans have it: absent values are absent. */
export function compileValue(text: string, surroundings: LogSurroundings): Result<Reader, string> {
  const parts = parseFormat(text, { responseFields: new Set(), surroundings })
  if (!parts.ok) return parts
  const [only, ...others] = parts.value
  if (only?.kind === 'value' && others.length === 0) return ok(only.read)
  return ok(textWriter(parts.value))
}

function compileText(text: string, needs: FormatNeeds): Result<Write, string> {
  const parts = parseFormat(text, needs)
  return parts.ok ? ok(textWriter(parts.value)) : parts
}

function textWriter(parts: readonly FormatPart[]): Write {
  const pieces = parts.map((part) => {
    if (part.kind === 'text') return part.text
    const { read } = part
    return part.isOwn
      ? (record: LogRecord) => String(read(record) ?? '-')
      : (record: LogRecord) => printable(read(record))
  })
  return (record) => {
    let line = ''
    for (const piece of pieces) line += typeof piece === 'string' ? piece : piece(record)
    return line
  }
}

function printable(value: string | number | undefined): string {
  if (value === undefined) return '-'
  return typeof value === 'number' ? String(value) : oneLine(value)
}

/** What is no text of a line: what ends it for some reader, or moves its cursor. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

function oneLine(value: string): string {
  if (!UNPRINTABLE.test(value)) return value
  return value.replaceAll(new RegExp(UNPRINTABLE, 'g'), (character) => {
    const code = character.charCodeAt(0)
    return code < 256
      ? String.raw`\x${code.toString(16).padStart(2, '0')}`
      : String.raw`\u${code.toString(16)}`
  })
}

function compileJson(text: string, needs: FormatNeeds): Result<Write, string> {
  let members: unknown
  try {
    members = JSON.parse(text)
  } catch (error) {
    return fail(`is not JSON: ${messageOf(error)}`)
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    return fail('must be a JSON object, with operators in its values')
  const write = compileMember(members, '', needs)
  return write.ok ? ok((record) => `${write.value(record)}\n`) : write
}

/** Writes one value of the JSON, its names escaped once. */
function compileMember(value: unknown, path: string, needs: FormatNeeds): Result<Write, string> {
  if (typeof value === 'string') return compileJsonText(value, path, needs)
  if (typeof value !== 'object' || value === null) {
    const constant = JSON.stringify(value)
    return ok(() => constant)
  }
  const isList = Array.isArray(value)
  const pieces: (string | Write)[] = [isList ? '[' : '{']
  for (const [index, [name, member]] of Object.entries(value).entries()) {
    const write = compileMember(member, isList ? `${path}[${name}]` : `${path}.${name}`, needs)
    if (!write.ok) return write
    pieces.push(`${index === 0 ? '' : ','}${isList ? '' : `${JSON.stringify(name)}:`}`, write.value)
  }
  pieces.push(isList ? ']' : '}')
  return ok((record) => {
    let json = ''
    for (const piece of pieces) json += typeof piece === 'string' ? piece : piece(record)
    return json
  })
}

/** An operator alone keeps its type: numbers are numbers, and what is not there is null. */
function compileJsonText(text: string, path: string, needs: FormatNeeds): Result<Write, string> {
  const parts = parseFormat(text, needs)
  if (!parts.ok) return fail(`${path.slice(1)}: ${parts.error}`)
  const [only, ...others] = parts.value
  if (only?.kind === 'value' && others.length === 0) {
    const { read } = only
    return ok((record) => jsonOf(read(record)))
  }
  const write = textWriter(parts.value)
  return ok((record) => jsonOf(write(record)))
}

/** What needs no escape, which is nearly everything: 3 times as fast as asking for one (measured). */
const PLAIN_JSON = /^[ !#-[\]-~]*$/

function jsonOf(value: string | number | undefined): string {
  if (value === undefined) return 'null'
  if (typeof value === 'number') return String(value)
  return PLAIN_JSON.test(value) ? `"${value}"` : JSON.stringify(value)
}
