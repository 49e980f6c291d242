import { type Check, filledText, integer, list, object, oneOf, optional, port } from './check.ts'
import { domains, labels, milliseconds, origin } from './check-common.ts'
import { order, scope, target } from './check-route.ts'
import type { ConnectionDestination, ConnectionMatch, ConnectionRoute } from './connection-route.ts'

const match = object<ConnectionMatch>({
  order,
  serverNames: optional(domains),
  port: optional(port),
  hosts: optional(domains),
  destinations: optional(list(filledText, { filled: true })),
  sourceLabels: optional(labels),
  sourceNamespace: optional(filledText),
})

export const checkConnectionRoute: Check = object<ConnectionRoute>({
  type: oneOf('connection-route'),
  key: filledText,
  scope,
  matches: list(match, { filled: true }),
  destinations: list(object<ConnectionDestination>({ weight: integer(0, 2 ** 31 - 1), target }), {
    filled: true,
  }),
  idleTimeoutMs: optional(milliseconds),
  origin,
})
