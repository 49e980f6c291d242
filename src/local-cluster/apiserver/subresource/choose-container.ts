import type { KubeObject } from '../../../kube/index.ts'
import { listAt, stringAt } from '../json.ts'
import { badRequest } from '../status-error.ts'

/** The container that a request means; only a pod of one container needs no name. @throws StatusError */
export function chooseContainer(pod: KubeObject, wanted: string): string {
  const namesOf = (list: string) =>
    listAt(pod.spec, list).map((container) => stringAt(container, 'name') ?? '')
  const containers = namesOf('containers')
  const all = [...namesOf('initContainers'), ...containers, ...namesOf('ephemeralContainers')]
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`)
  }
  const [only, ...more] = containers
  if (only !== undefined && more.length === 0) return only
  throw badRequest(
    `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${all.join(' ')}]`,
  )
}
