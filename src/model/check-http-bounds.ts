import { type Check, filledText, integer, list, object, oneOf, optional, port, union } from './check.ts'
import { labels, origin } from './check-common.ts'
import { order } from './check-route.ts'
import type { HttpBounds, HttpBoundsPlace } from './http-bounds.ts'

type Place<Kind> = Extract<HttpBoundsPlace, { readonly kind: Kind }>

const kind = filledText

const place = union<HttpBoundsPlace['kind']>('kind', {
  listener: object<Place<'listener'>>({ kind, port: optional(port) }),
  cluster: object<Place<'cluster'>>({
    kind,
    hostname: optional(filledText),
    port: optional(port),
    subset: optional(filledText),
  }),
})

export const checkHttpBounds: Check = object<HttpBounds>({
  type: oneOf('http-bounds'),
  key: filledText,
  selector: object<HttpBounds['selector']>({ namespace: optional(filledText), labels }),
  sides: list(oneOf('gateway', 'inbound', 'outbound'), { filled: true }),
  place,
  headBytesMax: optional(integer(1)),
  headFieldsMax: optional(integer(1)),
  headTimeoutMs: optional(integer(0)),
  requestTimeoutMs: optional(integer(0)),
  streamIdleTimeoutMs: optional(integer(0)),
  idleTimeoutMs: optional(integer(0)),
  order,
  origin,
})
