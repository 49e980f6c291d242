import { RE2JS } from 're2js'
import { fail, messageOf, ok, type Result } from '../../base/index.ts'

/** Reads one field of a message, by its name in lower case; `:path` and the like are fields here. */
export type FieldReader = (name: string) => string | undefined

/**
 * What a tap looks for, in Envoy's words. Of the request alone it may be unknown whether it holds: undefined says so.
 */
export type TapMatch = (request: FieldReader, response: FieldReader | undefined) => boolean | undefined

type Members = Readonly<Record<string, unknown>>
type FieldTest = (value: string | undefined) => boolean

/** @returns what is wrong with the predicate and where. @see Envoy, config.common.matcher.v3.MatchPredicate */
export function compileMatch(value: unknown, path: string): Result<TapMatch, string> {
  if (!isMembers(value)) return fail(`${path} must be an object`)
  const [name, ...others] = Object.keys(value)
  if (name === undefined || others.length > 0) return fail(`${path} must have exactly one rule`)
  const at = `${path}.${name}`
  const rule = value[name]
  switch (name) {
    case 'any_match':
      return rule === true ? ok(() => true) : fail(`${at} must be true`)
    case 'not_match':
      return negated(compileMatch(rule, at))
    case 'and_match':
      return compileSeveral(rule, at, (results) =>
        results.includes(false) ? false : unlessUnknown(results, true),
      )
    case 'or_match':
      return compileSeveral(rule, at, (results) =>
        results.includes(true) ? true : unlessUnknown(results, false),
      )
    case 'http_request_headers_match':
      return compileFields(rule, at, (test) => (request) => test(request))
    case 'http_response_headers_match':
      return compileFields(rule, at, (test) => (_request, response) => response && test(response))
    default:
      return fail(
        `${at} is not supported; any_match, not_match, and_match, or_match, http_request_headers_match and http_response_headers_match are`,
      )
  }
}

function unlessUnknown(results: readonly (boolean | undefined)[], value: boolean): boolean | undefined {
  return results.includes(undefined) ? undefined : value
}

function negated(inner: Result<TapMatch, string>): Result<TapMatch, string> {
  if (!inner.ok) return inner
  return ok((request, response) => {
    const result = inner.value(request, response)
    return result === undefined ? undefined : !result
  })
}

function compileSeveral(
  rule: unknown,
  path: string,
  join: (results: readonly (boolean | undefined)[]) => boolean | undefined,
): Result<TapMatch, string> {
  const rules = isMembers(rule) ? rule['rules'] : undefined
  if (!Array.isArray(rules) || rules.length === 0) return fail(`${path}.rules must be a list, not empty`)
  const compiled: TapMatch[] = []
  for (const [i, one] of (rules as readonly unknown[]).entries()) {
    const match = compileMatch(one, `${path}.rules[${i}]`)
    if (!match.ok) return match
    compiled.push(match.value)
  }
  return ok((request, response) => join(compiled.map((match) => match(request, response))))
}

function compileFields(
  rule: unknown,
  path: string,
  place: (test: (read: FieldReader) => boolean) => TapMatch,
): Result<TapMatch, string> {
  const headers = isMembers(rule) ? rule['headers'] : undefined
  if (!Array.isArray(headers)) return fail(`${path}.headers must be a list`)
  const tests: { readonly name: string; readonly test: FieldTest }[] = []
  for (const [i, header] of (headers as readonly unknown[]).entries()) {
    const at = `${path}.headers[${i}]`
    if (!isMembers(header) || typeof header['name'] !== 'string') return fail(`${at}.name must be a text`)
    const test = compileField(header, at)
    if (!test.ok) return test
    tests.push({ name: header['name'].toLowerCase(), test: test.value })
  }
  return ok(place((read) => tests.every(({ name, test }) => test(read(name)))))
}

/** @see Envoy, config.route.v3.HeaderMatcher, as far as it speaks of texts */
function compileField(header: Members, path: string): Result<FieldTest, string> {
  const { name: _name, invert_match: inverts, ...conditions } = header
  const [kind, ...others] = Object.keys(conditions)
  if (others.length > 0)
    return fail(`${path} must have one condition, not ${Object.keys(conditions).join(', ')}`)
  const test = kind === undefined ? ok(isPresent) : compileCondition(kind, conditions[kind], path)
  if (!test.ok || inverts !== true) return test
  return ok((value) => !test.value(value))
}

const isPresent: FieldTest = (value) => value !== undefined

function compileCondition(kind: string, value: unknown, path: string): Result<FieldTest, string> {
  if (kind === 'present_match') return ok((found) => (found !== undefined) === (value !== false))
  if (kind === 'string_match') return compileText(value, `${path}.string_match`)
  const short = /^(exact|prefix|suffix|contains|safe_regex)_match$/.exec(kind)?.[1]
  if (short === undefined) return fail(`${path}.${kind} is not supported`)
  return compileText({ [short]: value }, `${path}.${kind}`)
}

function compileText(value: unknown, path: string): Result<FieldTest, string> {
  if (!isMembers(value)) return fail(`${path} must be an object`)
  const { ignore_case: ignoresCase, ...conditions } = value
  const [kind = '', ...others] = Object.keys(conditions)
  if (others.length > 0) return fail(`${path} must have one condition`)
  const wanted = conditions[kind]
  if (kind === 'safe_regex') return compileRegex(wanted, path)
  if (typeof wanted !== 'string') return fail(`${path}.${kind} must be a text`)
  const fold = (text: string) => (ignoresCase === true ? text.toLowerCase() : text)
  const text = fold(wanted)
  switch (kind) {
    case 'exact':
      return ok((found) => found !== undefined && fold(found) === text)
    case 'prefix':
      return ok((found) => found !== undefined && fold(found).startsWith(text))
    case 'suffix':
      return ok((found) => found !== undefined && fold(found).endsWith(text))
    case 'contains':
      return ok((found) => found !== undefined && fold(found).includes(text))
    default:
      return fail(`${path}.${kind} is not supported; exact, prefix, suffix, contains and safe_regex are`)
  }
}

/** The whole of the text has to match, as in Envoy. */
function compileRegex(value: unknown, path: string): Result<FieldTest, string> {
  const pattern = isMembers(value) ? value['regex'] : undefined
  if (typeof pattern !== 'string') return fail(`${path}.regex must be a text`)
  try {
    const compiled = RE2JS.compile(pattern)
    return ok((found) => found !== undefined && compiled.testExact(found))
  } catch (error) {
    return fail(`${path}.regex is not an RE2 expression: ${messageOf(error)}`)
  }
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
