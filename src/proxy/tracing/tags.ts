import type { CustomTag, Workload } from '../../model/index.ts'
import {
  compileValue,
  FLAG,
  flagsText,
  type LogRecord,
  type LogSurroundings,
  type SpanAttribute,
  type TracingSettings,
} from '../../telemetry/index.ts'
import type { Exchange } from '../exchange/types.ts'

/** Adds the tags that a user asked for. */
export type TagWriter = (record: LogRecord, attributes: SpanAttribute[]) => void

/** All that does not depend on the request is done; a tag without a value is left out. */
export function compileTags(tags: TracingSettings['tags'], surroundings: LogSurroundings): TagWriter {
  const fixed: SpanAttribute[] = []
  const read: { readonly name: string; readonly value: (record: LogRecord) => string | undefined }[] = []
  for (const [name, tag] of Object.entries(tags)) {
    const value = readerOf(tag, surroundings)
    if (typeof value === 'string') fixed.push([name, value])
    else if (value !== undefined) read.push({ name, value })
  }
  return (record, attributes) => {
    attributes.push(...fixed)
    for (const { name, value } of read) {
      const text = value(record)
      if (text !== undefined) attributes.push([name, text])
    }
  }
}

function readerOf(
  tag: CustomTag,
  surroundings: LogSurroundings,
): string | undefined | ((record: LogRecord) => string | undefined) {
  switch (tag.kind) {
    case 'literal':
      return tag.value
    case 'environment':
      return surroundings.environment[tag.name] ?? tag.fallback
    case 'header': {
      const { name, fallback } = tag
      return (record) => record.header(name) ?? fallback
    }
    case 'format': {
      const compiled = compileValue(tag.text, surroundings)
      if (!compiled.ok) return undefined
      const read = compiled.value
      return (record) => {
        const value = read(record)
        return value === undefined ? undefined : String(value)
      }
    }
  }
}

/** Who the proxy is, in Istio's tags. */
export function istioTags(own: Workload | undefined, meshId: string): readonly SpanAttribute[] {
  if (own === undefined) return [['istio.mesh_id', meshId]]
  return [
    ['istio.canonical_revision', own.canonicalRevision],
    ['istio.canonical_service', own.canonicalName],
    ['istio.cluster_id', own.cluster],
    ['istio.mesh_id', meshId],
    ['istio.namespace', own.namespace],
  ]
}

/** What Envoy says of a request as its client's proxy or its server's sees it. */
export function requestTags(exchange: Exchange, pathLengthMax: number): SpanAttribute[] {
  const path = (exchange.originalPath ?? exchange.path).slice(0, pathLengthMax)
  const tags: SpanAttribute[] = [
    ['guid:x-request-id', exchange.requestId],
    ['http.url', `${exchange.scheme}://${exchange.originalAuthority ?? exchange.authority}${path}`],
    ['http.method', exchange.method],
    ['downstream_cluster', exchange.header('x-envoy-downstream-service-cluster') ?? '-'],
    ['user_agent', exchange.header('user-agent') ?? '-'],
    ['http.protocol', exchange.protocol],
    ['peer.address', exchange.stream.remoteAddress],
    ['request_size', String(exchange.bytesReceived)],
  ]
  const clientId = exchange.header('x-client-trace-id')
  if (clientId !== undefined) tags.push(['guid:x-client-trace-id', clientId])
  if (exchange.messages === undefined) return tags
  tags.push(['grpc.path', exchange.path], ['grpc.authority', exchange.authority])
  const type = exchange.header('content-type')
  if (type !== undefined) tags.push(['grpc.content_type', type])
  return tags
}

/** What Envoy says of how a request, or an attempt of it, ended. */
export function outcomeTags(
  exchange: Exchange,
  outcome: { readonly status: number; readonly flags: number; readonly host: string },
): SpanAttribute[] {
  const tags: SpanAttribute[] = [['component', 'proxy']]
  if (exchange.clusterName !== '-') {
    tags.push(['upstream_cluster', exchange.clusterName], ['upstream_cluster.name', exchange.clusterName])
  }
  if (outcome.host !== '-') tags.push(['upstream_address', outcome.host])
  tags.push(
    ['http.status_code', String(outcome.status)],
    ['response_size', String(exchange.bytesSent)],
    ['response_flags', flagsText(outcome.flags)],
  )
  if (exchange.grpcStatus !== '') tags.push(['grpc.status_code', exchange.grpcStatus])
  if (isFailure(exchange, outcome)) tags.push(['error', 'true'])
  return tags
}

/** Codes of gRPC that are the server's fault: Unknown, DeadlineExceeded, Unimplemented, Internal, Unavailable, DataLoss. */
const GRPC_FAILURES: ReadonlySet<string> = new Set(['2', '4', '12', '13', '14', '15'])

export function isFailure(
  exchange: Exchange,
  { status, flags }: { readonly status: number; readonly flags: number },
): boolean {
  if (status === 0 || status >= 500) return true
  return GRPC_FAILURES.has(exchange.grpcStatus) || (flags & (FLAG.UT | FLAG.DC)) !== 0
}
