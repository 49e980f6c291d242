import { fail, ok, type Result } from '../../base/index.ts'
import type { FormatNeeds, Reader } from './operator.ts'
import type { LogRecord } from './record.ts'

type Choice = (record: LogRecord) => string | undefined

/** `REQ(X?Y)`: the field X, or Y where there is no X. */
export function requestField(argument: string | undefined, withoutQuery: boolean): Result<Reader, string> {
  const names = namesOf(argument)
  if (!names.ok) return names
  const choices = names.value.map((name) => requestChoice(name))
  const read = firstOf(choices)
  if (!withoutQuery) return ok(read)
  return ok((record) => read(record)?.split('?', 1)[0])
}

/** `RESP(X?Y)` */
export function responseField(argument: string | undefined, needs: FormatNeeds): Result<Reader, string> {
  const names = namesOf(argument)
  if (!names.ok) return names
  return ok(firstOf(names.value.map((name) => responseChoice(name, needs))))
}

/** `TRAILER(X?Y)` */
export function trailerField(argument: string | undefined): Result<Reader, string> {
  const names = namesOf(argument)
  if (!names.ok) return names
  return ok(firstOf(names.value.map((name) => (record) => lineValue(record.responseTrailers, name))))
}

function namesOf(argument: string | undefined): Result<readonly string[], string> {
  const names = (argument ?? '').toLowerCase().split('?')
  if (names.length > 2) return fail('wants one field, or two with a question mark between them')
  const bad = names.find((name) => !/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))
  return bad === undefined ? ok(names) : fail(bad === '' ? 'wants a field name' : `"${bad}" is no field name`)
}

function firstOf(choices: readonly Choice[]): (record: LogRecord) => string | undefined {
  const [first, second] = choices as readonly [Choice, Choice | undefined]
  if (second === undefined) return (record) => first(record) || undefined
  return (record) => first(record) || second(record) || undefined
}

function requestChoice(name: string): Choice {
  switch (name) {
    case ':method':
      return (record) => texted(record.method)
    case ':path':
      return (record) => texted(record.path)
    case ':authority':
    case 'host':
      return (record) => texted(record.authority)
    case ':scheme':
      return (record) => texted(record.scheme)
    case ':protocol':
      return () => undefined
    case 'x-request-id':
      return (record) => texted(record.requestId)
    case 'x-envoy-original-path':
      return (record) => record.originalPath
    default:
      return (record) => record.header(name)
  }
}

function responseChoice(name: string, needs: FormatNeeds): Choice {
  if (name === 'x-envoy-upstream-service-time') {
    return (record) => (record.upstreamServiceTime < 0 ? undefined : String(record.upstreamServiceTime))
  }
  if (name === ':status') return (record) => String(record.status)
  needs.responseFields.add(name)
  return (record) => record.responseFields?.[name]
}

function texted(text: string): string | undefined {
  return text === '-' ? undefined : text
}

/** The value of a field in lines that end in CR LF; several lines joined by commas. */
export function lineValue(lines: string, name: string): string | undefined {
  if (lines === '') return undefined
  let value: string | undefined
  for (const line of lines.split('\r\n')) {
    if (line.charCodeAt(name.length) !== COLON || line.slice(0, name.length).toLowerCase() !== name) continue
    const text = line.slice(name.length + 1).trim()
    value = value === undefined ? text : `${value},${text}`
  }
  return value
}

const COLON = 0x3a
