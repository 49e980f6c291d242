import type { StoreEvent, SubscribeOptions } from './types.ts'

export interface Subscriptions {
  readonly add: (options: SubscribeOptions) => () => void
  readonly publish: (events: readonly StoreEvent[]) => void
}

/** Who listens to which collection; a commit costs nothing for collections that nobody watches. */
export function createSubscriptions(): Subscriptions {
  const byCollection = new Map<string, Set<SubscribeOptions>>()
  return {
    add(options) {
      const listeners = byCollection.get(options.collection) ?? new Set()
      byCollection.set(options.collection, listeners)
      listeners.add(options)
      return () => {
        listeners.delete(options)
        if (listeners.size === 0 && byCollection.get(options.collection) === listeners) {
          byCollection.delete(options.collection)
        }
      }
    },
    publish(events) {
      for (const [collection, ofCollection] of groupByCollection(events)) {
        for (const listener of byCollection.get(collection) ?? []) {
          const wanted =
            listener.namespace === undefined
              ? ofCollection
              : ofCollection.filter((event) => event.key.namespace === listener.namespace)
          if (wanted.length > 0) listener.onEvents(wanted)
        }
      }
    },
  }
}

function groupByCollection(events: readonly StoreEvent[]): Map<string, StoreEvent[]> {
  const groups = new Map<string, StoreEvent[]>()
  for (const event of events) {
    const group = groups.get(event.key.collection)
    if (group) group.push(event)
    else groups.set(event.key.collection, [event])
  }
  return groups
}
