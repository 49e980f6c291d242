import { type Container, parseQuantity, type Pod } from '../../../kube/index.ts'

type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** @see Kubernetes "Pod Quality of Service Classes" */
export function qosClass(pod: Pod): QosClass {
  const whole = { name: '', resources: pod.spec.resources ?? {} }
  // What is set for the pod as a whole comes before what its containers say.
  const containers = isBare(whole) ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])] : [whole]
  if (containers.every((container) => isBare(container))) return 'BestEffort'
  return containers.every((container) => isGuaranteed(container)) ? 'Guaranteed' : 'Burstable'
}

function isBare({ resources }: Container): boolean {
  const values = [...Object.entries(resources?.limits ?? {}), ...Object.entries(resources?.requests ?? {})]
  return !values.some(([name, value]) => (name === 'cpu' || name === 'memory') && nanos(value) !== 0n)
}

/** Requests equal limits, for both; a request that is not written is the limit. */
function isGuaranteed({ resources }: Container): boolean {
  return ['cpu', 'memory'].every((name) => {
    const limit = nanos(resources?.limits?.[name])
    const request = nanos(resources?.requests?.[name] ?? resources?.limits?.[name])
    return limit !== 0n && limit === request
  })
}

function nanos(text: string | undefined): bigint {
  return text === undefined ? 0n : (parseQuantity(text)?.nanos ?? 0n)
}
