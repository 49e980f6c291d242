import { randomUUID } from 'node:crypto'
import { SYSTEM_PRIORITY_CLASSES } from './admission/default-classes.ts'
import { type DefaultObject, defaultRoles } from './auth/default-roles.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { ServerContext } from './context.ts'
import { formatTime, sameJson, withMembers } from './json.ts'

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

export interface Advertised {
  /** the ClusterIP of the Service `kubernetes` */
  readonly serviceAddress: string
  /** where the server listens for pods */
  readonly endpointAddress: string
  readonly endpointPort: number
}

/** Makes the objects that every cluster has, where they are missing, and renews the address of `kubernetes`. */
export async function bootstrap(context: ServerContext, advertised: Advertised): Promise<void> {
  await Promise.all(
    NAMESPACES.map((name) =>
      ensure(context, { collection: 'core/namespaces', namespace: '', object: namespace(name) }),
    ),
  )
  // A role that somebody changed stays as they want it.
  await Promise.all(defaultRoles().map((role) => ensure(context, role)))
  const collection = 'scheduling.k8s.io/priorityclasses'
  await Promise.all(
    SYSTEM_PRIORITY_CLASSES.map((object) => ensure(context, { collection, namespace: '', object })),
  )
  const inDefault = { namespace: 'default' }
  const renewed = [
    { ...inDefault, collection: 'core/services', object: kubernetesService(advertised) },
    { ...inDefault, collection: 'discovery.k8s.io/endpointslices', object: kubernetesSlice(advertised) },
    { ...inDefault, collection: 'core/endpoints', object: kubernetesEndpoints(advertised) },
  ]
  for (const each of renewed) {
    await ensure(context, each)
    await renew(context, each)
  }
}

async function ensure(
  { store, clock }: ServerContext,
  { collection, namespace, object }: DefaultObject,
): Promise<void> {
  const key = { collection, namespace, name: object.metadata.name }
  if (store.get(key)) return
  const metadata = {
    ...object.metadata,
    ...(namespace === '' ? {} : { namespace }),
    uid: randomUUID(),
    creationTimestamp: formatTime(clock.now()),
  }
  await store.write({ kind: 'put', key, object: { ...object, metadata }, expect: 0 })
}

async function renew(
  { store }: ServerContext,
  { collection, namespace, object }: DefaultObject,
): Promise<void> {
  const key = { collection, namespace, name: object.metadata.name }
  const current = store.get(key)
  if (!current) return
  const renewed = withMembers(object, { metadata: current.object.metadata })
  if (!sameJson(renewed, current.object)) {
    await store.write({ kind: 'put', key, object: renewed, expect: current.revision })
  }
}

function namespace(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }
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
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
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
