import type { Container, Pod } from '../../kube/index.ts'
import {
  type AppProbers,
  PROBERS_VARIABLE,
  probersText,
  readProbers,
  rewriteAppProbes,
} from './app-probes.ts'
import { annotatedProxyConfig } from './yaml-mapping.ts'
import { mergeBy, mergeContainer } from './merge-container.ts'
import { workloadOwner } from './owner.ts'
import {
  PROXY_CONTAINER,
  PROXY_SECURITY_CONTEXT,
  PROXY_UID,
  PROXY_VOLUMES,
  proxyContainer,
  proxyProbe,
  type WorkloadOwner,
} from './proxy-container.ts'
import type { ProxySettings } from './settings.ts'

const INIT_CONTAINER = 'istio-init'

/** Adds the sidecar: `istio-init` (traffic capture), then `istio-proxy` as a native sidecar, before all else. */
export function injectSidecar(pod: Pod, namespace: string, settings: ProxySettings): Pod {
  const owner = workloadOwner(pod, namespace)
  const own = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(isProxy)
  const { apps, inits, probers } = appContainers(pod, settings)
  const known = { ...readProbers(variableOf(own, PROBERS_VARIABLE)), ...probers }
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, ...sidecarLabels(pod, owner) },
      annotations: { ...pod.metadata.annotations, ...sidecarAnnotations(pod, apps, settings) },
    },
    spec: {
      ...pod.spec,
      initContainers: [
        initContainer(pod, settings),
        mergeContainer(withProbers(sidecarContainer(pod, apps, owner, settings), known), withoutProbers(own)),
        ...inits,
      ],
      containers: apps,
      volumes: mergeBy(PROXY_VOLUMES, pod.spec.volumes, (volume) => volume.name),
    },
  }
}

/** All but the proxy's own, with their probes as the mesh wants them. */
function appContainers(
  pod: Pod,
  settings: ProxySettings,
): {
  readonly apps: readonly Container[]
  readonly inits: readonly Container[]
  readonly probers: AppProbers
} {
  const apps = pod.spec.containers.filter((container) => !isProxy(container))
  const inits = (pod.spec.initContainers ?? []).filter(
    (container) => !isProxy(container) && container.name !== INIT_CONTAINER,
  )
  const wish = GO_BOOLEANS.get(annotation(pod, 'sidecar.istio.io/rewriteAppHTTPProbers') ?? '')
  if (!(wish ?? settings.rewritesAppProbes)) return { apps, inits, probers: {} }
  const { containers, probers } = rewriteAppProbes([...apps, ...inits])
  return { apps: containers.slice(0, apps.length), inits: containers.slice(apps.length), probers }
}

/** What Go reads as a boolean. */
const GO_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

function variableOf(container: Container | undefined, name: string): string | undefined {
  return container?.env?.find((entry) => entry.name === name)?.value
}

function withProbers(container: Container, probers: AppProbers): Container {
  if (Object.keys(probers).length === 0) return container
  return {
    ...container,
    env: [...(container.env ?? []), { name: PROBERS_VARIABLE, value: probersText(probers) }],
  }
}

/** What an injection before this one has said is among what is said now. */
function withoutProbers(own: Container | undefined): Container | undefined {
  if (own?.env === undefined) return own
  return { ...own, env: own.env.filter(({ name }) => name !== PROBERS_VARIABLE) }
}

function isProxy(container: Container): boolean {
  return container.name === PROXY_CONTAINER
}

function annotation(pod: Pod, name: string): string | undefined {
  return pod.metadata.annotations?.[name]
}

function initContainer(pod: Pod, settings: ProxySettings): Container {
  return {
    name: INIT_CONTAINER,
    image: settings.initImage,
    ...(settings.imagePullPolicy ? { imagePullPolicy: settings.imagePullPolicy } : {}),
    args: captureArguments(pod),
    resources: settings.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  }
}

/** What `istio-iptables` is told: which traffic of the pod goes through the proxy. */
function captureArguments(pod: Pod): readonly string[] {
  const excludedPorts = ['15090', '15021', '15020']
  const more = annotation(pod, 'traffic.sidecar.istio.io/excludeInboundPorts')
  if (more) excludedPorts.push(...more.split(','))
  const flags = {
    '-p': '15001',
    '-z': '15006',
    '-u': String(PROXY_UID),
    '-m': 'REDIRECT',
    '-i': annotation(pod, 'traffic.sidecar.istio.io/includeOutboundIPRanges') ?? '*',
    '-x': annotation(pod, 'traffic.sidecar.istio.io/excludeOutboundIPRanges') ?? '',
    '-b': annotation(pod, 'traffic.sidecar.istio.io/includeInboundPorts') ?? '*',
    '-d': [...new Set(excludedPorts)].join(','),
    '-o': annotation(pod, 'traffic.sidecar.istio.io/excludeOutboundPorts'),
  }
  const given = Object.entries(flags).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return ['istio-iptables', ...given.flat()]
}

function sidecarContainer(
  pod: Pod,
  apps: readonly Container[],
  owner: WorkloadOwner,
  settings: ProxySettings,
): Container {
  const logLevel = annotation(pod, 'sidecar.istio.io/logLevel')
  const container = proxyContainer({
    settings,
    role: 'sidecar',
    owner,
    appPorts: apps.flatMap((app) => app.ports ?? []),
    appContainers: apps.map((app) => app.name),
    proxyConfig: annotatedProxyConfig(pod.metadata),
    ...(logLevel === undefined ? {} : { logLevel }),
  })
  return {
    ...container,
    image: annotation(pod, 'sidecar.istio.io/proxyImage') ?? settings.proxyImage,
    resources: { ...settings.resources, ...annotatedResources(pod) },
    restartPolicy: 'Always',
    startupProbe: proxyProbe({ periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600 }),
    readinessProbe: proxyProbe({ periodSeconds: 15, timeoutSeconds: 3, failureThreshold: 4 }),
    securityContext: PROXY_SECURITY_CONTEXT,
  }
}

/** Annotated requests and limits replace the mesh's as a whole, as in Istio. */
function annotatedResources(pod: Pod): Container['resources'] {
  const read = (cpu: string, memory: string) => {
    const values = { cpu: annotation(pod, cpu), memory: annotation(pod, memory) }
    return Object.fromEntries(
      Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
  }
  const requests = read('sidecar.istio.io/proxyCPU', 'sidecar.istio.io/proxyMemory')
  const limits = read('sidecar.istio.io/proxyCPULimit', 'sidecar.istio.io/proxyMemoryLimit')
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return {}
  return { requests, limits }
}

/** The pod's own labels win. */
function sidecarLabels(pod: Pod, owner: WorkloadOwner): Readonly<Record<string, string>> {
  const labels = pod.metadata.labels ?? {}
  return {
    'security.istio.io/tlsMode': labels['security.istio.io/tlsMode'] ?? 'istio',
    ...canonicalLabels(labels, owner.name),
  }
}

export function canonicalLabels(
  labels: Readonly<Record<string, string>>,
  workload: string,
): Readonly<Record<string, string>> {
  const name = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app']
  const revision =
    labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version']
  return {
    'service.istio.io/canonical-name': name ?? workload,
    'service.istio.io/canonical-revision': revision ?? 'latest',
  }
}

function sidecarAnnotations(
  pod: Pod,
  apps: readonly Container[],
  settings: ProxySettings,
): Readonly<Record<string, string>> {
  const first = apps[0]?.name
  const own = pod.metadata.annotations ?? {}
  const status = {
    initContainers: [INIT_CONTAINER, PROXY_CONTAINER],
    containers: null,
    volumes: PROXY_VOLUMES.map((volume) => volume.name),
    imagePullSecrets: null,
    revision: settings.revision,
  }
  return {
    'istio.io/rev': settings.revision,
    ...(first === undefined
      ? {}
      : {
          'kubectl.kubernetes.io/default-container': own['kubectl.kubernetes.io/default-container'] ?? first,
          'kubectl.kubernetes.io/default-logs-container':
            own['kubectl.kubernetes.io/default-logs-container'] ?? first,
        }),
    ...(own['prometheus.io/scrape'] === 'false' ? {} : PROMETHEUS_ANNOTATIONS),
    'sidecar.istio.io/status': JSON.stringify(status),
  }
}

/** The proxy's port 15020 serves the application's metrics together with its own. */
export const PROMETHEUS_ANNOTATIONS: Readonly<Record<string, string>> = {
  'prometheus.io/path': '/stats/prometheus',
  'prometheus.io/port': '15020',
  'prometheus.io/scrape': 'true',
}
