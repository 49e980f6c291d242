import {
  BUILT_IN_KINDS,
  builtInSchema,
  type CompiledSchema,
  convertBuiltIn,
  formatApiVersion,
  pluralOf,
  type ResourceInfo,
  storedFormOf,
} from '../../kube/index.ts'
import { builtInApplySchema } from './patch/built-in-apply-schema.ts'
import { collectionOf, type Conversion, type ScalePaths, type ServedResource } from './resources.ts'

/** Resources whose changes are counted by the spec alone. */
const COUNTED_BY_SPEC: ReadonlySet<string> = new Set([
  'core/pods',
  'core/replicationcontrollers',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'apps/daemonsets',
  'batch/jobs',
  'batch/cronjobs',
  'autoscaling/horizontalpodautoscalers',
  'policy/poddisruptionbudgets',
  'networking.k8s.io/ingresses',
  'networking.k8s.io/networkpolicies',
  'networking.k8s.io/ingressclasses',
  'apiextensions.k8s.io/customresourcedefinitions',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
])

/** Resources without a spec, where every change counts. */
const COUNTED_WHOLE: ReadonlySet<string> = new Set([
  'discovery.k8s.io/endpointslices',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'scheduling.k8s.io/priorityclasses',
])

const WORKLOAD_SCALE: ScalePaths = {
  spec: ['spec', 'replicas'],
  status: ['status', 'replicas'],
  selector: ['spec', 'selector'],
}

export function builtInResources(): readonly ServedResource[] {
  return BUILT_IN_KINDS.map(toResource)
}

function toResource(info: ResourceInfo): ServedResource {
  const stored = storedFormOf(info)
  const collection = collectionOf(stored.group, stored === info ? info.plural : pluralOf(stored.kind))
  return {
    info,
    collection,
    apiVersion: formatApiVersion(info),
    storedApiVersion: formatApiVersion(stored),
    conversion: conversionBetween(info, stored),
    schema: lazily((): CompiledSchema | undefined => builtInSchema(info)),
    applySchema: lazily(() => builtInApplySchema(info)),
    openApiSchema: () => undefined,
    scale: info.subresources.includes('scale') ? WORKLOAD_SCALE : undefined,
    isCustom: false,
    revision: 'built-in',
    generation: COUNTED_BY_SPEC.has(collection)
      ? 'spec'
      : COUNTED_WHOLE.has(collection)
        ? 'all-but-metadata'
        : 'none',
    hasStatus: info.subresources.includes('status'),
    allowsUnconditionalUpdate: info.plural !== 'customresourcedefinitions' && info.plural !== 'leases',
  }
}

interface Form {
  readonly group: string
  readonly version: string
}

/** The few kinds that are shown in two forms are stored in one. */
function conversionBetween(served: Form, stored: Form): Conversion | undefined {
  if (formatApiVersion(served) === formatApiVersion(stored)) return undefined
  return {
    fromStored: (object) => convertBuiltIn(object, served),
    toStored: (object) => convertBuiltIn(object, stored),
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
