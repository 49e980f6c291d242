import type {
  AccessLogRule,
  MetricRule,
  Origin,
  Telemetry,
  TracingRule,
  TrafficMode,
} from '../../../model/index.ts'
import { telemetryName } from '../../../model/index.ts'
import { compileLogFilter, ISTIO_METRICS, METRIC_LABELS } from '../../../telemetry/index.ts'
import type { IstioTelemetry } from '../../resources/index.ts'
import { GATEWAY_NAME_LABEL } from '../gateway-api/gateway.ts'
import { translateTags } from '../mesh-telemetry.ts'
import { namespaceOf } from '../names.ts'
import type { MeshSettings } from '../settings.ts'

export interface TelemetryResult {
  readonly key: string
  readonly telemetry: readonly Telemetry[]
  /** Providers that it names, with the path of each: whether they are there is seen from the mesh's settings. */
  readonly named: readonly { readonly path: string; readonly name: string }[]
  readonly problems: readonly string[]
  readonly origin: Origin
}

type Spec = NonNullable<IstioTelemetry['spec']>

/** @see Istio, Telemetry: the root namespace's without a selector is the whole mesh's */
export function translateTelemetry(object: IstioTelemetry, settings: MeshSettings): TelemetryResult {
  const namespace = namespaceOf(object)
  const { name } = object.metadata
  const key = telemetryName(namespace, name)
  const origin = { kind: 'Telemetry', namespace, name }
  const spec = object.spec ?? {}
  const problems: string[] = []
  const selections = selectionsOf(spec, problems)
  const isOfMesh = namespace === settings.rootNamespace && spec.selector === undefined && !hasTargets(spec)
  const rules = {
    createdAt: object.metadata.creationTimestamp ?? '',
    tracing: (spec.tracing ?? []).map((rule, i) => tracingRule(rule, `tracing[${i}]`, problems)),
    accessLogging: (spec.accessLogging ?? []).flatMap((rule, i) =>
      accessLogRule(rule, `accessLogging[${i}]`, problems),
    ),
    metrics: (spec.metrics ?? []).flatMap((rule, i) => metricRules(rule, `metrics[${i}]`, problems)),
    origin,
  }
  return {
    key,
    telemetry: selections.map((labels, index) => ({
      type: 'telemetry',
      key: index === 0 ? key : telemetryName(namespace, `${name}~${index}`),
      ...(!isOfMesh && { namespace }),
      labels,
      ...rules,
    })),
    named: namedProviders(spec),
    problems,
    origin,
  }
}

function hasTargets(spec: Spec): boolean {
  return spec.targetRef !== undefined || (spec.targetRefs ?? []).length > 0
}

/** The labels of the workloads that it is for; those of a gateway are told by its name. */
function selectionsOf(spec: Spec, problems: string[]): readonly Readonly<Record<string, string>>[] {
  if (!hasTargets(spec)) return [spec.selector?.matchLabels ?? {}]
  const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...(spec.targetRefs ?? [])]
  return targets.flatMap(({ kind, name }) => {
    if (kind === 'Gateway') return [{ [GATEWAY_NAME_LABEL]: name }]
    problems.push(`targetRefs: ${kind} is not served, Gateway is`)
    return []
  })
}

const MODES: Readonly<Record<string, TrafficMode>> = { CLIENT: 'client', SERVER: 'server' }

function modeOf(match: { readonly mode?: string } | undefined): TrafficMode {
  return MODES[match?.mode ?? ''] ?? 'both'
}

function providersOf(rule: { readonly providers?: readonly { readonly name: string }[] }) {
  const names = rule.providers?.map(({ name }) => name) ?? []
  return names.length === 0 ? {} : { providers: names }
}

function tracingRule(
  rule: NonNullable<Spec['tracing']>[number],
  path: string,
  problems: string[],
): TracingRule {
  const percent = rule.randomSamplingPercentage
  return {
    mode: modeOf(rule.match),
    ...providersOf(rule),
    ...(typeof percent === 'number' && { samplingPercent: percent }),
    ...(typeof rule.disableSpanReporting === 'boolean' && { isReportingOff: rule.disableSpanReporting }),
    ...(typeof rule.disableContextPropagation === 'boolean' && {
      isPropagationOff: rule.disableContextPropagation,
    }),
    ...(typeof rule.useRequestIdForTraceSampling === 'boolean' && {
      usesRequestId: rule.useRequestIdForTraceSampling,
    }),
    ...(typeof rule.enableIstioTags === 'boolean' && { hasIstioTags: rule.enableIstioTags }),
    ...(rule.customTags && { tags: translateTags(rule.customTags, `${path}.customTags`, problems) }),
  }
}

/** A rule whose filter means nothing would log what its author did not want: it is left out. */
function accessLogRule(
  rule: NonNullable<Spec['accessLogging']>[number],
  path: string,
  problems: string[],
): readonly AccessLogRule[] {
  const filter = rule.filter?.expression
  if (filter !== undefined && filter !== '') {
    const compiled = compileLogFilter(filter)
    if (!compiled.ok) {
      problems.push(`${path}.filter.expression: ${compiled.error}; the rule has no effect`)
      return []
    }
  }
  return [
    {
      mode: modeOf(rule.match),
      ...providersOf(rule),
      ...(typeof rule.disabled === 'boolean' && { isOff: rule.disabled }),
      ...(filter !== undefined && filter !== '' && { filter }),
    },
  ]
}

function metricRules(
  rule: NonNullable<Spec['metrics']>[number],
  path: string,
  problems: string[],
): readonly MetricRule[] {
  if (rule.reportingInterval !== undefined)
    problems.push(`${path}.reportingInterval: has no effect, figures are always current`)
  const other = rule.providers?.find(({ name }) => name !== 'prometheus')
  if (other !== undefined) {
    problems.push(`${path}.providers: ${other.name} is not served, prometheus is; the rule has no effect`)
    return []
  }
  return (rule.overrides ?? []).flatMap((override, i): MetricRule[] => {
    const at = `${path}.overrides[${i}]`
    const metric = override.match?.customMetric ?? override.match?.metric ?? 'ALL_METRICS'
    if (metric !== 'ALL_METRICS' && !Object.hasOwn(ISTIO_METRICS, metric)) {
      problems.push(
        `${at}.match.customMetric: ${metric} is no metric of the proxy; the override has no effect`,
      )
      return []
    }
    const tags = tagChanges(override.tagOverrides, `${at}.tagOverrides`, problems)
    return [
      {
        mode: modeOf(override.match),
        metric,
        ...(typeof override.disabled === 'boolean' && { isOff: override.disabled }),
        ...(tags.length > 0 && { tags }),
      },
    ]
  })
}

type TagOverrides = NonNullable<
  NonNullable<NonNullable<Spec['metrics']>[number]['overrides']>[number]['tagOverrides']
>

/** Labels are made per pair of workloads, not per request: a value must be one text, or another label's. */
function tagChanges(
  overrides: TagOverrides | undefined,
  path: string,
  problems: string[],
): readonly { readonly name: string; readonly value?: string }[] {
  return Object.entries(overrides ?? {}).flatMap(([name, { operation, value }]) => {
    if (operation === 'REMOVE') return [{ name }]
    const literal = /^(?:"([^"\\]*)"|'([^'\\]*)')$/.exec(value ?? '')
    if (literal !== null) return [{ name, value: literal[1] ?? literal[2] ?? '' }]
    problems.push(
      `${path}.${name}: only a quoted text is served as a value${METRIC_LABELS.includes(name) ? '; the label keeps its own' : ''}`,
    )
    return []
  })
}

function namedProviders(spec: Spec): TelemetryResult['named'] {
  const paths = [
    ...(spec.tracing ?? []).map((rule, i) => ({ path: `tracing[${i}].providers`, rule })),
    ...(spec.accessLogging ?? []).map((rule, i) => ({ path: `accessLogging[${i}].providers`, rule })),
  ]
  return paths.flatMap(({ path, rule }) => (rule.providers ?? []).map(({ name }) => ({ path, name })))
}
