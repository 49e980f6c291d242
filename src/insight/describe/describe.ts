import type { KubeObject } from '../../kube/index.ts'
import { DEFAULT_SETTINGS, type MeshSettings } from '../../mesh/translate/index.ts'
import { namespaceOf } from '../analyze/context.ts'
import { labelsAt } from '../analyze/read.ts'
import { exposureLines } from './exposure.ts'
import { peerAuthenticationLines } from './peer-authentication.ts'
import { isMeshed, isRunning, podLines, unreadyProxyLines } from './pod.ts'
import { describedPods, serviceLines } from './services.ts'
import { createWorld, isSelected, podsOf, SEPARATOR, type World } from './world.ts'

export interface Described {
  readonly name: string
  readonly namespace: string
}

export interface DescribeOptions {
  /** Objects of other namespaces are named with theirs. */
  readonly viewNamespace: string
  /** Says nothing of pods without sidecars. */
  readonly ignoreUnmeshed?: boolean
  readonly settings?: MeshSettings
}

/** What was asked for is not among the objects. */
export class NotFoundError extends Error {}

/**
 * A pod as the mesh sees it: what about it is not as the mesh needs it, its Services with the rules and policies that
 * hold for them, what it asks of its callers, and where it can be reached from outside. The words are those of
 * `istioctl x describe pod`; what decides is the code that serves requests, and not what a proxy was told.
 * @throws NotFoundError
 */
export function describePod(
  objects: readonly KubeObject[],
  described: Described,
  options: DescribeOptions,
): string {
  const world = createWorld(objects, options.viewNamespace, options.settings ?? DEFAULT_SETTINGS)
  const pod = find('Pod', described, world)
  const ignoreUnmeshed = options.ignoreUnmeshed === true
  const lines = [...podLines(pod, world, ignoreUnmeshed)]
  if (!isRunning(pod)) return text(lines)
  const services = world
    .of('', 'Service', described.namespace)
    .filter((service) => isSelected(pod, service))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  if (services.length === 0 && !ignoreUnmeshed) {
    lines.push(
      `Warning: No Kubernetes Services select pod ${world.nameOf(pod.metadata)} ` +
        '(see https://istio.io/docs/setup/kubernetes/additional-setup/requirements/ )',
    )
  }
  const pods = describedPods([pod])
  if (pods === undefined) return text(lines)
  for (const service of services) lines.push(SEPARATOR, ...serviceLines(service, pods, world))
  if (!isMeshed(pod)) return text(lines)
  const workload = { namespace: namespaceOf(pod), labels: labelsAt(pod, 'metadata', 'labels') }
  lines.push(SEPARATOR, ...peerAuthenticationLines(workload, world))
  return text([...lines, ...exposureLines(services, pods, world)])
}

/**
 * A Service as the mesh sees it, as `describePod` has it for all of its pods.
 * @throws NotFoundError
 */
export function describeService(
  objects: readonly KubeObject[],
  described: Described,
  options: DescribeOptions,
): string {
  const world = createWorld(objects, options.viewNamespace, options.settings ?? DEFAULT_SETTINGS)
  const service = find('Service', described, world)
  const name = world.nameOf(service.metadata)
  const members = podsOf(service, world)
  const meshed = members.filter(isMeshed)
  const used = meshed.length === 0 && options.ignoreUnmeshed === true ? members : meshed
  const pods = describedPods(used)
  if (pods === undefined) {
    return members.length === 0
      ? text([`Service "${name}" has no pods.`])
      : text([
          `Service "${name}" has no Istio pods.  (${members.length} pods in service).`,
          'Label the namespace istio-injection=enabled and restart the pods, so that they get sidecars.',
        ])
  }
  return text([
    ...meshed.flatMap((pod) => unreadyProxyLines(pod, world)),
    ...serviceLines(service, pods, world),
    ...exposureLines([service], pods, world),
  ])
}

function find(kind: 'Pod' | 'Service', { name, namespace }: Described, world: World): KubeObject {
  const found = world.of('', kind, namespace).find((one) => one.metadata.name === name)
  if (found === undefined) throw new NotFoundError(`there is no ${kind} ${name} in namespace ${namespace}`)
  return found
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}
