import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { fromBinary, toBinary, create } from '@bufbuild/protobuf'
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js'
import {
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
  ExportTraceServiceResponseSchema,
  SpanKind,
  StatusCode,
} from '../../proto/index.ts'

/** A span as a collector has it. */
export interface CollectedSpan {
  readonly name: string
  readonly kind: 'server' | 'client'
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly startNs: bigint
  readonly endNs: bigint
  readonly isError: boolean
  readonly tags: Readonly<Record<string, string>>
}

/** A collector of OTLP on loopback, which decodes what it gets. */
export interface TestCollector {
  readonly port: number
  readonly spans: CollectedSpan[]
  readonly resources: Readonly<Record<string, string>>[]
  /** The metadata or fields of each export. */
  readonly headers: Readonly<Record<string, unknown>>[]
  /** From now on exports fail. */
  failing: boolean
  readonly close: () => void
}

type Open = Pick<TestCollector, 'port' | 'close'>

/** With TLS, which every client has to bring a certificate for. */
export interface CollectorTls {
  readonly certificate: string
  readonly privateKey: string
  readonly clients: string
}

export async function grpcCollector(tls?: CollectorTls): Promise<TestCollector> {
  const certified = tls && {
    cert_chain: Buffer.from(tls.certificate),
    private_key: Buffer.from(tls.privateKey),
  }
  const secured =
    tls === undefined || certified === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(Buffer.from(tls.clients), [certified], true)
  const server = new Server()
  const collector = await collect(async (take, isFailing): Promise<Open> => {
    server.addService(
      {
        export: {
          path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        export(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
          if (isFailing()) answer({ code: status.UNAVAILABLE })
          else answer(null, take(call.request, call.metadata.getMap()))
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', secured, (error, bound) => (error ? reject(error) : resolve(bound)))
    })
    return { port, close: () => server.forceShutdown() }
  })
  return collector
}

export function httpCollector(tls?: CollectorTls): Promise<TestCollector> {
  return collect(async (take, isFailing) => {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (isFailing() || request.method !== 'POST') {
          response.writeHead(503).end()
          return
        }
        const answer = take(Buffer.concat(chunks), { ...request.headers, ':path': request.url })
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(answer)
      })
    }
    const server =
      tls === undefined
        ? createServer(listener)
        : createSecureServer(
            { cert: tls.certificate, key: tls.privateKey, ca: tls.clients, requestCert: true },
            listener,
          )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    return {
      port,
      close() {
        server.closeAllConnections()
        server.close()
      },
    }
  })
}

async function collect(
  open: (
    take: (request: Buffer, headers: Readonly<Record<string, unknown>>) => Buffer,
    isFailing: () => boolean,
  ) => Promise<Open>,
): Promise<TestCollector> {
  const spans: CollectedSpan[] = []
  const resources: Readonly<Record<string, string>>[] = []
  const headers: Readonly<Record<string, unknown>>[] = []
  const collector = { spans, resources, headers, failing: false }
  const opened = await open(
    (request, fields) => {
      headers.push(fields)
      const decoded = fromBinary(ExportTraceServiceRequestSchema, request)
      for (const { resource, scopeSpans } of decoded.resourceSpans) {
        resources.push(tagsOf(resource?.attributes ?? []))
        for (const scope of scopeSpans) spans.push(...scope.spans.map(spanOf))
      }
      const answer = create(ExportTraceServiceResponseSchema, {})
      return Buffer.from(toBinary(ExportTraceServiceResponseSchema, answer))
    },
    () => collector.failing,
  )
  return Object.assign(collector, opened)
}

type WireSpan = ExportTraceServiceRequest['resourceSpans'][number]['scopeSpans'][number]['spans'][number]

function spanOf(span: WireSpan): CollectedSpan {
  return {
    name: span.name,
    kind: span.kind === SpanKind.SERVER ? 'server' : 'client',
    traceId: Buffer.from(span.traceId).toString('hex'),
    spanId: Buffer.from(span.spanId).toString('hex'),
    parentId: Buffer.from(span.parentSpanId).toString('hex'),
    startNs: span.startTimeUnixNano,
    endNs: span.endTimeUnixNano,
    isError: span.status?.code === StatusCode.ERROR,
    tags: tagsOf(span.attributes),
  }
}

function tagsOf(attributes: WireSpan['attributes']): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(value?.value.value)]))
}
