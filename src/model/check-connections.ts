import { integer, object, oneOf, optional } from './check.ts'
import { milliseconds } from './check-common.ts'
import type { ConnectionLimits } from './service.ts'

export const connections = object<ConnectionLimits>({
  connectionsMax: optional(integer(1)),
  pendingMax: optional(integer(1)),
  requestsMax: optional(integer(1)),
  retriesMax: optional(integer(0)),
  requestsPerConnectionMax: optional(integer(1)),
  streamsMax: optional(integer(1)),
  idleTimeoutMs: optional(milliseconds),
  tcpIdleTimeoutMs: optional(milliseconds),
  durationMaxMs: optional(integer(1)),
  keepAliveMs: optional(integer(1)),
  http2KeepAlive: optional(
    object<NonNullable<ConnectionLimits['http2KeepAlive']>>({
      intervalMs: integer(1),
      timeoutMs: integer(1),
    }),
  ),
  protocol: optional(oneOf('http1', 'http2', 'downstream')),
})
