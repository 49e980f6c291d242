import type { Container, ContainerPort, EnvVar, Probe, Volume, VolumeMount } from '../../kube/index.ts'
import { discoveryAddress, type ProxySettings } from './settings.ts'

export const PROXY_CONTAINER = 'istio-proxy'

/** The user of the proxy: the capture rules let its own connections pass. */
export const PROXY_UID = 1337

/** The object that stands behind a pod: what telemetry calls the workload. */
export interface WorkloadOwner {
  readonly name: string
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
}

export interface ProxyContainerOptions {
  readonly settings: ProxySettings
  readonly role: 'sidecar' | 'router'
  readonly owner: WorkloadOwner
  /** Ports and names of the application's containers. */
  readonly appPorts: readonly ContainerPort[]
  readonly appContainers: readonly string[]
  /** What the pod's own annotation adds to the proxy's configuration. */
  readonly proxyConfig: Readonly<Record<string, unknown>>
  readonly logLevel?: string
}

/** What all three kinds of proxy have in common: image, arguments, environment, ports and mounts. */
export function proxyContainer(options: ProxyContainerOptions): Container {
  const { settings, role } = options
  return {
    name: PROXY_CONTAINER,
    image: settings.proxyImage,
    ...(settings.imagePullPolicy ? { imagePullPolicy: settings.imagePullPolicy } : {}),
    args: [
      'proxy',
      role,
      '--domain',
      `$(POD_NAMESPACE).svc.${settings.clusterDomain}`,
      `--proxyLogLevel=${options.logLevel ?? settings.logLevel}`,
      `--proxyComponentLogLevel=${settings.componentLogLevel}`,
      '--log_output_level=default:info',
    ],
    env: proxyEnv(options),
    ports: [{ containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }],
    resources: settings.resources,
    volumeMounts: PROXY_MOUNTS,
  }
}

function proxyEnv(options: ProxyContainerOptions): readonly EnvVar[] {
  const { settings, owner } = options
  const discovery = discoveryAddress(settings)
  const config = { discoveryAddress: discovery, ...settings.proxyConfig, ...options.proxyConfig }
  const plural = `${owner.kind.toLowerCase()}s`
  return [
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    { name: 'CA_ADDR', value: discovery },
    fieldEnv('POD_NAME', 'metadata.name'),
    fieldEnv('POD_NAMESPACE', 'metadata.namespace'),
    fieldEnv('INSTANCE_IP', 'status.podIP'),
    fieldEnv('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    fieldEnv('HOST_IP', 'status.hostIP'),
    { name: 'PROXY_CONFIG', value: JSON.stringify(config) },
    { name: 'ISTIO_META_POD_PORTS', value: JSON.stringify(options.appPorts) },
    { name: 'ISTIO_META_APP_CONTAINERS', value: options.appContainers.join(',') },
    { name: 'ISTIO_META_CLUSTER_ID', value: settings.clusterId },
    fieldEnv('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: 'REDIRECT' },
    { name: 'ISTIO_META_WORKLOAD_NAME', value: owner.name },
    {
      name: 'ISTIO_META_OWNER',
      value: `kubernetes://apis/${owner.apiVersion}/namespaces/${owner.namespace}/${plural}/${owner.name}`,
    },
    { name: 'ISTIO_META_MESH_ID', value: settings.trustDomain },
    { name: 'TRUST_DOMAIN', value: settings.trustDomain },
    ...metadataEnv(config),
  ]
}

/** `proxyMetadata`: variables of the proxy, by which Istio's agent is told much. */
function metadataEnv(config: Readonly<Record<string, unknown>>): readonly EnvVar[] {
  const metadata = config['proxyMetadata']
  if (typeof metadata !== 'object' || metadata === null) return []
  return Object.entries(metadata).flatMap(([name, value]) =>
    typeof value === 'string' ? [{ name, value }] : [],
  )
}

function fieldEnv(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}

/** What a proxy may do: nothing but serve. */
export const PROXY_SECURITY_CONTEXT = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsGroup: PROXY_UID,
  runAsNonRoot: true,
  runAsUser: PROXY_UID,
} as const

/** Started and ready are one thing for the proxy: it serves 200 here once its configuration has arrived. */
export function proxyProbe(period: Omit<Probe, 'httpGet'>): Probe {
  return { httpGet: { path: '/healthz/ready', port: 15021 }, ...period }
}

const PROXY_MOUNTS: readonly VolumeMount[] = [
  { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
  { name: 'credential-socket', mountPath: '/var/run/secrets/credential-uds' },
  { name: 'workload-certs', mountPath: '/var/run/secrets/workload-spiffe-credentials' },
  { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
  { name: 'istio-data', mountPath: '/var/lib/istio/data' },
  { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
  { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
  { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
]

/** The volumes behind the proxy's mounts. */
export const PROXY_VOLUMES: readonly Volume[] = [
  { name: 'workload-socket', emptyDir: {} },
  { name: 'credential-socket', emptyDir: {} },
  { name: 'workload-certs', emptyDir: {} },
  { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
  { name: 'istio-data', emptyDir: {} },
  {
    name: 'istio-podinfo',
    downwardAPI: {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
      ],
    },
  },
  {
    name: 'istio-token',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'istio-token', expirationSeconds: 43_200, audience: 'istio-ca' } },
      ],
    },
  },
  { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
]
