import { type FieldError, goQuote } from '../../kube/index.ts'
import { readInt64, refuseOptions } from './options.ts'
import { isTrue } from './request.ts'
import { badRequest, unexplained } from './status-error.ts'

/** The options that lists, watches and deletions of collections share. */
export interface ListOptions {
  /** 0 is no limit */
  readonly limit: number
  readonly continue: string
  /** as it came; '' and '0' are no wish */
  readonly resourceVersion: string
  readonly match: '' | 'Exact' | 'NotOlderThan'
  /** undefined where the client says nothing about it */
  readonly sendInitialEvents: boolean | undefined
  readonly allowWatchBookmarks: boolean
  /** undefined for as long as the server likes */
  readonly timeoutSeconds: number | undefined
}

/** @throws StatusError 400 for what cannot be decoded, 422 for what contradicts itself */
export function readListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const limit = readInt64(query, 'limit') ?? 0
  const seconds = readInt64(query, 'timeoutSeconds')
  const options = {
    limit: Math.max(limit, 0),
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    match: query.get('resourceVersionMatch') ?? '',
    sendInitialEvents: query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined,
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: seconds !== undefined && seconds > 0 ? seconds : undefined,
  }
  refuseOptions('ListOptions', isWatch ? checkWatch(options) : checkList(options))
  return { ...options, match: options.match as ListOptions['match'] }
}

type Unchecked = Pick<ListOptions, 'continue' | 'resourceVersion' | 'sendInitialEvents'> & {
  readonly match: string
}

const MATCH = 'resourceVersionMatch'
const forbidden = (path: string, detail: string): FieldError => ({ type: 'Forbidden', path, detail })
const unsupported = (value: string, supported: readonly string[]): FieldError => ({
  type: 'Unsupported value',
  path: MATCH,
  value,
  detail: `supported values: ${supported.map((each) => `"${each}"`).join(', ')}`,
})

function checkList({
  match,
  resourceVersion,
  sendInitialEvents,
  ...options
}: Unchecked): readonly FieldError[] {
  const errors: FieldError[] = []
  if (match !== '') {
    if (resourceVersion === '')
      errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
    if (options.continue !== '')
      errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan')
      errors.push(unsupported(match, ['Exact', 'NotOlderThan', '']))
    if (match === 'Exact' && resourceVersion === '0')
      errors.push(forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  }
  if (sendInitialEvents !== undefined)
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  return errors
}

/** A watch that begins with the present state is, to Kubernetes, one that asks for initial events. */
function checkWatch({
  match,
  resourceVersion,
  sendInitialEvents,
  ...options
}: Unchecked): readonly FieldError[] {
  const errors: FieldError[] = []
  const beginsNow = resourceVersion === '' || resourceVersion === '0'
  const isImplied = sendInitialEvents === undefined && match === '' && beginsNow
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    errors.push(forbidden(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
  if (match !== '' && sendInitialEvents === undefined)
    errors.push(
      forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    )
  if (match !== '' && match !== 'NotOlderThan') errors.push(unsupported(match, ['NotOlderThan']))
  if ((match !== '' || isImplied) && options.continue !== '')
    errors.push(forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'))
  return errors
}

/**
 * The revision that a resourceVersion names.
 * @returns undefined for '' and '0', which are no wish
 * @throws StatusError: a list that asks for nonsense is a bad request, a watch or a get an internal error
 */
export function revisionOf(text: string, verb: 'list' | 'watch' | 'get'): number | undefined {
  if (text === '' || text === '0') return undefined
  if (/^\d{1,20}$/.test(text)) return Number(text)
  const problem = `resourceVersion: Invalid value: ${goQuote(text)}: strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`
  throw verb === 'list' ? badRequest(`invalid resource version: ${problem}`) : unexplained(problem)
}
