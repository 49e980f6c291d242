import { createWorkQueue } from '../../base/index.ts'
import type { Event } from '../../kube/index.ts'
import { KINDS } from '../../kube/client/index.ts'
import type { Controller, ControllerContext } from './shared-informers.ts'

/** @see kube-apiserver --event-ttl, one hour by default */
const EVENT_TTL_MS = 3_600_000
const EXPIRY_SYNC_MS = 300_000
const PAGE = 500

/** Deletes events that nothing was added to for an hour. */
export function createEventExpiry(context: ControllerContext): Controller {
  const { client, clock, logger } = context
  const expirePage = async (token: string | undefined): Promise<string | undefined> => {
    const page = await client.list<Event>(KINDS.event, {
      limit: PAGE,
      ...(token === undefined ? {} : { continue: token }),
    })
    for (const event of page.items) {
      if (clock.now() - lastSeenMs(event) < EVENT_TTL_MS) continue
      await client.delete(KINDS.event, event.metadata.name, event.metadata.namespace)
    }
    return page.continue
  }
  const queue = createWorkQueue({
    ...context,
    name: 'event-expiry',
    concurrency: 1,
    retryBaseMs: 1_000,
    retryMaxMs: EXPIRY_SYNC_MS,
    logger: logger.scope('event-expiry'),
    reconcile: async (_, signal) => {
      let token = await expirePage(undefined)
      while (token !== undefined && !signal.aborted) token = await expirePage(token)
      return EXPIRY_SYNC_MS
    },
  })
  queue.add('events')
  return { name: 'event-expiry', stop: queue.stop }
}

function lastSeenMs({ series, lastTimestamp, eventTime, metadata }: Event): number {
  const last = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp
  return last === undefined ? 0 : Date.parse(last)
}
