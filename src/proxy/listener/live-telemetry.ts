import type { Logger } from '../../base/index.ts'
import type { LogFormat } from '../../model/index.ts'
import {
  type AccessLogFormat,
  type AccessLogSettings,
  compileAccessLogFormat,
  compileLogFilter,
  effectiveTelemetry,
  type IstioMetrics,
  type LogFilter,
  type LogRecord,
  type LogSurroundings,
  type TrafficTelemetry,
} from '../../telemetry/index.ts'
import type { Runtime } from '../config/runtime.ts'
import type { ProxyRole } from '../exchange/rules.ts'
import type { RequestTap, RequestTelemetry } from '../exchange/types.ts'
import type { Tracing } from '../tracing/tracing.ts'

/** What one direction of traffic tells of itself, compiled. */
export interface SideTelemetry extends RequestTelemetry {
  log: (record: LogRecord) => void
}

/** Follows what users want to hear: it is compiled when they change their mind, and read per request. */
export interface LiveTelemetry {
  readonly of: (role: ProxyRole) => SideTelemetry
  /** The configuration has changed. */
  readonly refresh: () => void
  /** Puts a tap before all requests, or takes it away. */
  readonly setTap: (tap: RequestTap | undefined) => void
  readonly close: () => void
}

/** A gateway sends on what it was sent: in Istio's words it is a client. */
const SIDES: Readonly<Record<ProxyRole, 'client' | 'server'>> = {
  gateway: 'client',
  outbound: 'client',
  inbound: 'server',
}

export function createLiveTelemetry(options: {
  readonly runtime: Runtime
  readonly node: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  readonly surroundings: LogSurroundings
  readonly metrics: IstioMetrics
  readonly tracing: Tracing
  readonly writeLine: (line: string) => void
  readonly logger: Logger
  /** Series that were looked up are to be looked up anew. */
  readonly onMetricRules: () => void
}): LiveTelemetry {
  const { runtime, metrics, tracing } = options
  const sides: Readonly<Record<ProxyRole, SideTelemetry>> = {
    gateway: silent(),
    outbound: silent(),
    inbound: silent(),
  }
  let rulesBefore = JSON.stringify({ client: [], server: [] })

  function refresh(): void {
    const { store } = runtime
    const { client, server } = effectiveTelemetry(store.mesh(), store.telemetry(), options.node)
    const bySide = { client, server }
    for (const role of ['gateway', 'outbound', 'inbound'] as const) {
      apply(sides[role], bySide[SIDES[role]])
      sides[role].tracer = tracing.tracerFor(role, bySide[SIDES[role]].tracing)
    }
    tracing.settle()
    const rules = { client: client.metrics, server: server.metrics }
    const rulesNow = JSON.stringify(rules)
    if (rulesNow === rulesBefore) return
    rulesBefore = rulesNow
    metrics.setRules(rules)
    options.onMetricRules()
  }

  function apply(side: SideTelemetry, wanted: TrafficTelemetry): void {
    const logs = wanted.accessLogs.flatMap((settings) => compile(settings))
    side.responseFields = [...new Set(logs.flatMap((log) => log.responseFields))]
    side.log = writerOf(logs)
  }

  /** What does not compile was refused where it was written; a proxy that knows less than its control plane logs less. */
  function compile(settings: AccessLogSettings): readonly CompiledLog[] {
    const format = formats(settings.format)
    if (format === undefined) return []
    if (settings.filter === undefined)
      return [{ format, filter: undefined, responseFields: format.responseFields }]
    const filter = compileLogFilter(settings.filter)
    if (!filter.ok) {
      options.logger.warn(`a filter of the access log means nothing here, nothing is logged: ${filter.error}`)
      return []
    }
    return [
      {
        format,
        filter: filter.value,
        responseFields: [...format.responseFields, ...filter.value.responseFields],
      },
    ]
  }

  const compiled = new Map<string, AccessLogFormat | undefined>()

  function formats(format: LogFormat): AccessLogFormat | undefined {
    const id = `${format.encoding} ${format.format}`
    if (compiled.has(id)) return compiled.get(id)
    const made = compileAccessLogFormat(format, options.surroundings)
    if (!made.ok) options.logger.warn(`the access log is off, its format means nothing here: ${made.error}`)
    if (compiled.size >= FORMATS_MAX) compiled.clear()
    compiled.set(id, made.ok ? made.value : undefined)
    return compiled.get(id)
  }

  function writerOf(logs: readonly CompiledLog[]): (record: LogRecord) => void {
    const [only, ...others] = logs
    if (only === undefined) return () => {}
    if (others.length === 0 && only.filter === undefined) {
      const { format } = only.format
      return (record) => options.writeLine(format(record))
    }
    return (record) => {
      for (const { format, filter } of logs) {
        if (filter === undefined || filter.isWanted(record)) options.writeLine(format.format(record))
      }
    }
  }

  return {
    of: (role) => sides[role],
    refresh,
    setTap(tap) {
      for (const side of Object.values(sides)) side.tap = tap
    },
    close: () => tracing.close(),
  }
}

interface CompiledLog {
  readonly format: AccessLogFormat
  readonly filter: LogFilter | undefined
  readonly responseFields: readonly string[]
}

const FORMATS_MAX = 16

function silent(): SideTelemetry {
  return { responseFields: [], tracer: undefined, tap: undefined, log: () => {} }
}
