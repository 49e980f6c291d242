import type { LogRecord } from '../../telemetry/index.ts'

/** What a line of the access log says of a connection or a session of datagrams. */
type ConnectionFields = Pick<
  LogRecord,
  | 'startTime'
  | 'durationMs'
  | 'flags'
  | 'transportFailure'
  | 'bytesReceived'
  | 'bytesSent'
  | 'upstreamHost'
  | 'upstreamLocal'
  | 'clusterName'
  | 'routeName'
  | 'stream'
> &
  Partial<Pick<LogRecord, 'requestedServerName' | 'terminationDetails'>>

/** The record of something that is no request: what only requests have is `-`. */
export function connectionRecord(fields: ConnectionFields): LogRecord {
  return {
    protocol: '-',
    method: '-',
    path: '-',
    originalPath: undefined,
    authority: '-',
    scheme: '-',
    requestId: '-',
    startedAt: 0,
    requestEndedAt: 0,
    sentAt: 0,
    answeredAt: 0,
    status: 0,
    grpcStatus: '',
    responseHeadBytes: 0,
    responseTrailers: '',
    details: '-',
    terminationDetails: '-',
    upstreamServiceTime: -1,
    attempt: 0,
    header: () => undefined,
    responseFields: undefined,
    ...fields,
  }
}
