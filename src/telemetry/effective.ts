import type {
  AccessLogRule,
  CustomTag,
  LogFormat,
  Mesh,
  MetricRule,
  OpenTelemetryProvider,
  Telemetry,
  TracingRule,
  TrafficMode,
} from '../model/index.ts'

/** What holds for the traffic that a proxy's workload sends (a gateway's too), and for what it receives. */
export interface EffectiveTelemetry {
  readonly client: TrafficTelemetry
  readonly server: TrafficTelemetry
}

export interface TrafficTelemetry {
  /** Absent: requests are not traced, and what they carry of a trace passes as it came. */
  readonly tracing?: TracingSettings
  readonly accessLogs: readonly AccessLogSettings[]
  /** In the order in which they are to be applied. */
  readonly metrics: readonly MetricRule[]
}

export interface TracingSettings {
  readonly provider: OpenTelemetryProvider
  readonly samplingPercent: number
  /** Absent spans do not change what requests carry. */
  readonly reportsSpans: boolean
  readonly propagates: boolean
  readonly usesRequestId: boolean
  readonly hasIstioTags: boolean
  readonly tags: Readonly<Record<string, CustomTag>>
}

export interface AccessLogSettings {
  readonly format: LogFormat
  /** CEL. */
  readonly filter?: string
}

interface Node {
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
}

type Side = Exclude<TrafficMode, 'both'>

/** @see Istio, Telemetry: mesh, namespace, workload; what a nearer one says goes before what a farther one said */
export function effectiveTelemetry(
  mesh: Mesh | undefined,
  all: Iterable<Telemetry>,
  node: Node,
): EffectiveTelemetry {
  const layers = layersOf(all, node)
  return { client: sideOf(mesh, layers, 'client'), server: sideOf(mesh, layers, 'server') }
}

/** From the farthest to the nearest, one of each reach: of several the oldest. */
function layersOf(all: Iterable<Telemetry>, node: Node): readonly Telemetry[] {
  const layers: (Telemetry | undefined)[] = [undefined, undefined, undefined]
  for (const one of all) {
    const reach = reachOf(one, node)
    if (reach === undefined) continue
    const other = layers[reach]
    if (other === undefined || isBefore(one, other)) layers[reach] = one
  }
  return layers.filter((one) => one !== undefined)
}

/** 0: the mesh, 1: the namespace, 2: the workload; undefined: it is not for this one. */
function reachOf(telemetry: Telemetry, node: Node): 0 | 1 | 2 | undefined {
  const selected = Object.entries(telemetry.labels)
  if (telemetry.namespace === undefined) return 0
  if (telemetry.namespace !== node.namespace) return undefined
  if (selected.length === 0) return 1
  return selected.every(([name, value]) => node.labels[name] === value) ? 2 : undefined
}

function isBefore(a: Telemetry, b: Telemetry): boolean {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt
  return a.key < b.key
}

function sideOf(mesh: Mesh | undefined, layers: readonly Telemetry[], side: Side): TrafficTelemetry {
  const applies = ({ mode }: { readonly mode: TrafficMode }) => mode === 'both' || mode === side
  const tracing = tracingOf(mesh, layers.flatMap((layer) => layer.tracing).filter(applies))
  return {
    ...(tracing !== undefined && { tracing }),
    accessLogs: accessLogsOf(mesh, layers.flatMap((layer) => layer.accessLogging).filter(applies)),
    metrics: layers.flatMap((layer) => layer.metrics).filter(applies),
  }
}

function tracingOf(mesh: Mesh | undefined, rules: readonly TracingRule[]): TracingSettings | undefined {
  const settings = mesh?.telemetry
  if (settings === undefined) return undefined
  const defaults = settings.isTracingOn ? settings.defaultProviders.tracing : []
  const names = lastOf(rules, (rule) => rule.providers) ?? defaults
  const provider = names
    .map((name) => settings.providers.find((one) => one.name === name))
    .find((one) => one?.kind === 'opentelemetry')
  if (provider?.kind !== 'opentelemetry') return undefined
  return {
    provider,
    samplingPercent: lastOf(rules, (rule) => rule.samplingPercent) ?? settings.samplingPercent,
    reportsSpans: lastOf(rules, (rule) => rule.isReportingOff) !== true,
    propagates: lastOf(rules, (rule) => rule.isPropagationOff) !== true,
    usesRequestId: lastOf(rules, (rule) => rule.usesRequestId) !== false,
    hasIstioTags: lastOf(rules, (rule) => rule.hasIstioTags) !== false,
    tags: lastOf(rules, (rule) => rule.tags) ?? settings.tags,
  }
}

/** Without a rule the mesh's own log is written; with one, what it names. */
function accessLogsOf(mesh: Mesh | undefined, rules: readonly AccessLogRule[]): readonly AccessLogSettings[] {
  if (mesh === undefined) return []
  const { accessLog, telemetry } = mesh
  const defaults = telemetry?.defaultProviders.accessLogging ?? []
  const named = lastOf(rules, (rule) => rule.providers)
  if (lastOf(rules, (rule) => rule.isOff) === true) return []
  const filter = lastOf(rules, (rule) => rule.filter)
  const names = named ?? (defaults.length > 0 ? defaults : undefined)
  const formats =
    names === undefined
      ? accessLog === undefined
        ? []
        : [accessLog]
      : names.flatMap((name) => {
          const provider = telemetry?.providers.find((one) => one.name === name)
          return provider?.kind === 'file-log' ? [provider.format] : []
        })
  return formats.map((format) => ({ format, ...(filter !== undefined && { filter }) }))
}

function lastOf<Rule, Value>(
  rules: readonly Rule[],
  read: (rule: Rule) => Value | undefined,
): Value | undefined {
  for (let i = rules.length - 1; i >= 0; i--) {
    const value = read(rules[i] as Rule)
    if (value !== undefined) return value
  }
  return undefined
}
