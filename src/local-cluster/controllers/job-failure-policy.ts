import type { Job, Pod, PodFailurePolicyRule } from '../../kube/index.ts'

/** What a Job's podFailurePolicy says of a failed pod. */
export interface FailureVerdict {
  readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count'
  /** why the Job fails, in Kubernetes' words */
  readonly message: string
}

/** The first rule that matches decides; a failure that none matches counts. */
export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  const rules = job.spec.podFailurePolicy?.rules ?? []
  if (pod.status?.phase !== 'Failed') return { action: 'Count', message: '' }
  for (const [index, rule] of rules.entries()) {
    const reason = matchedBy(rule, pod)
    if (reason !== undefined) {
      return { action: rule.action, message: `${reason} matching ${rule.action} rule at index ${index}` }
    }
  }
  return { action: 'Count', message: '' }
}

function matchedBy(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`
  const { onExitCodes, onPodConditions } = rule
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes
    const ended = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
      .filter((status) => containerName === undefined || status.name === containerName)
      .flatMap(({ name: container, state }) =>
        state?.terminated ? [{ container, exitCode: state.terminated.exitCode }] : [],
      )
    const found = ended.find(
      ({ exitCode }) => exitCode !== 0 && values.includes(exitCode) === (operator === 'In'),
    )
    return found && `Container ${found.container} for pod ${name} failed with exit code ${found.exitCode}`
  }
  const condition = (onPodConditions ?? []).find(({ type, status = 'True' }) =>
    pod.status?.conditions?.some((one) => one.type === type && one.status === status),
  )
  return condition && `Pod ${name} has condition ${condition.type}`
}
