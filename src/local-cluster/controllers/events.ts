import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Event, KubeObject } from '../../kube/index.ts'
import { KINDS, type KubeClient } from '../../kube/client/index.ts'
import { createEventAggregation } from './event-aggregation.ts'
import { formatSeconds } from './pods.ts'

/** Tells users what a controller does with their objects (`kubectl describe`, `kubectl events`). */
export interface EventRecorder {
  /** Returns at once: an event is a hint, and what makes it does not wait for it. */
  readonly record: (about: KubeObject, event: ObjectEvent) => void
  /** Waits for what is under way, for some seconds at most. */
  readonly stop: () => Promise<void>
}

export interface ObjectEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** Who says it, such as `replicaset-controller`. */
  readonly component: string
}

/** Events waiting for the API server; beyond these the oldest are dropped. */
const QUEUE_MAX = 500
/** Names of events whose counts may still go up. */
const NAMES_MAX = 4096
/** @see Event.message: 1024 characters at most */
const MESSAGE_MAX = 1024
const STOP_MS = 2_000

export function createEventRecorder(options: {
  readonly client: KubeClient
  readonly clock: Clock
  readonly logger: Logger
}): EventRecorder {
  const { client, clock, logger } = options
  const aggregation = createEventAggregation(clock)
  /** Series → the name of its object. */
  const names = new Map<string, string>()
  const queue: { readonly about: KubeObject; readonly event: ObjectEvent }[] = []
  let sending: Promise<void> | undefined
  let lastSuffix = 0n

  const send = async (about: KubeObject, event: ObjectEvent) => {
    const verdict = aggregation.judge({ ...event, uid: about.metadata.uid ?? '' })
    if (verdict.kind === 'dropped') return
    const namespace = about.metadata.namespace ?? 'default'
    const now = formatSeconds(clock.now())
    const name = names.get(verdict.key)
    if (verdict.kind === 'repeated' && name !== undefined) {
      const patch = { count: verdict.count, lastTimestamp: now }
      try {
        await client.patch(KINDS.event, name, namespace, patch, { type: 'merge' })
        return
      } catch (error) {
        // It has expired: told anew, from one on.
        logger.debug('an event is gone', { name, error: messageOf(error) })
        names.delete(verdict.key)
        aggregation.forget(verdict.key)
      }
    }
    const message = verdict.kind === 'new' ? verdict.message : event.message
    const object = toEvent(about, { ...event, message }, { now, suffix: nextSuffix(), namespace })
    names.set(verdict.key, object.metadata.name)
    if (names.size > NAMES_MAX) names.delete(names.keys().next().value ?? '')
    try {
      await client.create(KINDS.event, object)
    } catch (error) {
      names.delete(verdict.key)
      aggregation.forget(verdict.key)
      throw error
    }
  }

  /** Unique as in Kubernetes: the time in nanoseconds as hexadecimal digits. */
  const nextSuffix = (): string => {
    const now = BigInt(Math.round(clock.now())) * 1_000_000n
    lastSuffix = now > lastSuffix ? now : lastSuffix + 1n
    return lastSuffix.toString(16)
  }

  const sendAll = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { about, event } = next
      await send(about, event).catch((error: unknown) => {
        logger.debug('an event was not taken', { reason: event.reason, error: messageOf(error) })
      })
    }
    sending = undefined
  }

  return {
    record(about, event) {
      if (queue.length >= QUEUE_MAX) queue.shift()
      queue.push({ about, event })
      sending ??= sendAll()
    },
    async stop() {
      const ended = new AbortController()
      await Promise.race([sending, clock.sleep(STOP_MS, ended.signal).catch(() => {})])
      // A timer that is left would keep the process for as long as it runs.
      ended.abort(new Error('all events are sent'))
      queue.length = 0
    },
  }
}

function toEvent(
  about: KubeObject,
  event: ObjectEvent,
  context: { readonly now: string; readonly suffix: string; readonly namespace: string },
): Event {
  const { name, namespace, uid = '', resourceVersion = '' } = about.metadata
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${context.suffix}`, namespace: context.namespace },
    involvedObject: {
      kind: about.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      uid,
      apiVersion: about.apiVersion,
      resourceVersion,
    },
    reason: event.reason,
    message: event.message.slice(0, MESSAGE_MAX),
    source: { component: event.component },
    firstTimestamp: context.now,
    lastTimestamp: context.now,
    count: 1,
    type: event.type,
    reportingComponent: event.component,
    reportingInstance: '',
  }
}
