import { type Clock, type Logger, onDemand, type Random } from '../../base/index.ts'
import type { OpenTelemetryProvider, Workload } from '../../model/index.ts'
import type {
  LogSurroundings,
  MetricsRegistry,
  SpanAttribute,
  TracingSettings,
} from '../../telemetry/index.ts'
import type { ProxyRole } from '../exchange/rules.ts'
import type { Exchange, RequestTracer } from '../exchange/types.ts'
import { createSpanExporter, type SpanExporter } from './exporter.ts'
import { createTraceIds } from './ids.ts'
import { createTracer } from './tracer.ts'
import type { FindCollector } from './transport.ts'

/** gRPC and HTTP are for those alone who send spans. */
const transports = onDemand<typeof import('./transport.ts')>(import.meta, './transport')

/** The tracers of one proxy, and what they send to. */
export interface Tracing {
  /** The same settings give the same tracer, so that nothing is made anew with every change of something else. */
  readonly tracerFor: (role: ProxyRole, settings: TracingSettings | undefined) => RequestTracer | undefined
  /** Exporters that no tracer uses any more send what they have and end. */
  readonly settle: () => void
  readonly close: () => void
}

export interface TracingOptions {
  readonly node: { readonly id: string; readonly namespace: string; readonly version: string }
  readonly own: () => Workload | undefined
  readonly meshId: () => string
  readonly find: (provider: OpenTelemetryProvider) => ReturnType<FindCollector>
  /** Of requests of an inbound listener. */
  readonly operation: (exchange: Exchange) => string | undefined
  readonly surroundings: LogSurroundings
  readonly registry: MetricsRegistry
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

interface Made {
  readonly id: string
  readonly tracer: RequestTracer
  readonly providerId: string
}

export function createTracing(options: TracingOptions): Tracing {
  const ids = createTraceIds()
  const exporters = new Map<string, SpanExporter>()
  const made = new Map<ProxyRole, Made>()
  const retired = { sent: 0, dropped: 0, failures: 0 }
  countExports(options.registry, () => [retired, ...[...exporters.values()].map(({ counters }) => counters)])

  function exporterFor(provider: OpenTelemetryProvider, providerId: string): SpanExporter {
    let exporter = exporters.get(providerId)
    if (exporter === undefined) {
      exporter = createSpanExporter({
        transport: transports().createTransport(provider, () => options.find(provider)),
        resource: () => resourceOf(options, provider),
        scope: { name: 'lateen', version: options.node.version },
        clock: options.clock,
        logger: options.logger,
      })
      exporters.set(providerId, exporter)
    }
    return exporter
  }

  function make(role: ProxyRole, id: string, settings: TracingSettings): Made {
    const providerId = JSON.stringify(settings.provider)
    const exporter = settings.reportsSpans ? exporterFor(settings.provider, providerId) : undefined
    const tracer = createTracer({
      role,
      settings,
      random: options.random,
      ids,
      surroundings: options.surroundings,
      own: options.own,
      meshId: options.meshId,
      operation: (exchange) => (role === 'inbound' ? options.operation(exchange) : undefined),
      nodeId: options.node.id,
      report: exporter?.add,
    })
    return { id, tracer, providerId }
  }

  return {
    tracerFor(role, settings) {
      const id = JSON.stringify(settings)
      const before = made.get(role)
      if (settings === undefined) {
        made.delete(role)
        return undefined
      }
      if (before?.id === id) return before.tracer
      const next = make(role, id, settings)
      made.set(role, next)
      return next.tracer
    },
    settle() {
      const used = new Set([...made.values()].map(({ providerId }) => providerId))
      for (const [id, exporter] of exporters) {
        if (used.has(id)) continue
        exporters.delete(id)
        exporter.close()
        for (const name of COUNTED) retired[name] += exporter.counters[name]
      }
    },
    close() {
      for (const exporter of exporters.values()) exporter.close()
      exporters.clear()
    },
  }
}

/** The proxy as OpenTelemetry's resource: the service is the workload, by Istio's name for it. */
function resourceOf(options: TracingOptions, provider: OpenTelemetryProvider): readonly SpanAttribute[] {
  const { node, surroundings } = options
  const own = options.own()
  const fromEnvironment = provider.readsEnvironment
    ? parseAttributes(surroundings.environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '')
    : []
  const name = `${own?.canonicalName ?? 'istio-proxy'}.${node.namespace}`
  const ours: readonly SpanAttribute[] = [
    ['service.name', name],
    ['telemetry.sdk.language', 'nodejs'],
    ['telemetry.sdk.name', 'lateen'],
    ['telemetry.sdk.version', node.version],
  ]
  const given = new Set(fromEnvironment.map(([key]) => key))
  return [...fromEnvironment, ...ours.filter(([key]) => !given.has(key))]
}

/** `key1=value1,key2=value2`, percent-encoded. @see OpenTelemetry, OTEL_RESOURCE_ATTRIBUTES */
function parseAttributes(text: string): readonly SpanAttribute[] {
  return text.split(',').flatMap((pair): SpanAttribute[] => {
    const equals = pair.indexOf('=')
    if (equals < 1) return []
    return [[pair.slice(0, equals).trim(), decoded(pair.slice(equals + 1).trim())]]
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const COUNTED = ['sent', 'dropped', 'failures'] as const
type Counted = Readonly<Record<(typeof COUNTED)[number], number>>

function countExports(registry: MetricsRegistry, read: () => readonly Counted[]): void {
  const families = {
    sent: registry.counter('envoy_tracing_opentelemetry_spans_sent', 'Spans that a collector took.'),
    dropped: registry.counter(
      'envoy_tracing_opentelemetry_spans_dropped',
      'Spans thrown away: the queue was full, or a collector did not take them.',
    ),
    failures: registry.counter('envoy_tracing_opentelemetry_exports_failed', 'Exports that failed.'),
  }
  registry.onCollect(() => {
    const all = read()
    // Nothing is shown of what was never on.
    if (all.length === 1) return
    for (const name of COUNTED) {
      families[name].series([]).value = all.reduce((sum, one) => sum + one[name], 0)
    }
  })
}
