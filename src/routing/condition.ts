import { type Result, fail, ok, unreachable } from '../base/index.ts'
import type { ClaimMatch, KeyedMatch, PathMatch, RouteMatch, StringMatch } from '../model/index.ts'
import { compileFullMatch, type TextTest } from './regex.ts'
import { type RouteRequest, pathOnly, queryOf, queryParameter } from './request.ts'

/** A request with what is taken from it once; one is kept per table and filled again for each request. */
export interface Subject {
  request: RouteRequest
  /** Without the query. */
  path: string
  query: string
  /** It asks for a tunnel: that is for matches that name the method, not for those that happen to fit it. */
  connects: boolean
}

/** One condition of a match, compiled. It decides, and says what it wants and what it met. */
export interface Condition {
  readonly name: string
  readonly expected: string
  readonly holds: (subject: Subject) => boolean
  readonly actual: (subject: Subject) => string
}

export function subjectOf(request: RouteRequest): Subject {
  return {
    request,
    path: pathOnly(request.path),
    query: queryOf(request.path),
    connects: request.method === 'CONNECT',
  }
}

/** What a match that does not name CONNECT says of one. @see Envoy, connect_matcher */
export const NAMES_CONNECT: Condition = {
  name: 'method',
  expected: 'CONNECT by name',
  holds: ({ connects }) => !connects,
  actual: ({ request }) => request.method,
}

const ABSENT = 'absent'

/** All conditions but the path, in the order in which they are checked: cheap and telling ones first. */
export function compileConditions(
  match: RouteMatch,
  clientNamespaces: readonly string[] | undefined,
  reject: (path: string, message: string) => void,
): readonly Condition[] {
  const conditions: Condition[] = []
  function add(field: string, condition: Result<Condition, string>): void {
    if (condition.ok) conditions.push(condition.value)
    else reject(field, condition.error)
  }
  if (match.port !== undefined) conditions.push(portCondition(match.port))
  if (clientNamespaces !== undefined) conditions.push(clientNamespaceCondition(clientNamespaces))
  if (match.sourceNamespace !== undefined) conditions.push(sourceNamespaceCondition(match.sourceNamespace))
  if (match.sourceLabels !== undefined) conditions.push(sourceLabelsCondition(match.sourceLabels))
  if (match.method !== undefined) {
    add(
      'method.value',
      textCondition('method', match.method, ({ request }) => request.method),
    )
  }
  if (match.scheme !== undefined) {
    add(
      'scheme.value',
      textCondition('scheme', match.scheme, ({ request }) => request.scheme),
    )
  }
  if (match.authority !== undefined) {
    add(
      'authority.value',
      textCondition('authority', match.authority, ({ request }) => request.authority),
    )
  }
  match.headers.forEach((header, i) =>
    add(
      `headers[${i}].match.value`,
      keyedCondition('header', header, ({ request }) => request.header(header.name)),
    ),
  )
  match.claims?.forEach((claim, i) => add(`claims[${i}].match.value`, claimCondition(claim)))
  match.query.forEach((parameter, i) =>
    add(
      `query[${i}].match.value`,
      keyedCondition('query parameter', parameter, ({ query }) =>
        query === '' ? undefined : queryParameter(query, parameter.name),
      ),
    ),
  )
  return conditions
}

function portCondition(port: number): Condition {
  return {
    name: 'port',
    expected: String(port),
    holds: ({ request }) => request.port === port,
    actual: ({ request }) => String(request.port),
  }
}

/** The server sends such a route only to proxies of these namespaces, so a request of unknown source passes. */
function clientNamespaceCondition(namespaces: readonly string[]): Condition {
  return {
    name: 'client namespace',
    expected: `one of ${namespaces.join(', ')}`,
    holds: ({ request }) => request.source === undefined || namespaces.includes(request.source.namespace),
    actual: ({ request }) => request.source?.namespace ?? ABSENT,
  }
}

function sourceNamespaceCondition(namespace: string): Condition {
  return {
    name: 'source namespace',
    expected: namespace,
    holds: ({ request }) => request.source?.namespace === namespace,
    actual: ({ request }) => request.source?.namespace ?? ABSENT,
  }
}

function sourceLabelsCondition(labels: Readonly<Record<string, string>>): Condition {
  const wanted = Object.entries(labels)
  return {
    name: 'source labels',
    expected: formatLabels(wanted),
    holds: ({ request }) => {
      const { source } = request
      return source !== undefined && wanted.every(([name, value]) => source.labels[name] === value)
    },
    actual: ({ request }) =>
      request.source === undefined ? ABSENT : formatLabels(Object.entries(request.source.labels)),
  }
}

function formatLabels(labels: readonly (readonly [string, string])[]): string {
  return labels.map(([name, value]) => `${name}=${value}`).join(',')
}

function textCondition(
  name: string,
  match: StringMatch,
  valueOf: (subject: Subject) => string,
): Result<Condition, string> {
  const test = compileString(match)
  if (!test.ok) return test
  const holds = test.value
  return ok({
    name,
    expected: formatString(match),
    holds: (subject) => holds(valueOf(subject)),
    actual: valueOf,
  })
}

function keyedCondition(
  what: string,
  keyed: KeyedMatch,
  valueOf: (subject: Subject) => string | undefined,
): Result<Condition, string> {
  const test = compileString(keyed.match)
  if (!test.ok) return test
  const matches = test.value
  const wanted = keyed.invert !== true
  return ok({
    name: `${what} ${keyed.name}`,
    expected: wanted ? formatString(keyed.match) : `not ${formatString(keyed.match)}`,
    holds: (subject) => {
      const value = valueOf(subject)
      return (value !== undefined && matches(value)) === wanted
    },
    actual: (subject) => valueOf(subject) ?? ABSENT,
  })
}

/** A list holds when one of its texts does; what is neither text nor list never. @see Istio, JWT claim based routing */
function claimCondition(claim: ClaimMatch): Result<Condition, string> {
  const test = compileString(claim.match)
  if (!test.ok) return test
  const wanted = claim.invert !== true
  return ok({
    name: `claim ${claim.path.join('.')}`,
    expected: wanted ? formatString(claim.match) : `not ${formatString(claim.match)}`,
    holds: ({ request }) => textsAt(request, claim.path).some(test.value) === wanted,
    actual: ({ request }) => textsAt(request, claim.path).join(', ') || ABSENT,
  })
}

function textsAt({ auth }: RouteRequest, path: readonly string[]): readonly string[] {
  let at: unknown = auth?.claims
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return []
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  const list: readonly unknown[] = Array.isArray(at) ? at : [at]
  return list.filter((one) => typeof one === 'string')
}

export function compileString(match: StringMatch): Result<TextTest, string> {
  switch (match.kind) {
    case 'exact':
      return ok(compileEqual(match.value, match.ignoreCase))
    case 'prefix':
      return ok(compilePrefix(match.value, match.ignoreCase))
    case 'regex':
      return compileFullMatch(match.value, match.ignoreCase)
    case 'present':
      return ok(() => true)
    default:
      return unreachable(match)
  }
}

function compileEqual(wanted: string, ignoreCase = false): TextTest {
  if (!ignoreCase) return (value) => value === wanted
  const lower = wanted.toLowerCase()
  return (value) => value.length === wanted.length && value.toLowerCase() === lower
}

function compilePrefix(wanted: string, ignoreCase = false): TextTest {
  if (!ignoreCase) return (value) => value.startsWith(wanted)
  const lower = wanted.toLowerCase()
  return (value) => value.toLowerCase().startsWith(lower)
}

function formatString(match: StringMatch): string {
  switch (match.kind) {
    case 'present':
      return 'present'
    case 'exact':
      return JSON.stringify(match.value)
    case 'prefix':
      return `prefix ${JSON.stringify(match.value)}`
    case 'regex':
      return `regex ${JSON.stringify(match.value)}`
    default:
      return unreachable(match)
  }
}

/** The path condition; the tables find candidates by index and use this where they cannot, and to explain. */
export function compilePath(path: PathMatch | undefined): Result<Condition, string> {
  if (path === undefined) return ANY_PATH
  switch (path.kind) {
    case 'exact':
      return ok(pathCondition(JSON.stringify(path.value), compileEqual(path.value, path.ignoreCase)))
    case 'segment-prefix':
      return ok(
        pathCondition(`${path.value === '' ? '/' : path.value} and below`, (value) =>
          hasSegmentPrefix(value, path.value),
        ),
      )
    case 'string-prefix':
      return ok(
        pathCondition(`prefix ${JSON.stringify(path.value)}`, compilePrefix(path.value, path.ignoreCase)),
      )
    case 'regex': {
      const test = compileFullMatch(path.value, path.ignoreCase)
      return test.ok ? ok(pathCondition(`regex ${JSON.stringify(path.value)}`, test.value)) : fail(test.error)
    }
    default:
      return unreachable(path)
  }
}

/** Made once: most routes ask for no path. */
const ANY_PATH = ok(pathCondition('any', () => true))

function pathCondition(expected: string, test: TextTest): Condition {
  return { name: 'path', expected, holds: ({ path }) => test(path), actual: ({ path }) => path }
}

/** Whether a path is the prefix, or goes on below it (Gateway API, PathPrefix). */
function hasSegmentPrefix(path: string, prefix: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/' || prefix === '')
  )
}
