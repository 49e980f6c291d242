import { fail, ok, type Result } from '../../base/index.ts'
import { flagsLongText, flagsText } from '../response-flags.ts'
import { between, commonDuration } from './durations.ts'
import { grpcStatusReader } from './grpc-status.ts'
import { requestField, responseField, trailerField } from './message-fields.ts'
import type { OperatorMaker, Reader } from './operator.ts'
import type { LogRecord } from './record.ts'
import { isoLocalTime, isoTime, compileTimeFormat, type TimeWriter } from './time-format.ts'
import { TLS_OPERATORS } from './tls-operators.ts'

/** An operator without an argument. */
function plain(read: Reader): OperatorMaker {
  return (argument) => (argument === undefined ? ok(read) : fail('takes no argument'))
}

/** One that Envoy has and for which nothing here has a value: the same formats work, and show that there is none. */
const VALUELESS: OperatorMaker = () => ok(() => undefined)

/** Texts in a record say `-` for themselves when they have nothing to say. */
function present(text: string): string | undefined {
  return text === '-' || text === '' ? undefined : text
}

function address(ip: string, port: number): string | undefined {
  if (ip === '') return undefined
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** `10.0.0.1:80` or `[fd00::1]:80` in two. */
function splitAddress(text: string): { ip: string | undefined; port: number | undefined } {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return { ip: undefined, port: undefined }
  return { ip: text.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) }
}

type At = (record: LogRecord) => number

function time(fallback: TimeWriter, place: 'utc' | 'local', read: At): OperatorMaker {
  return (argument) => {
    const writer =
      argument === undefined || argument === '' ? ok(fallback) : compileTimeFormat(argument, place)
    if (!writer.ok) return writer
    const write = remembering(writer.value)
    return ok((record) => write(read(record)))
  }
}

/** Under load many requests begin in one millisecond. */
function remembering(write: TimeWriter): TimeWriter {
  let lastMs = -1
  let text = ''
  return (ms) => {
    if (ms !== lastMs) {
      lastMs = ms
      text = write(ms)
    }
    return text
  }
}

const startOf: At = (record) => record.startTime
const endOf: At = (record) => record.startTime + record.durationMs

/** The other end of the connection, and who is believed to be behind it. */
const peerAddress: Reader = ({ stream }) => address(stream.remoteAddress, stream.remotePort)
const peerIp: Reader = ({ stream }) => present(stream.remoteAddress)
const peerPort: Reader = ({ stream }) => stream.remotePort
const clientAddress: Reader = ({ stream, trustedAddress }) =>
  trustedAddress === undefined ? address(stream.remoteAddress, stream.remotePort) : address(trustedAddress, 0)
const clientIp: Reader = ({ stream, trustedAddress }) => present(trustedAddress ?? stream.remoteAddress)
const clientPort: Reader = ({ stream, trustedAddress }) =>
  trustedAddress === undefined ? stream.remotePort : 0
const ownAddress: Reader = ({ stream }) => address(stream.localAddress, stream.localPort)
const ownIp: Reader = ({ stream }) => present(stream.localAddress)
const ownPort: Reader = ({ stream }) => stream.localPort
const endpoint: Reader = (record) => present(record.upstreamHost)
const attempted: Reader = (record) =>
  present([...(record.tried ?? []), record.upstreamHost].filter((one) => one !== '-').join(','))
const headBytes: Reader = (record) => record.head?.length ?? 0

/** A list is joined as Envoy joins it; an empty one is no value. */
const query = (text: string) => {
  const mark = text.indexOf('?')
  return mark < 0 ? '' : text.slice(mark + 1)
}

function queryParameter(argument: string | undefined): Result<Reader, string> {
  if (argument === undefined || argument === '') return fail('wants the name of a query parameter')
  return ok((record) => new URLSearchParams(query(record.path)).get(argument) ?? undefined)
}

function queryParameters(argument: string | undefined): Result<Reader, string> {
  if (argument !== undefined && argument !== 'ORIG' && argument !== 'DECODED')
    return fail('wants ORIG or DECODED')
  if (argument !== 'DECODED') return ok((record) => present(query(record.path)))
  return ok((record) =>
    present(
      [...new URLSearchParams(query(record.path))].map(([name, value]) => `${name}=${value}`).join('&'),
    ),
  )
}

/** `PATH(WQ|NQ:ORIG|PATH|ORIG_OR_PATH)`: with or without the query; as the client sent it, or as it went on. */
function pathOf(argument = ''): Result<Reader, string> {
  const [part = '', which = ''] = argument.split(':')
  if (!['', 'WQ', 'NQ'].includes(part) || !['', 'ORIG', 'PATH', 'ORIG_OR_PATH'].includes(which))
    return fail('wants WQ or NQ, and after a colon ORIG, PATH or ORIG_OR_PATH')
  const withQuery = part !== 'NQ'
  return ok((record) => {
    const original = record.originalPath
    const text = which === 'PATH' ? record.path : which === 'ORIG' ? original : (original ?? record.path)
    return text === undefined || withQuery ? text && present(text) : present(text.split('?', 1)[0] as string)
  })
}

function serverName(argument: string | undefined): Result<Reader, string> {
  const [first = '', format = ''] = (argument ?? '').split(':')
  if (
    !['', 'SNI_ONLY', 'SNI_FIRST', 'HOST_ONLY', 'HOST_FIRST'].includes(first) ||
    !['', 'ORIG', 'HOST'].includes(format)
  )
    return fail('wants SNI_ONLY, SNI_FIRST, HOST_ONLY or HOST_FIRST, and after a colon ORIG or HOST')
  const sni: Reader = (record) => present(record.requestedServerName ?? '')
  const host: Reader = (record) =>
    present(format === 'HOST' ? record.authority.replace(/:\d+$/, '') : record.authority)
  switch (first) {
    case 'SNI_FIRST':
      return ok((record) => sni(record) ?? host(record))
    case 'HOST_FIRST':
      return ok((record) => host(record) ?? sni(record))
    case 'HOST_ONLY':
      return ok(host)
    default:
      return ok(sni)
  }
}

/** Almost all details are one word. */
function withoutSpaces(text: string): string {
  return text.includes(' ') ? text.replaceAll(/\s/g, '_') : text
}

/** Every command operator, by name. */
export const OPERATORS: Readonly<Record<string, OperatorMaker>> = {
  START_TIME: time(isoTime, 'utc', startOf),
  START_TIME_LOCAL: time(isoLocalTime, 'local', startOf),
  EMIT_TIME: time(isoTime, 'utc', endOf),
  EMIT_TIME_LOCAL: time(isoLocalTime, 'local', endOf),
  REQ: (argument) => requestField(argument, false),
  REQ_WITHOUT_QUERY: (argument) => requestField(argument, true),
  RESP: responseField,
  TRAILER: trailerField,
  PATH: pathOf,
  QUERY_PARAM: queryParameter,
  QUERY_PARAMS: queryParameters,
  PROTOCOL: plain((record) => present(record.protocol)),
  RESPONSE_CODE: plain((record) => record.status),
  RESPONSE_CODE_DETAILS: (argument) =>
    argument === undefined || argument === 'ALLOW_WHITESPACES'
      ? ok((record) => present(argument === undefined ? withoutSpaces(record.details) : record.details))
      : fail('wants ALLOW_WHITESPACES or nothing'),
  RESPONSE_FLAGS: plain((record) => flagsText(record.flags)),
  RESPONSE_FLAGS_LONG: plain((record) => flagsLongText(record.flags)),
  CUSTOM_FLAGS: VALUELESS,
  GRPC_STATUS: grpcStatusReader,
  GRPC_STATUS_NUMBER: plain((record) => (record.grpcStatus === '' ? undefined : Number(record.grpcStatus))),
  CONNECTION_TERMINATION_DETAILS: plain((record) => present(record.terminationDetails)),
  BYTES_RECEIVED: plain((record) => record.bytesReceived),
  BYTES_SENT: plain((record) => record.bytesSent),
  REQUEST_HEADERS_BYTES: plain(headBytes),
  RESPONSE_HEADERS_BYTES: plain((record) => record.responseHeadBytes),
  RESPONSE_TRAILERS_BYTES: plain((record) => record.responseTrailers.length),
  DOWNSTREAM_HEADER_BYTES_RECEIVED: plain(headBytes),
  DOWNSTREAM_HEADER_BYTES_SENT: plain((record) => record.responseHeadBytes),
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED: plain(headBytes),
  DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT: plain((record) => record.responseHeadBytes),
  DOWNSTREAM_WIRE_BYTES_RECEIVED: plain((record) => (record.head?.length ?? 0) + record.bytesReceived),
  DOWNSTREAM_WIRE_BYTES_SENT: plain((record) => record.responseHeadBytes + record.bytesSent),
  UPSTREAM_WIRE_BYTES_RECEIVED: plain((record) =>
    record.answeredAt === 0 ? 0 : record.responseHeadBytes + record.bytesSent,
  ),
  UPSTREAM_WIRE_BYTES_SENT: plain((record) =>
    record.sentAt === 0 ? 0 : (record.head?.length ?? 0) + record.bytesReceived,
  ),
  UPSTREAM_HEADER_BYTES_RECEIVED: plain((record) => (record.answeredAt === 0 ? 0 : record.responseHeadBytes)),
  UPSTREAM_HEADER_BYTES_SENT: plain((record) => (record.sentAt === 0 ? 0 : (record.head?.length ?? 0))),
  BYTES_RETRANSMITTED: VALUELESS,
  PACKETS_RETRANSMITTED: VALUELESS,
  DURATION: plain((record) => Math.floor(record.durationMs)),
  COMMON_DURATION: (argument) => commonDuration(argument ?? ''),
  REQUEST_DURATION: plain(between('DS_RX_BEG', 'DS_RX_END')),
  REQUEST_TX_DURATION: plain(between('DS_RX_BEG', 'US_TX_END')),
  RESPONSE_DURATION: plain(between('DS_RX_BEG', 'US_RX_BEG')),
  RESPONSE_TX_DURATION: plain(between('US_RX_BEG', 'DS_TX_END')),
  ROUNDTRIP_DURATION: VALUELESS,
  DOWNSTREAM_HANDSHAKE_DURATION: VALUELESS,
  UPSTREAM_CONNECTION_POOL_READY_DURATION: VALUELESS,
  UPSTREAM_HOST: plain(endpoint),
  UPSTREAM_REMOTE_ADDRESS: plain(endpoint),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: plain((record) => splitAddress(record.upstreamHost).ip),
  UPSTREAM_REMOTE_PORT: plain((record) => splitAddress(record.upstreamHost).port),
  UPSTREAM_HOST_NAME: plain(endpoint),
  UPSTREAM_HOST_NAME_WITHOUT_PORT: plain((record) => splitAddress(record.upstreamHost).ip),
  UPSTREAM_HOSTS_ATTEMPTED: plain(attempted),
  UPSTREAM_LOCAL_ADDRESS: plain((record) => present(record.upstreamLocal)),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: plain((record) => splitAddress(record.upstreamLocal).ip),
  UPSTREAM_LOCAL_PORT: plain((record) => splitAddress(record.upstreamLocal).port),
  UPSTREAM_CLUSTER: plain((record) => present(record.clusterName)),
  UPSTREAM_CLUSTER_RAW: plain((record) => present(record.clusterName)),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: plain((record) => record.attempt),
  UPSTREAM_TRANSPORT_FAILURE_REASON: plain((record) => present(record.transportFailure)),
  UPSTREAM_PROTOCOL: VALUELESS,
  UPSTREAM_CONNECTION_ID: VALUELESS,
  UPSTREAM_DETECTED_CLOSE_TYPE: VALUELESS,
  UPSTREAM_LOCAL_CLOSE_REASON: VALUELESS,
  UPSTREAM_SERVER_NAME: VALUELESS,
  UPSTREAM_METADATA: VALUELESS,
  UPSTREAM_FILTER_STATE: VALUELESS,
  DOWNSTREAM_REMOTE_ADDRESS: plain(clientAddress),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: plain(clientIp),
  DOWNSTREAM_REMOTE_PORT: plain(clientPort),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: plain(peerAddress),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: plain(peerIp),
  DOWNSTREAM_DIRECT_REMOTE_PORT: plain(peerPort),
  DOWNSTREAM_LOCAL_ADDRESS: plain(ownAddress),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: plain(ownIp),
  DOWNSTREAM_LOCAL_PORT: plain(ownPort),
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS: plain(ownAddress),
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT: plain(ownIp),
  DOWNSTREAM_DIRECT_LOCAL_PORT: plain(ownPort),
  DOWNSTREAM_TRANSPORT_FAILURE_REASON: VALUELESS,
  DOWNSTREAM_DETECTED_CLOSE_TYPE: VALUELESS,
  DOWNSTREAM_LOCAL_CLOSE_REASON: VALUELESS,
  DOWNSTREAM_CX_RTT: VALUELESS,
  CONNECTION_ID: VALUELESS,
  STREAM_ID: plain((record) => present(record.requestId)),
  UNIQUE_ID: plain((record) => present(record.requestId)),
  TRACE_ID: plain((record) => record.trace?.traceId),
  SPAN_ID: plain((record) => record.trace?.spanId),
  ROUTE_NAME: plain((record) => present(record.routeName)),
  VIRTUAL_CLUSTER_NAME: VALUELESS,
  VIRTUAL_HOST_NAME: VALUELESS,
  FILTER_CHAIN_NAME: VALUELESS,
  REQUESTED_SERVER_NAME: serverName,
  ACCESS_LOG_TYPE: plain((record) => (record.protocol === '-' ? 'TcpConnectionEnd' : 'DownstreamEnd')),
  LOCAL_REPLY_BODY: VALUELESS,
  METADATA: VALUELESS,
  DYNAMIC_METADATA: VALUELESS,
  CLUSTER_METADATA: VALUELESS,
  LISTENER_METADATA: VALUELESS,
  FILTER_STATE: VALUELESS,
  TLS_JA3_FINGERPRINT: VALUELESS,
  TLS_JA4_FINGERPRINT: VALUELESS,
  HOSTNAME: (argument, { surroundings }) => {
    const { hostname } = surroundings
    return argument === undefined ? ok(() => hostname) : fail('takes no argument')
  },
  ENVIRONMENT: (argument, { surroundings }) => {
    if (argument === undefined || argument === '') return fail('wants the name of a variable')
    const value = surroundings.environment[argument]
    return ok(() => value)
  },
  ...TLS_OPERATORS,
}
