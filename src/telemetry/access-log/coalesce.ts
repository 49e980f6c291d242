import { fail, messageOf, ok, type Result } from '../../base/index.ts'
import type { Reader } from './operator.ts'

type Make = (name: string, argument: string | undefined) => Result<Reader, string>

/** `COALESCE({"operators": [{"command": "REQ", "param": "x"}, "REQUEST_DURATION"]})`: the first that has a value. */
export function coalesce(argument: string | undefined, make: Make): Result<Reader, string> {
  let parsed: unknown
  try {
    parsed = JSON.parse(argument ?? '')
  } catch (error) {
    return fail(`wants JSON: ${messageOf(error)}`)
  }
  const operators = isRecord(parsed) ? parsed['operators'] : undefined
  if (!Array.isArray(operators) || operators.length === 0)
    return fail('wants {"operators": [...]}, not empty')
  const readers: Reader[] = []
  for (const operator of operators as readonly unknown[]) {
    const reader = readerOf(operator, make)
    if (!reader.ok) return reader
    readers.push(reader.value)
  }
  return ok((record) => {
    for (const read of readers) {
      const value = read(record)
      if (value !== undefined) return value
    }
    return undefined
  })
}

function readerOf(operator: unknown, make: Make): Result<Reader, string> {
  if (typeof operator === 'string') return named(operator, make(operator, undefined))
  if (!isRecord(operator) || typeof operator['command'] !== 'string')
    return fail('wants operators that are names or {"command", "param", "max_length"}')
  const { command, param, max_length: length } = operator
  const reader = named(command, make(command, typeof param === 'string' ? param : undefined))
  if (!reader.ok || typeof length !== 'number') return reader
  return ok((record) => {
    const value = reader.value(record)
    return typeof value === 'string' ? value.slice(0, length) : value
  })
}

function named(name: string, made: Result<Reader, string>): Result<Reader, string> {
  return made.ok ? made : fail(`names ${name}, which ${made.error}`)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
