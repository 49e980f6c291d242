import type {
  Container,
  Deployment,
  EnvVar,
  HorizontalPodAutoscaler,
  KubeObject,
  PodTemplateSpec,
  Service,
  Volume,
} from '../../kube/index.ts'
import { PROXY_UID } from '../injection/index.ts'
import {
  flagSetting,
  type Installation,
  numberSetting,
  resourceSetting,
  revisioned,
  textSetting,
} from './installation.ts'
import { ownerLabels } from './labels.ts'
import { textsBelow } from './settings.ts'

const ISTIOD_PORTS = [
  { name: 'grpc-xds', port: 15010, protocol: 'TCP' },
  { name: 'https-dns', port: 15012, protocol: 'TCP' },
  { name: 'https-webhook', port: 443, targetPort: 15017, protocol: 'TCP' },
  { name: 'http-monitoring', port: 15014, protocol: 'TCP' },
] as const

/** The control plane's Deployment, Services and autoscaler. */
export function istiodObjects(installation: Installation): readonly KubeObject[] {
  const autoscaled = flagSetting(installation, 'values.pilot.autoscaleEnabled', true)
  return [
    istiodService(installation, revisioned('istiod', installation)),
    ...(installation.revision === 'default'
      ? [istiodService(installation, 'istiod-revision-tag-default')]
      : []),
    istiodDeployment(installation, autoscaled),
    ...(autoscaled ? [istiodAutoscaler(installation)] : []),
  ]
}

function selector(installation: Installation): Readonly<Record<string, string>> {
  return installation.revision === 'default'
    ? { app: 'istiod', istio: 'pilot' }
    : { app: 'istiod', 'istio.io/rev': installation.revision }
}

function metadata(installation: Installation, name: string) {
  const labels = { app: 'istiod', istio: 'pilot', ...ownerLabels(installation, 'pilot') }
  return { name, namespace: installation.namespace, labels }
}

function istiodService(installation: Installation, name: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(installation, name),
    spec: { ports: ISTIOD_PORTS, selector: selector(installation) },
  }
}

function istiodDeployment(installation: Installation, autoscaled: boolean): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(installation, revisioned('istiod', installation)),
    spec: {
      // With an autoscaler the count is its own: stating it here would take it back at each installation.
      ...(autoscaled ? {} : { replicas: numberSetting(installation, 'values.pilot.replicaCount', 1) }),
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      selector: { matchLabels: selector(installation) },
      template: istiodTemplate(installation),
    },
  }
}

function istiodTemplate(installation: Installation): PodTemplateSpec {
  return {
    metadata: {
      labels: {
        ...ownerLabels(installation, 'pilot'),
        ...selector(installation),
        'sidecar.istio.io/inject': 'false',
      },
      annotations: {
        'prometheus.io/port': '15014',
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/inject': 'false',
      },
    },
    spec: {
      serviceAccountName: revisioned('istiod', installation),
      containers: [istiodContainer(installation)],
      volumes: ISTIOD_VOLUMES,
    },
  }
}

function istiodContainer(installation: Installation): Container {
  const { hub, tag, imagePullPolicy, clusterDomain, logLevel } = installation
  const image = textSetting(installation, 'values.pilot.image') ?? 'pilot'
  return {
    name: 'discovery',
    image: image.includes('/') ? image : `${hub}/${image}:${tag}`,
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy: imagePullPolicy as 'Always' }),
    args: [
      'discovery',
      '--monitoringAddr=:15014',
      `--log_output_level=${logLevel}`,
      '--domain',
      clusterDomain,
      '--keepaliveMaxServerConnectionAge',
      '30m',
    ],
    ports: [
      { containerPort: 8080, protocol: 'TCP', name: 'http-debug' },
      { containerPort: 15010, protocol: 'TCP', name: 'grpc-xds' },
      { containerPort: 15012, protocol: 'TCP', name: 'tls-xds' },
      { containerPort: 15017, protocol: 'TCP', name: 'https-webhooks' },
      { containerPort: 15014, protocol: 'TCP', name: 'http-monitoring' },
    ],
    // Asked every second, not every third as in Istio: this control plane is ready in about one.
    readinessProbe: {
      httpGet: { path: '/ready', port: 8080 },
      initialDelaySeconds: 1,
      periodSeconds: 1,
      timeoutSeconds: 5,
    },
    env: istiodEnv(installation),
    resources: resourceSetting(installation, 'values.pilot.resources', {
      requests: { cpu: '500m', memory: '2048Mi' },
    }),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: PROXY_UID,
      runAsGroup: PROXY_UID,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: 'local-certs', mountPath: '/var/run/secrets/istio-dns' },
      { name: 'cacerts', mountPath: '/etc/cacerts', readOnly: true },
      { name: 'istio-kubeconfig', mountPath: '/var/run/secrets/remote', readOnly: true },
    ],
  }
}

function istiodEnv(installation: Installation): readonly EnvVar[] {
  const extra = Object.entries(textsBelow(installation.settings, 'values.pilot.env'))
  const sampling = textSetting(installation, 'values.pilot.traceSampling') ?? '1'
  const own: readonly EnvVar[] = [
    { name: 'REVISION', value: installation.revision },
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
    {
      name: 'SERVICE_ACCOUNT',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.serviceAccountName' } },
    },
    { name: 'PILOT_TRACE_SAMPLING', value: sampling },
    { name: 'CLUSTER_ID', value: installation.clusterId },
    { name: 'TRUST_DOMAIN', value: installation.trustDomain },
    { name: 'PLATFORM', value: textSetting(installation, 'values.global.platform') ?? '' },
  ]
  const isOver = ({ name }: EnvVar) => extra.some(([extraName]) => extraName === name)
  return [...own.filter((variable) => !isOver(variable)), ...extra.map(([name, value]) => ({ name, value }))]
}

const ISTIOD_VOLUMES: readonly Volume[] = [
  { name: 'local-certs', emptyDir: { medium: 'Memory' } },
  {
    name: 'istio-token',
    projected: {
      sources: [
        { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } },
      ],
    },
  },
  { name: 'cacerts', secret: { secretName: 'cacerts', optional: true } },
  { name: 'istio-kubeconfig', secret: { secretName: 'istio-kubeconfig', optional: true } },
]

function istiodAutoscaler(installation: Installation): HorizontalPodAutoscaler {
  return autoscaler(installation, {
    metadata: metadata(installation, revisioned('istiod', installation)),
    settings: 'values.pilot',
  })
}

/** One to five replicas, at 80 % of the requested CPU. */
export function autoscaler(
  installation: Installation,
  options: { readonly metadata: HorizontalPodAutoscaler['metadata']; readonly settings: string },
): HorizontalPodAutoscaler {
  const { name } = options.metadata
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: options.metadata,
    spec: {
      minReplicas: numberSetting(installation, `${options.settings}.autoscaleMin`, 1),
      maxReplicas: numberSetting(installation, `${options.settings}.autoscaleMax`, 5),
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    },
  }
}
