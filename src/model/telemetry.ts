import type { Origin, TelemetryName } from './names.ts'

/** How an access log's lines look: Envoy's format language, in a text or in the values of a JSON object. */
export interface LogFormat {
  readonly encoding: 'text' | 'json'
  readonly format: string
}

/** Where telemetry goes (MeshConfig extensionProviders), as far as proxies send it there. */
export type TelemetryProvider = FileLogProvider | OpenTelemetryProvider

/** The proxy's own output. */
export interface FileLogProvider {
  readonly kind: 'file-log'
  readonly name: string
  readonly format: LogFormat
}

/** A collector that takes spans by OTLP. */
export interface OpenTelemetryProvider {
  readonly kind: 'opentelemetry'
  readonly name: string
  /** A host name of the mesh or of the world; an address. */
  readonly host: string
  /** The namespace that the service was named in, if it was: `observability/collector.example.com`. */
  readonly namespace?: string
  readonly port: number
  /** Absent: by gRPC. */
  readonly http?: { readonly path: string; readonly isSecure: boolean }
  readonly timeoutMs: number
  /** Sent with every export. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Longer paths are cut in tags. */
  readonly tagLengthMax: number
  /** Attributes of the process come from OTEL_RESOURCE_ATTRIBUTES too. */
  readonly readsEnvironment: boolean
}

/** Traffic that the proxy's workload sends, receives, or both. */
export type TrafficMode = 'client' | 'server' | 'both'

export type CustomTag =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'environment'; readonly name: string; readonly fallback?: string }
  | { readonly kind: 'header'; readonly name: string; readonly fallback?: string }
  /** A text in the access log's format language. */
  | { readonly kind: 'format'; readonly text: string }

/** What one rule of a Telemetry resource says of tracing; what is absent is left as it was before. */
export interface TracingRule {
  readonly mode: TrafficMode
  readonly providers?: readonly string[]
  readonly samplingPercent?: number
  readonly isReportingOff?: boolean
  readonly isPropagationOff?: boolean
  readonly usesRequestId?: boolean
  readonly hasIstioTags?: boolean
  readonly tags?: Readonly<Record<string, CustomTag>>
}

export interface AccessLogRule {
  readonly mode: TrafficMode
  readonly providers?: readonly string[]
  readonly isOff?: boolean
  /** CEL over Envoy's attributes; lines for which it is not true are not written. */
  readonly filter?: string
}

/** A change to a standard metric, by Istio's name of it. */
export interface MetricRule {
  readonly mode: TrafficMode
  readonly metric: string
  readonly isOff?: boolean
  /** undefined: the label is removed; else the text that it shows. */
  readonly tags?: readonly { readonly name: string; readonly value?: string }[]
}

/**
 * What a user wants to hear of the traffic of some workloads (Telemetry). Of all that hold for a proxy the mesh's come
 * first, then its namespace's, then those that select it; what a later one says counts.
 */
export interface Telemetry {
  readonly type: 'telemetry'
  readonly key: TelemetryName
  /** Absent: of the whole mesh. */
  readonly namespace?: string
  /** Empty: of all workloads. */
  readonly labels: Readonly<Record<string, string>>
  /** ISO time: of two for the same workloads the older one holds. */
  readonly createdAt: string
  readonly tracing: readonly TracingRule[]
  readonly accessLogging: readonly AccessLogRule[]
  readonly metrics: readonly MetricRule[]
  readonly origin: Origin
}

/** What MeshConfig says of telemetry. */
export interface MeshTelemetry {
  readonly providers: readonly TelemetryProvider[]
  /** Names of providers where no Telemetry names any. */
  readonly defaultProviders: {
    readonly tracing: readonly string[]
    readonly accessLogging: readonly string[]
  }
  /** enableTracing */
  readonly isTracingOn: boolean
  readonly samplingPercent: number
  readonly tags: Readonly<Record<string, CustomTag>>
}
