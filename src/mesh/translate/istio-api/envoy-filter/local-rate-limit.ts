import type { HeaderValue, RateLimit, TokenBucket } from '../../../../model/index.ts'
import {
  flagOf,
  integerOf,
  listOf,
  memberOf,
  millisecondsOf,
  type Node,
  onlyMembers,
  textOf,
  unwrapTyped,
} from './read.ts'

export const LOCAL_RATE_LIMIT = 'envoy.filters.http.local_ratelimit'
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'

export type LimitTerms = Omit<RateLimit, 'type' | 'key' | 'selector' | 'sides' | 'place' | 'order' | 'origin'>

/** Envoy's own bound on how often a bucket is filled. */
const FILL_INTERVAL_MIN_MS = 50
const TOO_MANY_REQUESTS = 429

/** The members of Envoy's LocalRateLimit that are taken over; any other one is a fault. */
const MEMBERS = [
  'stat_prefix',
  'status',
  'token_bucket',
  'filter_enabled',
  'filter_enforced',
  'response_headers_to_add',
  'request_headers_to_add_when_not_enforced',
  'enable_x_ratelimit_headers',
  'rate_limited_as_resource_exhausted',
]

/**
 * A LocalRateLimit, as itself or inside of a TypedStruct.
 * @param isPerRoute there it must have a bucket
 * @returns undefined when it is something else, which is among the faults
 */
export function readLocalRateLimit(node: Node, isPerRoute: boolean): LimitTerms | undefined {
  const config = unwrapTyped(node, TYPE)
  if (config === undefined) return undefined
  onlyMembers(config, config === node ? [...MEMBERS, '@type'] : MEMBERS)
  const statPrefix = textOf(memberOf(config, 'stat_prefix'))
  if (statPrefix === undefined || statPrefix === '')
    config.faults.add(`${config.path}.stat_prefix`, 'is needed')
  const bucketNode = memberOf(config, 'token_bucket')
  if (bucketNode === undefined && isPerRoute) config.faults.add(`${config.path}.token_bucket`, 'is needed')
  const bucket = bucketNode && readBucket(bucketNode)
  return {
    statPrefix: statPrefix ?? '',
    status: readStatus(memberOf(config, 'status')),
    ...(bucket === undefined ? {} : { bucket }),
    enabledPercent: readPercent(memberOf(config, 'filter_enabled')),
    enforcedPercent: readPercent(memberOf(config, 'filter_enforced')),
    responseHeaders: readHeaders(memberOf(config, 'response_headers_to_add')).map(({ header }) => header),
    requestHeaders: splitHeaders(readHeaders(memberOf(config, 'request_headers_to_add_when_not_enforced'))),
    hasLimitHeaders: readVersion(memberOf(config, 'enable_x_ratelimit_headers')),
    isResourceExhausted: flagOf(memberOf(config, 'rate_limited_as_resource_exhausted')) ?? false,
  }
}

function readBucket(node: Node): TokenBucket | undefined {
  onlyMembers(node, ['max_tokens', 'tokens_per_fill', 'fill_interval'])
  const maxTokens = integerOf(memberOf(node, 'max_tokens'), 1)
  const tokensPerFill = integerOf(memberOf(node, 'tokens_per_fill'), 1) ?? 1
  const fillIntervalMs = millisecondsOf(memberOf(node, 'fill_interval'), FILL_INTERVAL_MIN_MS)
  if (maxTokens !== undefined && fillIntervalMs !== undefined)
    return { maxTokens, tokensPerFill, fillIntervalMs }
  for (const name of ['max_tokens', 'fill_interval']) {
    if (memberOf(node, name) === undefined) node.faults.add(`${node.path}.${name}`, 'is needed')
  }
  return undefined
}

/** Envoy: below 400 it is 429 all the same. */
function readStatus(node: Node | undefined): number {
  if (node === undefined) return TOO_MANY_REQUESTS
  const code = memberOf(node, 'code')
  const status = code?.value === 'TooManyRequests' ? TOO_MANY_REQUESTS : integerOf(code, 0)
  return status === undefined || status < 400 || status > 599 ? TOO_MANY_REQUESTS : status
}

const DENOMINATORS: Readonly<Record<string, number>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
}

/** A RuntimeFractionalPercent; there is no runtime, so the default holds. Absent: none, as in Envoy. */
function readPercent(node: Node | undefined): number {
  if (node === undefined) return 0
  onlyMembers(node, ['runtime_key', 'default_value'])
  const value = memberOf(node, 'default_value')
  if (value === undefined) return 0
  onlyMembers(value, ['numerator', 'denominator'])
  const numerator = integerOf(memberOf(value, 'numerator'), 0) ?? 0
  const name = textOf(memberOf(value, 'denominator')) ?? 'HUNDRED'
  const denominator = Object.hasOwn(DENOMINATORS, name) ? DENOMINATORS[name] : undefined
  if (denominator === undefined) {
    value.faults.add(`${value.path}.denominator`, 'must be HUNDRED, TEN_THOUSAND or MILLION')
    return 0
  }
  return Math.min(100, (numerator * 100) / denominator)
}

function readVersion(node: Node | undefined): boolean {
  const version = textOf(node) ?? 'OFF'
  if (node !== undefined && version !== 'OFF' && version !== 'DRAFT_VERSION_03') {
    node.faults.add(node.path, 'must be OFF or DRAFT_VERSION_03')
  }
  return version === 'DRAFT_VERSION_03'
}

interface AddedHeader {
  readonly header: HeaderValue
  readonly isAppended: boolean
}

const ACTIONS: Readonly<Record<string, boolean>> = {
  APPEND_IF_EXISTS_OR_ADD: true,
  OVERWRITE_IF_EXISTS_OR_ADD: false,
}

/** HeaderValueOptions. Without a word on it Envoy appends. */
function readHeaders(list: Node | undefined): readonly AddedHeader[] {
  return listOf(list).flatMap((node) => {
    onlyMembers(node, ['append', 'append_action', 'header'])
    const header = memberOf(node, 'header')
    const name = textOf(header && memberOf(header, 'key'))?.toLowerCase()
    const value = textOf(header && memberOf(header, 'value')) ?? ''
    if (name === undefined || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
      node.faults.add(`${node.path}.header.key`, 'must be the name of a header')
      return []
    }
    // Envoy puts parts of the request in the place of such texts.
    if (/[%\r\n\0]/.test(value)) {
      node.faults.add(`${node.path}.header.value`, 'must be plain text: % is not supported')
      return []
    }
    return [{ header: { name, value }, isAppended: readAppend(node) }]
  })
}

function readAppend(node: Node): boolean {
  const action = memberOf(node, 'append_action')
  if (action === undefined) return flagOf(memberOf(node, 'append')) ?? true
  const name = textOf(action) ?? ''
  const isAppended = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
  if (isAppended === undefined) {
    action.faults.add(action.path, `must be one of ${Object.keys(ACTIONS).join(', ')}`)
  }
  return isAppended ?? true
}

function splitHeaders(headers: readonly AddedHeader[]): RateLimit['requestHeaders'] {
  const part = (isAppended: boolean) =>
    headers.filter((one) => one.isAppended === isAppended).map(({ header }) => header)
  return { set: part(false), add: part(true) }
}
