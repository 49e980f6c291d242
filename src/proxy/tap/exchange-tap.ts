import type { Exchange, TappedExchange } from '../exchange/types.ts'
import { fieldEntries, type HeadBlock } from '../http1/head-block.ts'
import { flagsText } from '../../telemetry/index.ts'
import type { TapConfig } from './config.ts'
import type { FieldReader } from './match.ts'

type Field = readonly [name: string, value: string]

/** A body as far as it is kept. */
interface Kept {
  readonly chunks: Buffer[]
  readonly max: number
  bytes: number
}

/** Several taps may look at one exchange; each keeps what it was asked for. */
export interface Viewer {
  readonly config: TapConfig
  readonly take: (line: string) => void
}

/** @returns undefined when nobody wants to see this request, whatever its answer */
export function tapExchange(exchange: Exchange, viewers: readonly Viewer[]): TappedExchange | undefined {
  const request = requestFields(exchange)
  const readRequest = readerOf(request)
  const interested = viewers.filter(({ config }) => config.match(readRequest, undefined) !== false)
  if (interested.length === 0) return undefined
  const requestBody = createKept(Math.max(...interested.map(({ config }) => config.requestBytesMax)))
  const responseBody = createKept(Math.max(...interested.map(({ config }) => config.responseBytesMax)))
  let response: readonly Field[] = []
  return {
    requestData: (bytes, start, end) => keep(requestBody, bytes, start, end),
    responseHead(status, block, lines) {
      response = [[':status', String(status)], ...entriesOf(block), ...fieldsOf(lines)]
    },
    responseData: (bytes, start, end) => keep(responseBody, bytes, start, end),
    over(ended) {
      const readResponse = readerOf(response)
      for (const { config, take } of interested) {
        if (config.match(readRequest, readResponse) !== true) continue
        const trailers = {
          request: fieldsOf(ended.requestTrailers),
          response: fieldsOf(ended.responseTrailers),
        }
        take(
          JSON.stringify({
            http_buffered_trace: {
              request: {
                headers: shown(request),
                ...bodyOf(requestBody, config.requestBytesMax, config),
                trailers: shown(trailers.request),
              },
              response: {
                headers: shown(response),
                ...bodyOf(responseBody, config.responseBytesMax, config),
                trailers: shown(trailers.response),
              },
            },
            lateen: decisionsOf(ended),
          }),
        )
      }
    },
  }
}

/** What Envoy's trace does not say: which route and endpoint it was, and why it took so long. */
function decisionsOf(exchange: Exchange) {
  const { stream } = exchange
  return {
    start_time: new Date(exchange.startTime).toISOString(),
    role: exchange.context.role,
    protocol: exchange.protocol,
    downstream: `${stream.remoteAddress}:${stream.remotePort}`,
    request_id: exchange.requestId,
    trace_id: exchange.trace?.traceId ?? '',
    route: exchange.routeName,
    cluster: exchange.clusterName,
    endpoint: exchange.upstreamHost,
    attempts: exchange.attempt,
    status: exchange.status,
    grpc_status: exchange.grpcStatus,
    flags: flagsText(exchange.flags),
    details: exchange.details,
    transport_failure: exchange.transportFailure,
    duration_ms: rounded(exchange.durationMs),
    until_request_sent_ms: rounded(since(exchange, exchange.sentAt)),
    until_response_ms: rounded(since(exchange, exchange.answeredAt)),
    request_bytes: exchange.bytesReceived,
    response_bytes: exchange.bytesSent,
  }
}

function since(exchange: Exchange, at: number): number {
  return at === 0 ? -1 : at - exchange.startedAt
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function requestFields(exchange: Exchange): readonly Field[] {
  return [
    [':authority', exchange.authority],
    [':path', exchange.path],
    [':method', exchange.method],
    [':scheme', exchange.scheme],
    ...entriesOf(exchange.head).filter(([name]) => name !== 'host'),
  ]
}

function entriesOf(block: HeadBlock | undefined): readonly Field[] {
  if (block === undefined) return []
  const added = block.added.map((line) => (typeof line === 'string' ? line : line.toString('latin1')))
  return [...fieldEntries(block), ...fieldsOf(added.join(''))]
}

function fieldsOf(lines: string): readonly Field[] {
  return lines.split('\r\n').flatMap((line): Field[] => {
    const colon = line.indexOf(':')
    return colon < 1 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]]
  })
}

function readerOf(fields: readonly Field[]): FieldReader {
  return (name) => {
    const found = fields.filter(([own]) => own === name)
    return found.length === 0 ? undefined : found.map(([, value]) => value).join(',')
  }
}

function shown(fields: readonly Field[]) {
  return fields.map(([key, value]) => ({ key, value }))
}

function createKept(max: number): Kept {
  return { chunks: [], max, bytes: 0 }
}

function keep(kept: Kept, bytes: Buffer, start: number, end: number): void {
  const room = kept.max - kept.bytes
  kept.bytes += end - start
  if (room > 0) kept.chunks.push(Buffer.copyBytesFrom(bytes, start, Math.min(room, end - start)))
}

function bodyOf(kept: Kept, max: number, config: TapConfig) {
  if (kept.bytes === 0 || max === 0) return {}
  const body = Buffer.concat(kept.chunks).subarray(0, max)
  const truncated = kept.bytes > body.length
  const content =
    config.bodies === 'string' ? { as_string: body.toString('utf8') } : { as_bytes: body.toString('base64') }
  return { body: { ...content, truncated } }
}
