import type { Socket } from 'node:net'
import { FLAG, type LogRecord } from '../../telemetry/index.ts'
import { plainAddress } from '../net/plain-address.ts'

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
  Partial<Pick<LogRecord, 'details' | 'requestedServerName' | 'terminationDetails'>>

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

/** Of a connection that nothing here is for. @see Envoy, NR with `filter_chain_not_found` */
export function unroutedRecord(options: {
  readonly socket: Socket
  readonly port: number
  readonly serverName: string | undefined
  /** Why, where more can be said. */
  readonly reason?: string
  readonly now: number
}): LogRecord {
  const { socket, serverName } = options
  return connectionRecord({
    startTime: options.now,
    durationMs: 0,
    flags: FLAG.NR,
    details: 'filter_chain_not_found',
    ...(options.reason !== undefined && { terminationDetails: options.reason }),
    transportFailure: '-',
    bytesReceived: 0,
    bytesSent: 0,
    upstreamHost: '-',
    upstreamLocal: '-',
    clusterName: '-',
    routeName: '-',
    requestedServerName: serverName ? serverName : '-',
    stream: {
      remoteAddress: plainAddress(socket.remoteAddress),
      remotePort: socket.remotePort ?? 0,
      localAddress: plainAddress(socket.localAddress),
      localPort: options.port,
    },
  })
}
