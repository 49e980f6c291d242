import { compileAccessLogFormat, defaultLogFormat } from '../telemetry/index.ts'
import { fail, ok, type Result } from '../base/index.ts'

/** What the command line says of logs and traces. */
export interface TelemetryOptions {
  /** Envoy's format language; absent: Istio's default. */
  readonly accessLogFormat?: string
  readonly accessLogEncoding: 'TEXT' | 'JSON'
  readonly collector?: CollectorEndpoint
  /** Percent of requests that are traced. */
  readonly samplingPercent: number
}

export interface CollectorEndpoint {
  readonly host: string
  readonly port: number
  /** Absent: by gRPC. */
  readonly path?: string
}

const DEFAULTS: TelemetryOptions = { accessLogEncoding: 'TEXT', samplingPercent: 1 }

const COLLECTOR = 'command-line'

/** The same in Istio's words, so that there is one way from there on. */
export function impliedMeshConfig(
  accessLog: boolean,
  options: TelemetryOptions = DEFAULTS,
): Readonly<Record<string, unknown>> {
  const { collector } = options
  return {
    ...(accessLog && {
      accessLogFile: '/dev/stdout',
      accessLogEncoding: options.accessLogEncoding,
      accessLogFormat: options.accessLogFormat ?? '',
    }),
    ...(collector !== undefined && {
      enableTracing: true,
      defaultConfig: { tracing: { sampling: options.samplingPercent } },
      defaultProviders: { tracing: [COLLECTOR] },
      extensionProviders: [
        {
          name: COLLECTOR,
          opentelemetry: {
            service: collector.host,
            port: collector.port,
            resourceDetectors: { environment: {} },
            ...(collector.path !== undefined && { http: { path: collector.path } }),
          },
        },
      ],
    }),
  }
}

const GRPC_PORT = 4317
const HTTP_PORT = 4318
const HTTP_PATH = '/v1/traces'

/**
 * `grpc://host[:4317]` or `http://host[:4318][/v1/traces]`; a URL with OTLP's port for gRPC and no path means gRPC, as
 * in OTEL_EXPORTER_OTLP_ENDPOINT.
 */
export function parseCollector(text: string): Result<CollectorEndpoint, string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '' || !['grpc:', 'http:'].includes(url.protocol))
    return fail(`${text} is not a URL such as grpc://collector:4317 or http://collector:4318`)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const hasPath = url.pathname !== '' && url.pathname !== '/'
  const isGrpc = url.protocol === 'grpc:' || (url.port === String(GRPC_PORT) && !hasPath)
  if (isGrpc && hasPath) return fail(`${text} has a path, which gRPC does not have`)
  const port = url.port === '' ? (isGrpc ? GRPC_PORT : HTTP_PORT) : Number(url.port)
  return ok({ host, port, ...(!isGrpc && { path: hasPath ? url.pathname : HTTP_PATH }) })
}

/** @returns what is wrong with a format, so that it is said before anything is served */
export function checkLogFormat(format: string | undefined, encoding: 'TEXT' | 'JSON'): string | undefined {
  const kind = encoding === 'JSON' ? 'json' : 'text'
  const wanted = format === undefined ? defaultLogFormat(kind) : ({ encoding: kind, format } as const)
  const compiled = compileAccessLogFormat(wanted)
  return compiled.ok ? undefined : compiled.error
}
