import {
  type Check,
  filledText,
  flag,
  integer,
  list,
  lowerCaseName,
  number,
  object,
  oneOf,
  optional,
  port,
  record,
  text,
  union,
} from './check.ts'
import { labels, origin } from './check-common.ts'
import type {
  AccessLogRule,
  CustomTag,
  FileLogProvider,
  LogFormat,
  MeshTelemetry,
  MetricRule,
  OpenTelemetryProvider,
  Telemetry,
  TelemetryProvider,
  TracingRule,
} from './telemetry.ts'

export const logFormat: Check = object<LogFormat>({ encoding: oneOf('text', 'json'), format: text })

const tag = union<CustomTag['kind']>('kind', {
  literal: object<Extract<CustomTag, { kind: 'literal' }>>({ kind: filledText, value: text }),
  environment: object<Extract<CustomTag, { kind: 'environment' }>>({
    kind: filledText,
    name: filledText,
    fallback: optional(text),
  }),
  header: object<Extract<CustomTag, { kind: 'header' }>>({
    kind: filledText,
    name: lowerCaseName,
    fallback: optional(text),
  }),
  format: object<Extract<CustomTag, { kind: 'format' }>>({ kind: filledText, text }),
})

const TAG_LENGTH_MAX = 65_536

const provider = union<TelemetryProvider['kind']>('kind', {
  'file-log': object<FileLogProvider>({ kind: filledText, name: filledText, format: logFormat }),
  opentelemetry: object<OpenTelemetryProvider>({
    kind: filledText,
    name: filledText,
    host: filledText,
    namespace: optional(filledText),
    port,
    http: optional(object<NonNullable<OpenTelemetryProvider['http']>>({ path: filledText, isSecure: flag })),
    timeoutMs: integer(1),
    headers: list(object<{ name: string; value: string }>({ name: lowerCaseName, value: text })),
    tagLengthMax: integer(1, TAG_LENGTH_MAX),
    readsEnvironment: flag,
  }),
})

const names = list(filledText)
const mode = oneOf('client', 'server', 'both')
const percent = number(0, 100)

export const meshTelemetry: Check = object<MeshTelemetry>({
  providers: list(provider),
  defaultProviders: object<MeshTelemetry['defaultProviders']>({ tracing: names, accessLogging: names }),
  isTracingOn: flag,
  samplingPercent: percent,
  tags: record(tag),
})

export const checkTelemetry: Check = object<Telemetry>({
  type: oneOf('telemetry'),
  key: filledText,
  namespace: optional(filledText),
  labels,
  createdAt: text,
  tracing: list(
    object<TracingRule>({
      mode,
      providers: optional(names),
      samplingPercent: optional(percent),
      isReportingOff: optional(flag),
      isPropagationOff: optional(flag),
      usesRequestId: optional(flag),
      hasIstioTags: optional(flag),
      tags: optional(record(tag)),
    }),
  ),
  accessLogging: list(
    object<AccessLogRule>({
      mode,
      providers: optional(names),
      isOff: optional(flag),
      filter: optional(text),
    }),
  ),
  metrics: list(
    object<MetricRule>({
      mode,
      metric: filledText,
      isOff: optional(flag),
      tags: optional(
        list(object<{ name: string; value?: string }>({ name: filledText, value: optional(text) })),
      ),
    }),
  ),
  origin,
})
