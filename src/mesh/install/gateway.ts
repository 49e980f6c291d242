import type { Container, Deployment, KubeObject, Service, ServicePort } from '../../kube/index.ts'
import {
  IGNORED_NAMESPACES,
  PROMETHEUS_ANNOTATIONS,
  PROXY_UID,
  PROXY_VOLUMES,
  proxyContainer,
  proxyProbe,
  type ProxySettings,
} from '../injection/index.ts'
import {
  flagSetting,
  type Installation,
  numberSetting,
  resourceSetting,
  textSetting,
} from './installation.ts'
import { autoscaler } from './istiod.ts'
import { ownerLabels } from './labels.ts'
import { namespaceRole, serviceAccount } from './roles.ts'
import { settingsBelow, textsBelow } from './settings.ts'

interface GatewayKind {
  readonly component: 'ingress' | 'egress'
  readonly name: 'istio-ingressgateway' | 'istio-egressgateway'
  readonly labels: Readonly<Record<string, string>>
  readonly serviceType: string
  readonly ports: readonly ServicePort[]
}

const STATUS_PORT: ServicePort = { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP' }
const WEB_PORTS: readonly ServicePort[] = [
  { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
  { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
]
const DEMO_PORTS: readonly ServicePort[] = [
  { name: 'tcp', port: 31_400, targetPort: 31_400, protocol: 'TCP' },
  { name: 'tls', port: 15_443, targetPort: 15_443, protocol: 'TCP' },
]

/** The shared gateways of the Istio API. */
export function gatewayComponent(
  installation: Installation,
  component: 'ingress' | 'egress',
): readonly KubeObject[] {
  const gateway = component === 'ingress' ? ingress(installation) : egress()
  const account = `${gateway.name}-service-account`
  const autoscaled = flagSetting(installation, `values.gateways.${gateway.name}.autoscaleEnabled`, true)
  const sdsRules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch', 'list'] }]
  return [
    serviceAccount(installation, account),
    ...namespaceRole(installation, `${gateway.name}-sds`, sdsRules, account),
    gatewayService(installation, gateway),
    gatewayDeployment(installation, gateway, autoscaled),
    ...(autoscaled
      ? [
          autoscaler(installation, {
            metadata: metadata(installation, gateway),
            settings: `values.gateways.${gateway.name}`,
          }),
        ]
      : []),
  ]
}

function ingress(installation: Installation): GatewayKind {
  const more = installation.profile === 'demo' ? DEMO_PORTS : []
  return {
    component: 'ingress',
    name: 'istio-ingressgateway',
    labels: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
    serviceType: 'LoadBalancer',
    ports: [STATUS_PORT, ...WEB_PORTS, ...more],
  }
}

function egress(): GatewayKind {
  return {
    component: 'egress',
    name: 'istio-egressgateway',
    labels: { app: 'istio-egressgateway', istio: 'egressgateway' },
    serviceType: 'ClusterIP',
    ports: WEB_PORTS,
  }
}

function metadata(installation: Installation, gateway: GatewayKind) {
  const labels = { ...ownerLabels(installation, gateway.component), ...gateway.labels }
  return { name: gateway.name, namespace: installation.namespace, labels }
}

function gatewayService(installation: Installation, gateway: GatewayKind): Service {
  const path = `values.gateways.${gateway.name}`
  const annotations = textsBelow(installation.settings, `${path}.serviceAnnotations`)
  const loadBalancerIP = textSetting(installation, `${path}.loadBalancerIP`)
  const type = textSetting(installation, `${path}.type`) ?? gateway.serviceType
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata(installation, gateway),
      annotations,
    },
    spec: {
      type: type as 'LoadBalancer',
      selector: gateway.labels,
      ports: gateway.ports,
      ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
    },
  }
}

function gatewayDeployment(
  installation: Installation,
  gateway: GatewayKind,
  autoscaled: boolean,
): Deployment {
  const { revision } = installation
  const replicas = numberSetting(installation, `values.gateways.${gateway.name}.replicaCount`, 1)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(installation, gateway),
    spec: {
      ...(autoscaled ? {} : { replicas }),
      selector: { matchLabels: gateway.labels },
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      template: {
        metadata: {
          labels: {
            ...ownerLabels(installation, gateway.component),
            ...gateway.labels,
            'service.istio.io/canonical-name': gateway.name,
            'service.istio.io/canonical-revision': 'latest',
            'sidecar.istio.io/inject': 'false',
          },
          annotations: {
            ...PROMETHEUS_ANNOTATIONS,
            'istio.io/rev': revision,
            'sidecar.istio.io/inject': 'false',
          },
        },
        spec: {
          securityContext: { runAsUser: PROXY_UID, runAsGroup: PROXY_UID, runAsNonRoot: true },
          serviceAccountName: `${gateway.name}-service-account`,
          containers: [gatewayContainer(installation, gateway)],
          volumes: PROXY_VOLUMES,
        },
      },
    },
  }
}

function gatewayContainer(installation: Installation, gateway: GatewayKind): Container {
  const { namespace } = installation
  const owner = { name: gateway.name, apiVersion: 'apps/v1', kind: 'Deployment', namespace }
  const container = proxyContainer({
    settings: proxySettings(installation),
    role: 'router',
    owner,
    appPorts: [],
    appContainers: [],
    proxyConfig: {},
  })
  return {
    ...container,
    env: [...(container.env ?? []), { name: 'ISTIO_META_UNPRIVILEGED_POD', value: 'true' }],
    ports: [
      ...gateway.ports.map((port) => ({ containerPort: Number(port.targetPort), protocol: 'TCP' as const })),
      ...(container.ports ?? []),
    ],
    resources: resourceSetting(installation, `values.gateways.${gateway.name}.resources`, {
      requests: { cpu: '100m', memory: '128Mi' },
      limits: { cpu: '2000m', memory: '1024Mi' },
    }),
    readinessProbe: proxyProbe({
      initialDelaySeconds: 0,
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: 30,
    }),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
    },
  }
}

function proxySettings(installation: Installation): ProxySettings {
  const { revision, namespace, clusterId, clusterDomain, trustDomain, hub, tag, imagePullPolicy } =
    installation
  const image = textSetting(installation, 'values.global.proxy.image') ?? 'proxyv2'
  const proxyImage = image.includes('/') ? image : `${hub}/${image}:${tag}`
  return {
    revision,
    istioNamespace: namespace,
    clusterId,
    clusterDomain,
    trustDomain,
    proxyImage,
    initImage: proxyImage,
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy: imagePullPolicy as 'Always' }),
    logLevel: textSetting(installation, 'values.global.proxy.logLevel') ?? 'warning',
    componentLogLevel: textSetting(installation, 'values.global.proxy.componentLogLevel') ?? 'misc:error',
    resources: {},
    rewritesAppProbes: true,
    proxyConfig: settingsBelow(installation.settings, 'meshConfig.defaultConfig'),
    ignoredNamespaces: IGNORED_NAMESPACES,
  }
}
