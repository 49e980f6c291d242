import type { Store } from '../../src/local-cluster/store/index.ts'

/** Ways in which a store may be broken, so that a test can show that the crash rounds notice. */
export const FAULTS = ['none', 'forgets-writes', 'loses-events', 'repeats-events'] as const
export type Fault = (typeof FAULTS)[number]

/** One in so many. */
const RATE = 20

export function withFault(store: Store, fault: Fault): Store {
  let count = 0
  const isDue = () => (count += 1) % RATE === 0
  switch (fault) {
    case 'none':
      return store
    case 'forgets-writes':
      return {
        ...store,
        async write(write) {
          if (write.kind !== 'put' || write.key.collection !== 'core/configmaps' || !isDue()) {
            return store.write(write)
          }
          // An answer before the disk has it, and then the power goes.
          const revision = store.revision() + 1
          const metadata = { ...write.object.metadata, resourceVersion: String(revision) }
          return { kind: 'written', object: { ...write.object, metadata }, revision }
        },
      }
    case 'loses-events':
      return {
        ...store,
        subscribe: (options) =>
          store.subscribe({
            ...options,
            onEvents: (events) => (isDue() ? undefined : options.onEvents(events)),
          }),
      }
    case 'repeats-events':
      return {
        ...store,
        subscribe: (options) =>
          store.subscribe({
            ...options,
            onEvents: (events) => options.onEvents(isDue() ? [...events, ...events] : events),
          }),
      }
  }
}
