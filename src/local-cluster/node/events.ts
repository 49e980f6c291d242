import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Event, Pod } from '../../kube/index.ts'
import { isAlreadyExists, KINDS, type KubeClient } from '../../kube/client/index.ts'

/** Tells users what the node does with their pods (`kubectl describe`, `kubectl get events`). */
export interface EventRecorder {
  readonly record: (pod: Pod, event: PodEvent) => void
}

export interface PodEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** The container it is about. */
  readonly container?: string
  readonly component?: string
}

/** Events waiting for the API server; beyond these the oldest are dropped, as events are hints. */
const QUEUE_MAX = 500
/** Repeated events remembered, to count them in one object. */
const SERIES_MAX = 2000

interface Series {
  readonly event: Event
  readonly count: number
}

export function createEventRecorder(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
  readonly nodeName: string
}): EventRecorder {
  const series = new Map<string, Series>()
  const queue: { readonly pod: Pod; readonly event: PodEvent }[] = []
  let sending = false

  const sendAll = async () => {
    sending = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        await send(options, series, next)
      } catch (error) {
        options.logger.debug('an event was not taken', { reason: next.event.reason, error: messageOf(error) })
      }
    }
    sending = false
  }
  return {
    record(pod, event) {
      if (queue.length >= QUEUE_MAX) queue.shift()
      queue.push({ pod, event })
      if (!sending) void sendAll()
    },
  }
}

async function send(
  options: { readonly client: KubeClient; readonly clock: Clock; readonly nodeName: string },
  series: Map<string, Series>,
  { pod, event }: { readonly pod: Pod; readonly event: PodEvent },
): Promise<void> {
  const key = [pod.metadata.uid, event.container, event.reason, event.message].join('\n')
  const known = series.get(key)
  const now = `${new Date(options.clock.now()).toISOString().slice(0, 19)}Z`
  const count = (known?.count ?? 0) + 1
  if (known !== undefined) {
    const { name, namespace } = known.event.metadata
    series.set(key, { event: known.event, count })
    await options.client.patch(KINDS.event, name, namespace, { count, lastTimestamp: now }, { type: 'merge' })
    return
  }
  const object = toEvent(pod, event, { nowMs: options.clock.now(), now, nodeName: options.nodeName })
  if (series.size >= SERIES_MAX) series.delete(series.keys().next().value ?? '')
  series.set(key, { event: object, count })
  try {
    await options.client.create(KINDS.event, object)
  } catch (error) {
    series.delete(key)
    if (!isAlreadyExists(error)) throw error
  }
}

function toEvent(
  pod: Pod,
  event: PodEvent,
  context: { readonly nowMs: number; readonly now: string; readonly nodeName: string },
): Event {
  const { name, namespace = '', uid = '', resourceVersion = '' } = pod.metadata
  const list =
    (['initContainers', 'ephemeralContainers'] as const).find((name) =>
      pod.spec[name]?.some((one) => one.name === event.container),
    ) ?? 'containers'
  const component = event.component ?? 'kubelet'
  // Unique like Kubernetes': the object's name and the time in nanoseconds as hexadecimal digits.
  const suffix = (BigInt(Math.round(context.nowMs * 1000)) * 1000n + nextNanos()).toString(16)
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${suffix}`, namespace },
    involvedObject: {
      kind: 'Pod',
      namespace,
      name,
      uid,
      apiVersion: 'v1',
      resourceVersion,
      ...(event.container === undefined ? {} : { fieldPath: `spec.${list}{${event.container}}` }),
    },
    reason: event.reason,
    message: event.message,
    source: { component, host: context.nodeName },
    firstTimestamp: context.now,
    lastTimestamp: context.now,
    count: 1,
    type: event.type,
    reportingComponent: component,
    reportingInstance: context.nodeName,
  }
}

function nextNanos(): bigint {
  return process.hrtime.bigint() % 1_000_000n
}
