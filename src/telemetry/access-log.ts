import { flagsLongText, flagsText } from './response-flags.ts'

/** Istio's default format (meshConfig.accessLogFormat empty, encoding TEXT). */
export const DEFAULT_ACCESS_LOG_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n'

/** What a log line can say of a request or a connection. Texts that do not apply are `-`. */
export interface LogRecord {
  readonly startTime: number
  readonly durationMs: number
  readonly protocol: string
  readonly method: string
  readonly path: string
  readonly originalPath: string | undefined
  readonly authority: string
  readonly scheme: string
  readonly requestId: string
  readonly status: number
  readonly flags: number
  readonly details: string
  readonly terminationDetails: string
  readonly transportFailure: string
  readonly bytesReceived: number
  readonly bytesSent: number
  /** -1: no upstream answered. */
  readonly upstreamServiceTime: number
  readonly upstreamHost: string
  readonly upstreamLocal: string
  readonly clusterName: string
  readonly routeName: string
  /** Of the TLS that the client began; absent: none was read. */
  readonly requestedServerName?: string
  readonly attempt: number
  readonly stream: {
    readonly remoteAddress: string
    readonly remotePort: number
    readonly localAddress: string
    readonly localPort: number
  }
  readonly header: (name: string) => string | undefined
  readonly responseFields: Readonly<Record<string, string | undefined>> | undefined
}

export interface AccessLogFormat {
  readonly format: (record: LogRecord) => string
  /** Response fields that the format needs, in lower case: they are gone when the line is written. */
  readonly responseFields: readonly string[]
}

type Operator = (record: LogRecord) => string

const OPERATOR = /%([A-Z_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g

/**
 * Compiles Envoy's command operators once; unknown ones print `-`, as Envoy does for values that are not there.
 * @see Envoy, "Access logging", format strings
 */
export function compileAccessLogFormat(text: string): AccessLogFormat {
  const parts: (string | Operator)[] = []
  const responseFields = new Set<string>()
  let at = 0
  for (const match of text.matchAll(OPERATOR)) {
    if (match.index > at) parts.push(text.slice(at, match.index))
    const [, name, argument, length] = match
    const operator = operatorOf(name as string, argument, responseFields)
    parts.push(length === undefined ? operator : (record) => operator(record).slice(0, Number(length)))
    at = match.index + match[0].length
  }
  if (at < text.length) parts.push(text.slice(at))
  return {
    responseFields: [...responseFields],
    format(record) {
      let line = ''
      for (const part of parts) line += typeof part === 'string' ? part : part(record)
      return line
    },
  }
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  START_TIME: (record) => isoTime(record.startTime),
  PROTOCOL: (record) => record.protocol,
  RESPONSE_CODE: (record) => String(record.status),
  RESPONSE_FLAGS: (record) => flagsText(record.flags),
  RESPONSE_FLAGS_LONG: (record) => flagsLongText(record.flags),
  RESPONSE_CODE_DETAILS: (record) => record.details,
  CONNECTION_TERMINATION_DETAILS: (record) => record.terminationDetails,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (record) => record.transportFailure,
  BYTES_RECEIVED: (record) => String(record.bytesReceived),
  BYTES_SENT: (record) => String(record.bytesSent),
  DURATION: (record) => String(Math.floor(record.durationMs)),
  UPSTREAM_HOST: (record) => record.upstreamHost,
  UPSTREAM_CLUSTER: (record) => record.clusterName,
  UPSTREAM_CLUSTER_RAW: (record) => record.clusterName,
  UPSTREAM_LOCAL_ADDRESS: (record) => record.upstreamLocal,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (record) => String(record.attempt),
  DOWNSTREAM_LOCAL_ADDRESS: ({ stream }) => joined(stream.localAddress, stream.localPort),
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: ({ stream }) => stream.localAddress,
  DOWNSTREAM_LOCAL_PORT: ({ stream }) => String(stream.localPort),
  DOWNSTREAM_REMOTE_ADDRESS: ({ stream }) => joined(stream.remoteAddress, stream.remotePort),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ stream }) => stream.remoteAddress,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: ({ stream }) => joined(stream.remoteAddress, stream.remotePort),
  ROUTE_NAME: (record) => record.routeName,
  REQUESTED_SERVER_NAME: (record) => record.requestedServerName ?? '-',
}

const ABSENT: Operator = () => '-'

function operatorOf(name: string, argument: string | undefined, responseFields: Set<string>): Operator {
  if (name === 'REQ' || name === 'RESP') {
    const choices = (argument ?? '').toLowerCase().split('?')
    const read = choices.map((field) =>
      name === 'REQ' ? requestField(field) : responseField(field, responseFields),
    )
    return (record) => {
      for (const one of read) {
        const value = one(record)
        if (value !== undefined && value !== '') return value
      }
      return '-'
    }
  }
  return OPERATORS[name] ?? ABSENT
}

type Reader = (record: LogRecord) => string | undefined

function requestField(name: string): Reader {
  switch (name) {
    case ':method':
      return (record) => record.method
    case ':path':
      return (record) => record.path
    case ':authority':
    case 'host':
      return (record) => record.authority
    case ':scheme':
      return (record) => record.scheme
    case 'x-request-id':
      return (record) => record.requestId
    case 'x-envoy-original-path':
      return (record) => record.originalPath
    default:
      return (record) => record.header(name)
  }
}

function responseField(name: string, responseFields: Set<string>): Reader {
  if (name === 'x-envoy-upstream-service-time') {
    return (record) => (record.upstreamServiceTime < 0 ? undefined : String(record.upstreamServiceTime))
  }
  if (name === ':status') return (record) => String(record.status)
  responseFields.add(name)
  return (record) => record.responseFields?.[name]
}

function joined(address: string, port: number): string {
  if (address === '') return '-'
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Where lines go, many at a time. */
export interface AccessLogWriter {
  readonly write: (line: string) => void
  readonly flush: () => void
  /** Lines that were thrown away because the sink was too slow. */
  readonly dropped: () => number
}

const BATCH_MS = 100
const BATCH_CHARS = 64 * 1024
/** What waits for a slow sink at most; a log must not be what fills the memory. */
const WAITING_CHARS_MAX = 4 * 1024 * 1024

/**
 * Collects lines and hands them over every 100 ms, or sooner when there are many.
 * @param sink resolves when it can take more
 */
export function createAccessLogWriter(options: {
  readonly sink: (text: string) => Promise<void>
  readonly after: (ms: number, callback: () => void) => () => void
  readonly onError: (error: unknown) => void
}): AccessLogWriter {
  let waiting = ''
  let writing = false
  let dropped = 0
  let cancelTimer: (() => void) | undefined

  function flush(): void {
    cancelTimer?.()
    cancelTimer = undefined
    if (writing || waiting === '') return
    const text = waiting
    waiting = ''
    writing = true
    void hand(text)
  }

  async function hand(text: string): Promise<void> {
    try {
      await options.sink(text)
    } catch (error) {
      options.onError(error)
    }
    writing = false
    if (waiting !== '') schedule()
  }

  function schedule(): void {
    if (waiting.length >= BATCH_CHARS) flush()
    else cancelTimer ??= options.after(BATCH_MS, flush)
  }

  return {
    write(line) {
      if (waiting.length + line.length > WAITING_CHARS_MAX) {
        dropped++
        return
      }
      waiting += line
      if (!writing) schedule()
    },
    flush,
    dropped: () => dropped,
  }
}
