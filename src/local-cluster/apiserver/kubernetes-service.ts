import { messageOf } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { DefaultObject } from './auth/default-roles.ts'
import type { ServerContext } from './context.ts'
import { ensureObject } from './ensure-object.ts'

export interface Advertised {
  /** the ClusterIP of the Service `kubernetes` */
  readonly serviceAddress: string
  /** where the server listens for pods */
  readonly endpointAddress: string
  readonly endpointPort: number
}

/** The Service `kubernetes`, by which pods find the API server, with what says where that is. */
export function kubernetesObjects(advertised: Advertised): readonly DefaultObject[] {
  const namespace = 'default'
  return [
    { namespace, collection: 'core/services', object: kubernetesService(advertised) },
    { namespace, collection: 'discovery.k8s.io/endpointslices', object: kubernetesSlice(advertised) },
    { namespace, collection: 'core/endpoints', object: kubernetesEndpoints(advertised) },
  ]
}

/** Makes them again when somebody deletes them. @returns how to stop */
export function keepKubernetesService(context: ServerContext, advertised: Advertised): () => void {
  const stops = kubernetesObjects(advertised).map((wanted) => {
    const { collection, namespace, object } = wanted
    const { name } = object.metadata
    const subscribed = context.store.subscribe({
      collection,
      namespace,
      onEvents(events) {
        if (!events.some(({ kind, key }) => kind === 'deleted' && key.name === name)) return
        ensureObject(context, wanted).catch((error: unknown) =>
          context.logger.error('the Service kubernetes could not be made again', { error: messageOf(error) }),
        )
      },
    })
    return subscribed.kind === 'subscribed' ? subscribed.stop : () => {}
  })
  return () => stops.forEach((stop) => stop())
}

const LABELS = { component: 'apiserver', provider: 'kubernetes' }

function kubernetesService({ serviceAddress, endpointPort }: Advertised): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', labels: LABELS },
    spec: {
      clusterIP: serviceAddress,
      clusterIPs: [serviceAddress],
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: endpointPort }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
    status: { loadBalancer: {} },
  }
}

function kubernetesSlice({ endpointAddress, endpointPort }: Advertised): KubeObject {
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kubernetes',
      generation: 1,
      labels: { 'kubernetes.io/service-name': 'kubernetes' },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [endpointAddress], conditions: { ready: true } }],
    ports: [{ name: 'https', port: endpointPort, protocol: 'TCP' }],
  }
  return slice
}

function kubernetesEndpoints({ endpointAddress, endpointPort }: Advertised): KubeObject {
  const endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [
      {
        addresses: [{ ip: endpointAddress }],
        ports: [{ name: 'https', port: endpointPort, protocol: 'TCP' }],
      },
    ],
  }
  return endpoints
}
