import { text } from './answers.ts'
import type { AdminAnswer, AdminContext, AdminRequest } from './types.ts'

const OK = text('OK\n')

/** Like Envoy's: the process goes on, and answers here. */
export function drainListeners({ query }: AdminRequest, context: AdminContext): AdminAnswer {
  const { instance, bootstrap, clock } = context
  // What a gateway serves goes out, in Istio's sense: it has no inbound side.
  if (query.has('inboundonly') && instance.sidecar === undefined) return OK
  if (!query.has('graceful')) {
    instance.drain()
    return OK
  }
  instance.setDraining(true)
  clock.after(bootstrap.drainMs, () => instance.drain())
  return OK
}

export function failHealth(context: AdminContext, isFailed: boolean): AdminAnswer {
  context.health.isFailed = isFailed
  return OK
}

export function quit(context: AdminContext): AdminAnswer {
  context.onQuit()
  return OK
}

export function resetCounters({ instance }: AdminContext): AdminAnswer {
  for (const cluster of instance.runtime.clusters()) {
    const { retired } = cluster
    retired.connectionsTotal = 0
    retired.connectFailures = 0
    retired.requestsTotal = 0
    for (const { counters } of cluster.hosts()) {
      counters.connectionsTotal = 0
      counters.connectFailures = 0
      counters.requestsTotal = 0
      counters.requestsError = 0
    }
  }
  instance.registry.resetCounters()
  return OK
}
