import {
  applyStrategicMergePatch,
  type Deployment,
  type KubeObject,
  type OwnerReference,
  type PodTemplateSpec,
  type Service,
  type ServiceAccount,
} from '../../kube/index.ts'
import {
  PROMETHEUS_ANNOTATIONS,
  annotatedProxyConfig,
  PROXY_SECURITY_CONTEXT,
  PROXY_VOLUMES,
  proxyContainer,
  proxyProbe,
  type ProxySettings,
  settingsFor,
} from '../injection/index.ts'
import {
  BUILT_IN_CLASS,
  GATEWAY_NAME_LABEL,
  type GatewayDeployment,
  OVERLAID_KINDS,
  type OverlaidKind,
} from '../translate/index.ts'

const MANAGED_LABEL = 'gateway.istio.io/managed'
const MANAGED_BY = 'istio.io-gateway-controller'

/** What is deployed for a managed Gateway, in the order in which it is applied. */
export function gatewayObjects(wanted: GatewayDeployment, settings: ProxySettings): readonly KubeObject[] {
  return [
    overlaid(serviceAccount(wanted), 'serviceAccount', wanted),
    overlaid(deployment(wanted, settings), 'deployment', wanted),
    overlaid(service(wanted), 'service', wanted),
  ]
}

/** With what the Gateway's owner lays over it; whose it is and what it is called stays. */
function overlaid(object: KubeObject, kind: OverlaidKind, wanted: GatewayDeployment): KubeObject {
  const overlay = wanted.overlays?.[kind]
  if (overlay === undefined) return object
  const merged = applyStrategicMergePatch(object, overlay, OVERLAID_KINDS[kind])
  if (!merged.ok) {
    const parameters = `${wanted.gateway.spec.infrastructure?.parametersRef?.name} of Gateway ${wanted.key}`
    throw new Error(`${kind} in ConfigMap ${parameters} cannot be applied: ${merged.error.message}`)
  }
  const { apiVersion, kind: ownKind } = object
  const { name, namespace, labels, ownerReferences } = object.metadata
  const result = merged.value as KubeObject
  return {
    ...result,
    apiVersion,
    kind: ownKind,
    metadata: {
      ...result.metadata,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...result.metadata.labels, ...labels },
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
  }
}

function tieLabels(wanted: GatewayDeployment): Readonly<Record<string, string>> {
  return {
    ...wanted.labels,
    [GATEWAY_NAME_LABEL]: wanted.gateway.metadata.name,
    'gateway.networking.k8s.io/gateway-class-name': wanted.gateway.spec.gatewayClassName || BUILT_IN_CLASS,
  }
}

/** With it, all of this goes when the Gateway goes. */
function ownerReferences(wanted: GatewayDeployment): readonly OwnerReference[] {
  const { name, uid = '' } = wanted.gateway.metadata
  return [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name, uid }]
}

function metadata(wanted: GatewayDeployment, name: string, labels = tieLabels(wanted)) {
  const { namespace, annotations } = wanted
  return { name, namespace, labels, annotations, ownerReferences: ownerReferences(wanted) }
}

function serviceAccount(wanted: GatewayDeployment): ServiceAccount {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(wanted, wanted.serviceAccount) }
}

function service(wanted: GatewayDeployment): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(wanted, wanted.name),
    spec: {
      ipFamilyPolicy: 'PreferDualStack',
      ports: wanted.ports.map(({ name, port, protocol, appProtocol }) => ({
        name,
        port,
        protocol,
        appProtocol,
      })),
      selector: { [GATEWAY_NAME_LABEL]: wanted.gateway.metadata.name },
      type: wanted.serviceType,
      ...(wanted.loadBalancerIP === undefined ? {} : { loadBalancerIP: wanted.loadBalancerIP }),
    },
  }
}

function deployment(wanted: GatewayDeployment, settings: ProxySettings): Deployment {
  const labels = { ...tieLabels(wanted), [MANAGED_LABEL]: MANAGED_BY }
  const own = settingsFor(settings, { namespace: wanted.namespace, labels })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(wanted, wanted.name, labels),
    spec: {
      selector: { matchLabels: { [GATEWAY_NAME_LABEL]: wanted.gateway.metadata.name } },
      template: podTemplate(wanted, own, labels),
    },
  }
}

function podTemplate(
  wanted: GatewayDeployment,
  settings: ProxySettings,
  labels: Readonly<Record<string, string>>,
): PodTemplateSpec {
  return {
    metadata: {
      annotations: { ...wanted.annotations, 'istio.io/rev': settings.revision, ...PROMETHEUS_ANNOTATIONS },
      labels: {
        'sidecar.istio.io/inject': 'false',
        'service.istio.io/canonical-name': wanted.name,
        'service.istio.io/canonical-revision': 'latest',
        ...labels,
      },
    },
    spec: {
      // Ports below 1024 without privileges.
      securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
      serviceAccountName: wanted.serviceAccount,
      containers: [
        {
          ...proxyContainer({
            settings,
            role: 'router',
            owner: {
              name: wanted.name,
              apiVersion: 'apps/v1',
              kind: 'Deployment',
              namespace: wanted.namespace,
            },
            appPorts: [],
            appContainers: [],
            proxyConfig: annotatedProxyConfig(wanted),
          }),
          ports: [
            { containerPort: 15020, name: 'metrics', protocol: 'TCP' },
            { containerPort: 15021, name: 'status-port', protocol: 'TCP' },
            { containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' },
          ],
          securityContext: PROXY_SECURITY_CONTEXT,
          startupProbe: proxyProbe({ periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 30 }),
          readinessProbe: proxyProbe({ periodSeconds: 15, timeoutSeconds: 1, failureThreshold: 4 }),
        },
      ],
      volumes: PROXY_VOLUMES,
    },
  }
}
