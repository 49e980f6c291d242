import type { StructuralSchema } from '../../../kube/index.ts'
import { AGE_COLUMN, type KindDefinition } from '../definition.ts'
import { ISTIO_TELEMETRY_GROUP } from '../kinds.ts'
import { atMostOneOf, list, map, number, object, rule, string, word } from '../schema.ts'
import {
  duration,
  ISTIO_KIND,
  ISTIO_LABELS,
  nullableBoolean,
  onlyOneTarget,
  resource,
  targetReference,
  targetReferences,
  workloadMatchLabels,
} from './common.ts'

const filled = string({ minLength: 1 })
const mode = word('CLIENT_AND_SERVER', 'CLIENT', 'SERVER')
const providers = list(object({ name: filled }, { required: ['name'] }))

export const TELEMETRY: KindDefinition = {
  ...ISTIO_KIND,
  group: ISTIO_TELEMETRY_GROUP,
  categories: ['istio-io', 'telemetry-istio-io'],
  labels: { ...ISTIO_LABELS, istio: 'telemetry' },
  versions: [{ name: 'v1' }, { name: 'v1alpha1', storage: true }],
  kind: 'Telemetry',
  plural: 'telemetries',
  shortNames: ['telemetry'],
  columns: [AGE_COLUMN],
  schema: () =>
    resource(
      object(
        {
          accessLogging: list(
            object({
              disabled: nullableBoolean,
              filter: object({ expression: string() }),
              match: object({ mode }),
              providers,
            }),
          ),
          metrics: list(
            object({ overrides: list(metricOverride()), providers, reportingInterval: duration }),
          ),
          selector: workloadMatchLabels,
          targetRef: targetReference,
          targetRefs: targetReferences,
          tracing: list(tracing()),
        },
        { rules: [onlyOneTarget('selector', 'selector', 'targetRef', 'targetRefs')] },
      ),
    ),
}

const METRICS = [
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
]

function metricOverride(): StructuralSchema {
  const operation = '(has(self.operation) ? self.operation : "")'
  const tag = object(
    { operation: word('UPSERT', 'REMOVE'), value: string() },
    {
      rules: [
        rule(
          'value must be set when operation is UPSERT',
          `(${operation} == "UPSERT") ? (self.value != "") : true`,
        ),
        rule(
          'value must not be set when operation is REMOVE',
          `(${operation} == "REMOVE") ? !has(self.value) : true`,
        ),
      ],
    },
  )
  return object({
    disabled: nullableBoolean,
    match: object(
      { customMetric: filled, metric: word(...METRICS), mode },
      atMostOneOf('metric', 'customMetric'),
    ),
    tagOverrides: map(tag),
  })
}

function tracing(): StructuralSchema {
  const value = object({ value: filled }, { required: ['value'] })
  const lookup = object({ defaultValue: string(), name: filled }, { required: ['name'] })
  return object({
    customTags: map(
      object(
        { environment: lookup, formatter: value, header: lookup, literal: value },
        atMostOneOf('literal', 'environment', 'header', 'formatter'),
      ),
    ),
    disableContextPropagation: nullableBoolean,
    disableSpanReporting: nullableBoolean,
    enableIstioTags: nullableBoolean,
    match: object({ mode }),
    providers,
    randomSamplingPercentage: number({ format: 'double', minimum: 0, maximum: 100, nullable: true }),
    useRequestIdForTraceSampling: nullableBoolean,
  })
}
