import { type Container, parseQuantity, type Pod } from '../../../kube/index.ts'

/** Amounts of resources by name, in thousand-millionths of their unit. */
export type Amounts = ReadonlyMap<string, bigint>

/**
 * What the scheduler sets aside for a pod: its containers and sidecars together, or more where an init container needs
 * more for its time. What the pod asks for as a whole comes first.
 * @param counts whether a container's requests count at all
 */
export function podRequests(pod: Pod, counts: (container: Container) => boolean): Amounts {
  const total = new Map<string, bigint>()
  for (const container of pod.spec.containers.filter(counts)) add(total, requestsOf(container))
  let peak: Amounts = new Map()
  for (const container of (pod.spec.initContainers ?? []).filter(counts)) {
    // A sidecar goes on beside all that follows it.
    if (container.restartPolicy === 'Always') {
      add(total, requestsOf(container))
      continue
    }
    peak = larger(peak, requestsOf(container))
  }
  const needed = new Map(larger(total, peak))
  for (const [name, amount] of amounts(pod.spec.resources?.requests)) needed.set(name, amount)
  add(needed, amounts(pod.spec.overhead))
  return needed
}

function requestsOf({ resources }: Container): Amounts {
  return new Map([...amounts(resources?.limits), ...amounts(resources?.requests)])
}

export function amounts(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(
    Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(text)?.nanos ?? 0n]),
  )
}

function add(total: Map<string, bigint>, more: Amounts): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? 0n) + amount)
}

function larger(a: Amounts, b: Amounts): Amounts {
  const result = new Map(a)
  for (const [name, amount] of b) if (amount > (result.get(name) ?? 0n)) result.set(name, amount)
  return result
}
