import { MODEL_TYPES, type ModelType } from '../../model/index.ts'

/** What the client remembers of one type, across connections. */
interface TypeMemory {
  /** Name → the number of the request on this stream that carried it; 0 before it was sent. */
  readonly names: Map<string, number>
  readonly synced: Set<string>
  /** Last good versions: key → version. */
  readonly versions: Map<string, string>
  /** Requests sent on this stream. */
  requests: number
}

export interface Subscriptions {
  readonly add: (type: ModelType, names: readonly string[]) => readonly string[]
  readonly remove: (type: ModelType, names: readonly string[]) => readonly string[]
  /** Forgets what belongs to a stream, not what was received. */
  readonly streamOpened: () => void
  /** Types with subscriptions, in the order in which they are to be asked for. */
  readonly types: () => readonly ModelType[]
  readonly names: (type: ModelType) => readonly string[]
  readonly versions: (type: ModelType) => Map<string, string>
  /** Counts a request that carries these names. */
  readonly sent: (type: ModelType, names: readonly string[]) => void
  /** A complete answer to all requests up to this number. @returns whether a name became synced */
  readonly answered: (type: ModelType, requests: number) => boolean
  readonly isSynced: (type: ModelType, name: string) => boolean
}

export function createSubscriptions(): Subscriptions {
  const memory = new Map<ModelType, TypeMemory>()
  const of = (type: ModelType): TypeMemory => {
    const known = memory.get(type)
    if (known) return known
    const made: TypeMemory = { names: new Map(), synced: new Set(), versions: new Map(), requests: 0 }
    memory.set(type, made)
    return made
  }
  return {
    add(type, names) {
      const state = of(type)
      const fresh = names.filter((name) => !state.names.has(name))
      for (const name of fresh) state.names.set(name, 0)
      return fresh
    },
    remove(type, names) {
      const state = of(type)
      const gone = names.filter((name) => state.names.delete(name))
      for (const name of gone) state.synced.delete(name)
      return gone
    },
    streamOpened() {
      for (const state of memory.values()) {
        state.requests = 0
        for (const name of state.names.keys()) state.names.set(name, 0)
      }
    },
    types: () => MODEL_TYPES.filter((type) => hasWork(memory.get(type))),
    names: (type) => [...of(type).names.keys()],
    versions: (type) => of(type).versions,
    sent(type, names) {
      const state = of(type)
      state.requests += 1
      for (const name of names) state.names.set(name, state.requests)
    },
    answered(type, requests) {
      const state = of(type)
      let changed = false
      for (const [name, number] of state.names) {
        if (number === 0 || number > requests || state.synced.has(name)) continue
        state.synced.add(name)
        changed = true
      }
      return changed
    },
    isSynced: (type, name) => memory.get(type)?.synced.has(name) ?? false,
  }
}

/** Names to ask for, or resources left from names that are gone, of which the server has to say that they are removed. */
function hasWork(state: TypeMemory | undefined): boolean {
  return state !== undefined && (state.names.size > 0 || state.versions.size > 0)
}
