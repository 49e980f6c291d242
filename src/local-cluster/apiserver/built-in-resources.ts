import {
  BUILT_IN_KINDS,
  builtInSchema,
  type CompiledSchema,
  formatApiVersion,
  type ResourceInfo,
} from '../../kube/index.ts'
import { eventConversion, hpaConversion } from './conversions.ts'
import {
  collectionOf,
  compareVersions,
  type Conversion,
  type ScalePaths,
  type ServedResource,
} from './resources.ts'

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
  'policy/poddisruptionbudgets',
  'networking.k8s.io/ingresses',
  'networking.k8s.io/networkpolicies',
  'networking.k8s.io/ingressclasses',
  'apiextensions.k8s.io/customresourcedefinitions',
  'flowcontrol.apiserver.k8s.io/flowschemas',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations',
])

/** Resources without a spec, where every change counts. */
const COUNTED_WHOLE: ReadonlySet<string> = new Set([
  'discovery.k8s.io/endpointslices',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'scheduling.k8s.io/priorityclasses',
])

/** Of the versions of one resource, the first is stored; another one says the same in other words. */
const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  'autoscaling/v1/horizontalpodautoscalers': hpaConversion,
  'events.k8s.io/v1/events': eventConversion,
}

/** Resources that are another group's view of a stored collection. */
const STORED_AS: Readonly<Record<string, { readonly collection: string; readonly apiVersion: string }>> = {
  'events.k8s.io/events': { collection: 'core/events', apiVersion: 'v1' },
}

const WORKLOAD_SCALE: ScalePaths = {
  spec: ['spec', 'replicas'],
  status: ['status', 'replicas'],
  selector: ['spec', 'selector'],
}

export function builtInResources(): readonly ServedResource[] {
  return BUILT_IN_KINDS.map((info) => toResource(info, storedVersion(info)))
}

function storedVersion(info: ResourceInfo): string {
  const versions = BUILT_IN_KINDS.filter(
    ({ group, plural }) => group === info.group && plural === info.plural,
  )
  return versions.map(({ version }) => version).sort(compareVersions)[0] ?? info.version
}

function toResource(info: ResourceInfo, stored: string): ServedResource {
  const id = `${info.group === '' ? 'core' : info.group}/${info.plural}`
  const storedAs = STORED_AS[id]
  return {
    info,
    collection: storedAs?.collection ?? collectionOf(info.group, info.plural),
    apiVersion: formatApiVersion(info),
    storedApiVersion: storedAs?.apiVersion ?? formatApiVersion({ group: info.group, version: stored }),
    conversion: CONVERSIONS[`${info.group}/${info.version}/${info.plural}`],
    schema: lazySchema(info),
    openApiSchema: () => undefined,
    scale: info.subresources.includes('scale') ? WORKLOAD_SCALE : undefined,
    isCustom: false,
    revision: 'built-in',
    generation: COUNTED_BY_SPEC.has(id) ? 'spec' : COUNTED_WHOLE.has(id) ? 'all-but-metadata' : 'none',
    hasStatus: info.subresources.includes('status'),
    allowsUnconditionalUpdate: info.plural !== 'customresourcedefinitions' && info.plural !== 'leases',
  }
}

function lazySchema(info: ResourceInfo): () => CompiledSchema | undefined {
  let isMade = false
  let schema: CompiledSchema | undefined
  return () => {
    if (!isMade) {
      schema = builtInSchema(info)
      isMade = true
    }
    return schema
  }
}
