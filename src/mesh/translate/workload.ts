import type { Pod } from '../../kube/index.ts'
import {
  type Locality,
  type Membership,
  type Mesh,
  type ServiceName,
  spiffeId,
  type Workload,
  workloadUid,
} from '../../model/index.ts'
import type { SliceEndpoint } from './endpoint.ts'
import { namespaceOf } from './names.ts'
import type { MeshSettings } from './settings.ts'

export const TLS_MODE_LABEL = 'security.istio.io/tlsMode'
const LOCALITY_LABEL = 'istio-locality'

export interface WorkloadContext {
  /** The addresses of EndpointSlices that stand for this workload. */
  readonly endpoints: readonly SliceEndpoint[]
  /** What it serves for ServiceEntries that select it. */
  readonly entries?: Workload['services']
  readonly mesh: Mesh
  readonly settings: MeshSettings
}

/** @returns undefined while the pod has no address, and after it has ended */
export function translatePod(pod: Pod, context: WorkloadContext): Workload | undefined {
  const addresses = addressesOf(pod)
  const phase = pod.status?.phase
  if (addresses.length === 0 || phase === 'Succeeded' || phase === 'Failed') return undefined
  const namespace = namespaceOf(pod)
  const { name } = pod.metadata
  const labels = pod.metadata.labels ?? {}
  const owner = ownerOf(pod)
  const serviceAccount = pod.spec?.serviceAccountName ?? pod.spec?.serviceAccount ?? 'default'
  const node = pod.spec?.nodeName
  const locality = localityOf(labels[LOCALITY_LABEL], '.')
  return {
    type: 'workload',
    key: workloadUid({ cluster: context.settings.clusterId, group: '', kind: 'Pod', namespace, name }),
    name,
    namespace,
    addresses,
    labels,
    identity: spiffeId(context.mesh.trustDomain, namespace, serviceAccount),
    serviceAccount,
    owner,
    ...canonicalOf(labels, owner.name),
    cluster: context.settings.clusterId,
    ...(node === undefined ? {} : { node }),
    ...(locality === undefined ? {} : { locality }),
    weight: 1,
    tlsMode: labels[TLS_MODE_LABEL] === 'istio' ? 'istio' : 'disabled',
    services: { ...context.entries, ...membershipsOf(context.endpoints) },
    origin: { kind: 'Pod', namespace, name },
  }
}

/** An address of a hand-made EndpointSlice behind which no pod is known: a workload outside the mesh. */
export function translateStandaloneEndpoint(endpoint: SliceEndpoint, context: WorkloadContext): Workload {
  const { namespace, slice } = endpoint
  const name = `${slice}-${endpoint.addresses[0] ?? ''}`
  return {
    type: 'workload',
    key: workloadUid({
      cluster: context.settings.clusterId,
      group: 'discovery.k8s.io',
      kind: 'EndpointSlice',
      namespace,
      name: `${slice}/${endpoint.addresses[0] ?? ''}`,
    }),
    name,
    namespace,
    addresses: endpoint.addresses,
    labels: {},
    identity: spiffeId(context.mesh.trustDomain, namespace, 'default'),
    serviceAccount: 'default',
    owner: { kind: 'EndpointSlice', name: slice },
    ...canonicalOf({}, slice),
    cluster: context.settings.clusterId,
    ...(endpoint.node === undefined ? {} : { node: endpoint.node }),
    weight: 1,
    tlsMode: 'disabled',
    services: membershipsOf([endpoint]),
    origin: { kind: 'EndpointSlice', namespace, name: slice },
  }
}

/** Of the pod's own family: traffic is captured in IPv4 alone, and the other way to the pod is none for a proxy. */
export function addressesOf(pod: Pod): readonly string[] {
  const all = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map((entry) => entry.ip)]
  const known = [...new Set(all.flatMap((address) => (address ? [address] : [])))]
  const isIpv6 = known[0]?.includes(':')
  return known.filter((address) => address.includes(':') === isIpv6)
}

/**
 * What telemetry calls the workload: a ReplicaSet's Deployment (the name without the template hash), a Job's CronJob
 * is not looked through, and a pod of nobody is its own.
 */
function ownerOf(pod: Pod): Workload['owner'] {
  const controller = pod.metadata.ownerReferences?.find((reference) => reference.controller === true)
  if (controller === undefined) return { kind: 'Pod', name: pod.metadata.name }
  const hash = pod.metadata.labels?.['pod-template-hash']
  if (controller.kind === 'ReplicaSet' && hash !== undefined && controller.name.endsWith(`-${hash}`)) {
    return { kind: 'Deployment', name: controller.name.slice(0, -hash.length - 1) }
  }
  return { kind: controller.kind, name: controller.name }
}

/** @see Istio, canonical service: its own labels first, then the usual ones, then the workload's name */
export function canonicalOf(
  labels: Readonly<Record<string, string>>,
  workloadName: string,
): Pick<Workload, 'canonicalName' | 'canonicalRevision'> {
  return {
    canonicalName:
      labels['service.istio.io/canonical-name'] ??
      labels['app.kubernetes.io/name'] ??
      labels['app'] ??
      workloadName,
    canonicalRevision:
      labels['service.istio.io/canonical-revision'] ??
      labels['app.kubernetes.io/version'] ??
      labels['version'] ??
      'latest',
  }
}

/** `region/zone/subzone`; a label, whose value has no slash, parts them with dots. */
export function localityOf(text: string | undefined, separator: '.' | '/'): Locality | undefined {
  if (text === undefined || text === '') return undefined
  const [region = '', zone = '', subzone = ''] = text.split(separator)
  return { region, zone, subzone }
}

/** A service may name a workload in several slices (one per port set or address family): their ports are joined. */
function membershipsOf(endpoints: readonly SliceEndpoint[]): Workload['services'] {
  const services: Record<ServiceName, Membership> = {}
  for (const { service, membership } of endpoints) {
    const known = services[service]
    const draining = known?.draining === true || membership.draining === true
    services[service] =
      known === undefined
        ? membership
        : {
            ports: { ...known.ports, ...membership.ports },
            ready: known.ready || membership.ready,
            ...(draining ? { draining } : {}),
          }
  }
  return services
}
