import {
  type Check,
  filledText,
  flag,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  port,
  union,
} from './check.ts'
import { domain, labels, origin } from './check-common.ts'
import { headerValues, order } from './check-route.ts'
import type { RateLimit, RateLimitPlace, TokenBucket } from './rate-limit.ts'

type Place<Kind> = Extract<RateLimitPlace, { readonly kind: Kind }>

const kind = filledText

const place = union<RateLimitPlace['kind']>('kind', {
  listener: object<Place<'listener'>>({ kind, port: optional(port) }),
  'virtual-host': object<Place<'virtual-host'>>({ kind, port: optional(port), domain: optional(domain) }),
  route: object<Place<'route'>>({
    kind,
    port: optional(port),
    domain: optional(domain),
    route: optional(filledText),
  }),
})

export const checkRateLimit: Check = object<RateLimit>({
  type: oneOf('rate-limit'),
  key: filledText,
  selector: object<RateLimit['selector']>({ namespace: optional(filledText), labels }),
  sides: list(oneOf('gateway', 'inbound', 'outbound'), { filled: true }),
  place,
  bucket: optional(
    object<TokenBucket>({ maxTokens: integer(1), tokensPerFill: integer(1), fillIntervalMs: integer(1) }),
  ),
  enabledPercent: number(0, 100),
  enforcedPercent: number(0, 100),
  status: integer(400, 599),
  isResourceExhausted: flag,
  responseHeaders: headerValues,
  requestHeaders: object<RateLimit['requestHeaders']>({ set: headerValues, add: headerValues }),
  hasLimitHeaders: flag,
  statPrefix: filledText,
  order,
  origin,
})
