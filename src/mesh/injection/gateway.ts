import type { Container, Pod } from '../../kube/index.ts'
import { mergeBy, mergeContainer } from './merge-container.ts'
import { workloadOwner } from './owner.ts'
import { PROXY_CONTAINER, PROXY_VOLUMES, proxyContainer, proxyProbe } from './proxy-container.ts'
import type { ProxySettings } from './settings.ts'
import { canonicalLabels } from './sidecar.ts'
import { annotatedProxyConfig } from './yaml-mapping.ts'

/** Makes the pod's own container `istio-proxy` a gateway (template `gateway`): nothing is captured, nothing else is added. */
export function injectGateway(pod: Pod, namespace: string, settings: ProxySettings): Pod {
  const owner = workloadOwner(pod, namespace)
  const own = pod.spec.containers.find((container) => container.name === PROXY_CONTAINER)
  const others = pod.spec.containers.filter((container) => container !== own)
  const template: Container = {
    ...proxyContainer({
      settings,
      role: 'router',
      owner,
      appPorts: pod.spec.containers.flatMap((container) => container.ports ?? []),
      appContainers: others.map((container) => container.name),
      proxyConfig: annotatedProxyConfig(pod.metadata),
    }),
    readinessProbe: proxyProbe({ periodSeconds: 15, timeoutSeconds: 3, failureThreshold: 4 }),
  }
  const status = {
    initContainers: null,
    containers: [PROXY_CONTAINER],
    volumes: PROXY_VOLUMES.map((volume) => volume.name),
    imagePullSecrets: null,
    revision: settings.revision,
  }
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        'istio.io/rev': settings.revision,
        ...pod.metadata.labels,
        ...canonicalLabels(pod.metadata.labels ?? {}, owner.name),
      },
      annotations: {
        ...pod.metadata.annotations,
        'istio.io/rev': settings.revision,
        'sidecar.istio.io/status': JSON.stringify(status),
      },
    },
    spec: {
      ...pod.spec,
      containers: [mergeContainer(template, own), ...others],
      volumes: mergeBy(PROXY_VOLUMES, pod.spec.volumes, (volume) => volume.name),
    },
  }
}
