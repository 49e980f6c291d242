/**
 * base/collection: derived collections. A graph of keyed sets in which one change recomputes exactly what was made from
 * it, in waves that nobody sees half of. Laws: the contents equal a computation from scratch, whatever the order of
 * events; the changes that a subscriber was told add up to the list.
 */
export { deepEqual } from './deep-equal.ts'
export { createGraph } from './graph.ts'
export type {
  Change,
  Collection,
  CollectionDescription,
  DeriveOptions,
  Equal,
  Graph,
  Index,
  Read,
  Source,
} from './types.ts'
