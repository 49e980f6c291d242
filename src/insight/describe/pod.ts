import type { KubeObject } from '../../kube/index.ts'
import { field, labelsAt, listAt, numberAt, textAt } from '../analyze/read.ts'
import type { World } from './world.ts'

/** The user that the sidecar runs as, whose connections are not captured. */
const PROXY_UID = 1337
const PROXY_CONTAINER = 'istio-proxy'
const REQUIREMENTS = 'https://istio.io/latest/docs/ops/deployment/application-requirements/'
/** Any of these says what telemetry calls a workload. */
const NAME_LABELS = ['service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app']
const REVISION_LABELS = ['service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version']

export function isRunning(pod: KubeObject): boolean {
  return phaseOf(pod) === 'Running'
}

function phaseOf(pod: KubeObject): string {
  return textAt(pod, 'status', 'phase') ?? 'Unknown'
}

/** Whether a sidecar stands in it. */
export function isMeshed(pod: KubeObject): boolean {
  return containersOf(pod).some((container) => textAt(container, 'name') === PROXY_CONTAINER)
}

/** Those that go on running: containers, and init containers that are restarted always (sidecars). */
function containersOf(pod: KubeObject): readonly unknown[] {
  const sidecars = listAt(pod, 'spec', 'initContainers').filter(
    (container) => textAt(container, 'restartPolicy') === 'Always',
  )
  return [...listAt(pod, 'spec', 'containers'), ...sidecars]
}

/** The pod itself, and what about it is not as the mesh needs it. */
export function podLines(pod: KubeObject, world: World, ignoreUnmeshed: boolean): readonly string[] {
  const name = world.nameOf(pod.metadata)
  const ports = containersOf(pod).flatMap((container) =>
    listAt(container, 'ports').map((port) => portText(port, textAt(container, 'name') ?? '')),
  )
  const lines = [
    `Pod: ${name}`,
    `   Pod Revision: ${revisionOf(pod)}`,
    ports.length === 0 ? '   Pod does not expose ports' : `   Pod Ports: ${ports.join(', ')}`,
  ]
  if (!isRunning(pod)) return [...lines, `   Pod is not Running (${phaseOf(pod)})`]
  lines.push(
    ...unready(pod, 'containerStatuses', `Pod ${name} Container`),
    ...unready(pod, 'initContainerStatuses', `Pod ${name} Init Container`),
  )
  if (ignoreUnmeshed) return lines
  if (!isMeshed(pod)) return [...lines, `WARNING: ${name} is not part of mesh; no Istio sidecar`]
  return [...lines, ...requirementLines(pod)]
}

/** The sidecars of a service's pods that do not serve yet. */
export function unreadyProxyLines(pod: KubeObject, world: World): readonly string[] {
  const prefix = `Pod ${world.nameOf(pod.metadata)} Container`
  return [
    ...unready(pod, 'containerStatuses', prefix),
    ...unready(pod, 'initContainerStatuses', prefix),
  ].filter((line) => line.includes(` ${PROXY_CONTAINER} `))
}

function portText(port: unknown, container: string): string {
  const protocol = textAt(port, 'protocol') ?? 'TCP'
  const suffix = protocol === 'TCP' ? '' : `/${protocol}`
  return `${numberAt(port, 'containerPort') ?? 0}${suffix} (${container})`
}

function revisionOf(pod: KubeObject): string {
  return (
    labelsAt(pod, 'metadata', 'labels')['istio.io/rev'] ??
    labelsAt(pod, 'metadata', 'annotations')['istio.io/rev'] ??
    injectedRevision(pod) ??
    'default'
  )
}

/** What the injection wrote of itself. */
function injectedRevision(pod: KubeObject): string | undefined {
  const status = labelsAt(pod, 'metadata', 'annotations')['sidecar.istio.io/status']
  if (status === undefined) return undefined
  try {
    return textAt(JSON.parse(status), 'revision')
  } catch {
    return undefined // somebody else's annotation
  }
}

function unready(pod: KubeObject, member: string, prefix: string): readonly string[] {
  return listAt(pod, 'status', member)
    .filter((status) => field(status, 'ready') !== true && !hasCompleted(status))
    .map((status) => `WARNING: ${prefix} ${textAt(status, 'name') ?? ''} NOT READY`)
}

/** An init container that has done its work is not ready, and nothing is wrong with it. */
function hasCompleted(status: unknown): boolean {
  const terminated = field(status, 'state', 'terminated')
  return terminated !== undefined && field(terminated, 'exitCode') === 0
}

function requirementLines(pod: KubeObject): readonly string[] {
  const labels = labelsAt(pod, 'metadata', 'labels')
  const lines: string[] = []
  const usesReserved = listAt(pod, 'spec', 'containers').some(
    (container) =>
      textAt(container, 'name') !== PROXY_CONTAINER &&
      numberAt(container, 'securityContext', 'runAsUser') === PROXY_UID,
  )
  if (usesReserved) lines.push(`WARNING: User ID (UID) ${PROXY_UID} is reserved for the sidecar proxy.`)
  for (const [what, names] of [
    ['name', NAME_LABELS],
    ['revision', REVISION_LABELS],
  ] as const) {
    if (names.some((name) => Object.hasOwn(labels, name))) continue
    lines.push(`Suggestion: add required service ${what} label for Istio telemetry. See ${REQUIREMENTS}.`)
  }
  return lines
}
