import type { Container, Pod } from '../../../kube/index.ts'
import { type Amounts, podRequests } from './requests.ts'

/** What of the node is given away, kept up to date pod by pod. */
export interface Allocations {
  /** A pod as it is now; counts while it is on the node and not over. */
  readonly note: (pod: Pod) => void
  readonly forget: (uid: string) => void
  /** Sets aside what a pod needs that is about to be bound. */
  readonly assume: (pod: Pod) => void
  readonly requestsOf: (pod: Pod) => Amounts
  readonly used: (resource: string) => bigint
  readonly count: () => number
  readonly pods: () => readonly Pod[]
}

interface Entry {
  readonly pod: Pod
  readonly requests: Amounts
}

/** @param counts whether a container's requests count: those of programs that cost the node nothing do not */
export function createAllocations(nodeName: string, counts: (container: Container) => boolean): Allocations {
  const entries = new Map<string, Entry>()
  const used = new Map<string, bigint>()
  const change = (requests: Amounts, sign: 1n | -1n) => {
    for (const [name, amount] of requests) used.set(name, (used.get(name) ?? 0n) + sign * amount)
  }
  const forget = (uid: string) => {
    const entry = entries.get(uid)
    if (entry === undefined) return
    entries.delete(uid)
    change(entry.requests, -1n)
  }
  const assume = (pod: Pod) => {
    const uid = pod.metadata.uid ?? ''
    forget(uid)
    const requests = podRequests(pod, counts)
    entries.set(uid, { pod, requests })
    change(requests, 1n)
  }
  return {
    note(pod) {
      const { uid = '' } = pod.metadata
      const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
      if (pod.spec.nodeName !== nodeName || isOver) {
        // A pod that is being bound has no node yet.
        if (isOver || pod.metadata.deletionTimestamp !== undefined) forget(uid)
        return
      }
      const known = entries.get(uid)
      if (known === undefined) assume(pod)
      else entries.set(uid, { ...known, pod })
    },
    forget,
    assume,
    requestsOf: (pod) => podRequests(pod, counts),
    used: (resource) => used.get(resource) ?? 0n,
    count: () => entries.size,
    pods: () => [...entries.values()].map(({ pod }) => pod),
  }
}
