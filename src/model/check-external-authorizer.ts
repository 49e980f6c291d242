import { filledText, flag, integer, list, lowerCaseName, object, optional, port, text } from './check.ts'
import { headerValues } from './check-route.ts'
import type { ExternalAuthorizer, HttpAuthorizer } from './external-authorizer.ts'

const names = list(lowerCaseName)

const http = object<HttpAuthorizer>({
  pathPrefix: text,
  requestFields: names,
  addedFields: headerValues,
  upstreamFields: names,
  allowedClientFields: names,
  deniedClientFields: names,
})

export const externalAuthorizer = object<ExternalAuthorizer>({
  name: filledText,
  host: filledText,
  namespace: optional(filledText),
  port,
  timeoutMs: integer(1),
  failsOpen: flag,
  statusOnError: integer(400, 599),
  body: optional(
    object<NonNullable<ExternalAuthorizer['body']>>({
      bytesMax: integer(1),
      mayBePartial: flag,
      isRaw: flag,
    }),
  ),
  http: optional(http),
})
