import { parseDurationMs } from '../../base/index.ts'
import type {
  CustomTag,
  LogFormat,
  Mesh,
  MeshTelemetry,
  OpenTelemetryProvider,
  TelemetryProvider,
} from '../../model/index.ts'
import { compileAccessLogFormat, defaultLogFormat } from '../../telemetry/index.ts'
import { isRecord, type Members, numberOf, recordsOf, textOf } from './members.ts'

/** The provider that Istio has without being told: the proxy's own output in the mesh's format. */
const BUILT_IN_LOG_PROVIDER = 'envoy'
/** Istio's default share of requests that are traced. */
const SAMPLING_PERCENT = 1
const TAG_LENGTH_MAX = 256
const EXPORT_TIMEOUT_MS = 10_000
const STDOUT = '/dev/stdout'

/** What MeshConfig says of logs and traces. @param problems takes what is not served, or not as written */
export function translateMeshTelemetry(
  config: Members,
  problems: string[],
): Pick<Mesh, 'accessLog' | 'telemetry'> {
  const format = meshLogFormat(config, problems)
  const file = textOf(config, 'accessLogFile') ?? ''
  if (file !== '' && file !== STDOUT)
    problems.push(`mesh.accessLogFile: ${file} is not served, ${STDOUT} is used`)
  const defaults = recordIn(config, 'defaultProviders')
  const tracing = recordIn(recordIn(config, 'defaultConfig'), 'tracing')
  const tagLengthMax = numberOf(tracing, 'maxPathTagLength')
  const providers = recordsOf(config['extensionProviders']).flatMap((provider, index) =>
    translateProvider(provider, {
      path: `mesh.extensionProviders[${index}]`,
      problems,
      tagLengthMax: tagLengthMax ?? TAG_LENGTH_MAX,
    }),
  )
  if (isRecord(tracing['zipkin']))
    problems.push('mesh.defaultConfig.tracing.zipkin: only opentelemetry providers are served')
  const telemetry: MeshTelemetry = {
    providers: [...providers, { kind: 'file-log', name: BUILT_IN_LOG_PROVIDER, format }],
    defaultProviders: {
      tracing: namesIn(defaults['tracing']),
      accessLogging: namesIn(defaults['accessLogging']),
    },
    isTracingOn: config['enableTracing'] !== false,
    samplingPercent: samplingOf(tracing, problems),
    tags: translateTags(tracing['customTags'], 'mesh.defaultConfig.tracing.customTags', problems),
  }
  return { ...(file !== '' && { accessLog: format }), telemetry }
}

function meshLogFormat(config: Members, problems: string[]): LogFormat {
  const named = textOf(config, 'accessLogEncoding') ?? 'TEXT'
  if (named !== 'TEXT' && named !== 'JSON')
    problems.push(`mesh.accessLogEncoding: must be TEXT or JSON, not ${named}; TEXT is used`)
  const encoding = named === 'JSON' ? 'json' : 'text'
  const format = textOf(config, 'accessLogFormat') ?? ''
  if (format === '') return defaultLogFormat(encoding)
  return checkedFormat({ encoding, format }, 'mesh.accessLogFormat', problems)
}

/** A format that does not compile is refused as a whole: half a line is worse than the usual one. */
function checkedFormat(format: LogFormat, path: string, problems: string[]): LogFormat {
  const compiled = compileAccessLogFormat(format)
  if (compiled.ok) return format
  problems.push(`${path}: ${compiled.error}; the default format is used`)
  return defaultLogFormat(format.encoding)
}

function samplingOf(tracing: Members, problems: string[]): number {
  const percent = numberOf(tracing, 'sampling')
  if (percent === undefined) return SAMPLING_PERCENT
  if (percent >= 0 && percent <= 100) return percent
  problems.push(`mesh.defaultConfig.tracing.sampling: must be from 0 to 100; ${SAMPLING_PERCENT} is used`)
  return SAMPLING_PERCENT
}

interface ProviderPlace {
  readonly path: string
  readonly problems: string[]
  readonly tagLengthMax: number
}

function translateProvider(provider: Members, place: ProviderPlace): readonly TelemetryProvider[] {
  const name = textOf(provider, 'name')
  const { path, problems } = place
  if (name === undefined || name === '') {
    problems.push(`${path}.name: is missing`)
    return []
  }
  if (isRecord(provider['envoyFileAccessLog']))
    return [{ kind: 'file-log', name, format: fileFormat(provider['envoyFileAccessLog'], place) }]
  if (isRecord(provider['opentelemetry'])) {
    const collector = translateCollector(name, provider['opentelemetry'], place)
    return collector === undefined ? [] : [collector]
  }
  const kind = Object.keys(provider).find((member) => member !== 'name')
  // The metrics of the built-in Prometheus endpoint are always there; authorization is not telemetry.
  if (kind !== undefined && !['prometheus', 'envoyExtAuthzHttp', 'envoyExtAuthzGrpc'].includes(kind))
    problems.push(`${path}.${kind}: is not served; opentelemetry and envoyFileAccessLog are`)
  return []
}

function fileFormat(log: Members, { path, problems }: ProviderPlace): LogFormat {
  const at = `${path}.envoyFileAccessLog`
  const file = textOf(log, 'path') ?? STDOUT
  if (file !== STDOUT) problems.push(`${at}.path: ${file} is not served, ${STDOUT} is used`)
  const format = recordIn(log, 'logFormat')
  const text = textOf(format, 'text')
  if (text !== undefined && text !== '')
    return checkedFormat({ encoding: 'text', format: text }, `${at}.logFormat.text`, problems)
  if (isRecord(format['labels'])) {
    const json = JSON.stringify(format['labels'])
    return checkedFormat({ encoding: 'json', format: json }, `${at}.logFormat.labels`, problems)
  }
  return defaultLogFormat('text')
}

function translateCollector(
  name: string,
  collector: Members,
  { path, problems, tagLengthMax }: ProviderPlace,
): OpenTelemetryProvider | undefined {
  const at = `${path}.opentelemetry`
  const service = textOf(collector, 'service') ?? ''
  const port = numberOf(collector, 'port') ?? 0
  if (service === '' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    problems.push(`${at}: must name a service and a port; nothing is sent there`)
    return undefined
  }
  const http = isRecord(collector['http']) ? collector['http'] : undefined
  const grpc = recordIn(collector, 'grpc')
  const detectors = recordIn(collector, 'resourceDetectors')
  if (detectors['dynatrace'] !== undefined || collector['dynatraceSampler'] !== undefined)
    problems.push(`${at}: what is Dynatrace's is not served`)
  const [namespace, host] = service.includes('/') ? splitOnce(service) : [undefined, service]
  return {
    kind: 'opentelemetry',
    name,
    host,
    ...(namespace !== undefined && { namespace }),
    port,
    ...(http !== undefined && { http: { path: textOf(http, 'path') || '/v1/traces', isSecure: false } }),
    timeoutMs: timeoutOf(http ?? grpc, `${at}.${http === undefined ? 'grpc' : 'http'}.timeout`, problems),
    headers: recordsOf(http === undefined ? grpc['initialMetadata'] : http['headers']).flatMap((header) => {
      const key = (textOf(header, 'name') ?? textOf(header, 'key') ?? '').toLowerCase()
      return key === '' ? [] : [{ name: key, value: textOf(header, 'value') ?? '' }]
    }),
    tagLengthMax: Math.max(1, Math.floor(numberOf(collector, 'maxTagLength') ?? tagLengthMax)),
    readsEnvironment: detectors['environment'] !== undefined,
  }
}

function timeoutOf(from: Members, path: string, problems: string[]): number {
  const given = textOf(from, 'timeout')
  if (given === undefined) return EXPORT_TIMEOUT_MS
  const ms = parseDurationMs(given)
  if (ms !== undefined && ms > 0) return ms
  problems.push(`${path}: ${given} is not a duration such as 10s`)
  return EXPORT_TIMEOUT_MS
}

/** `customTags` of ProxyConfig and of Telemetry. */
export function translateTags(
  tags: unknown,
  path: string,
  problems: string[],
): Readonly<Record<string, CustomTag>> {
  if (!isRecord(tags)) return {}
  return Object.fromEntries(
    Object.entries(tags).flatMap(([name, tag]): [string, CustomTag][] => {
      const translated = isRecord(tag) ? translateTag(tag) : undefined
      if (translated !== undefined && isTag(translated, `${path}.${name}`, problems))
        return [[name, translated]]
      if (translated === undefined)
        problems.push(`${path}.${name}: must have one of literal, environment, header and formatter`)
      return []
    }),
  )
}

function isTag(tag: CustomTag, path: string, problems: string[]): boolean {
  if (tag.kind !== 'format') return true
  const compiled = compileAccessLogFormat({ encoding: 'text', format: tag.text })
  if (!compiled.ok) problems.push(`${path}.formatter: ${compiled.error}`)
  return compiled.ok
}

function translateTag(tag: Members): CustomTag | undefined {
  const literal = recordIn(tag, 'literal')
  if (typeof literal['value'] === 'string') return { kind: 'literal', value: literal['value'] }
  const format = recordIn(tag, 'formatter')
  if (typeof format['value'] === 'string') return { kind: 'format', text: format['value'] }
  for (const kind of ['environment', 'header'] as const) {
    const found = recordIn(tag, kind)
    const name = textOf(found, 'name')
    if (name === undefined || name === '') continue
    const fallback = textOf(found, 'defaultValue')
    return {
      kind,
      name: kind === 'header' ? name.toLowerCase() : name,
      ...(fallback !== undefined && { fallback }),
    }
  }
  return undefined
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function recordIn(from: Members, member: string): Members {
  const value = from[member]
  return isRecord(value) ? value : {}
}

function splitOnce(service: string): [string, string] {
  const slash = service.indexOf('/')
  return [service.slice(0, slash), service.slice(slash + 1)]
}
