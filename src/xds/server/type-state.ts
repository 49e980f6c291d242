import type { ModelObject, ModelType } from '../../model/index.ts'
import { parseSubscription, type Subscription } from '../types/index.ts'
import type { Encode, Peer, Rejection, TypeStatus } from './contract.ts'
import { isVisible } from './visibility.ts'

/** The server's memory of one type on one stream. */
export interface TypeState {
  readonly type: ModelType
  /** By subscription name. */
  readonly subscriptions: Map<string, Subscription>
  /** What the proxy has, or will have once it has taken what is under way: key → version. */
  readonly known: Map<string, string>
  /** Keys to look at again before the next response; a key changed twice meanwhile is still one. */
  readonly pending: Set<string>
  readonly rejections: Map<string, Rejection>
  /** A request is unanswered, so a response is due even when it is empty. */
  answerDue: boolean
  /** Requests read on this stream. */
  requests: number
  outstanding: Outstanding | undefined
  sentRevision: number
  ackedRevision: number
  /** When the oldest pending change came, by the monotonic clock. */
  pendingSince: number | undefined
}

export interface Outstanding {
  readonly nonce: string
  readonly sets: ReadonlyMap<string, string>
  readonly revision: number
  readonly sentAt: number
  /** When the oldest change that it carries came. */
  readonly changedAt: number
}

/** What a response of this type would say now. */
export interface Plan {
  readonly sets: readonly { readonly key: string; readonly version: string; readonly frame: Uint8Array }[]
  readonly removals: readonly string[]
  /** The size limit left sets over. */
  readonly more: boolean
}

export function createTypeState(type: ModelType): TypeState {
  return {
    type,
    subscriptions: new Map(),
    known: new Map(),
    pending: new Set(),
    rejections: new Map(),
    answerDue: false,
    requests: 0,
    outstanding: undefined,
    sentRevision: 0,
    ackedRevision: 0,
    pendingSince: undefined,
  }
}

export function isWanted(state: TypeState, peer: Peer, object: ModelObject): boolean {
  for (const subscription of state.subscriptions.values()) {
    if (isVisible(object, peer, subscription)) return true
  }
  return false
}

export function subscribe(
  state: TypeState,
  names: readonly string[],
  objects: () => readonly ModelObject[],
  peer: Peer,
): void {
  for (const name of names) {
    const subscription = parseSubscription(state.type, name)
    // Asking again for a single resource means "send it again" (xDS: unsubscribing and subscribing is not needed).
    if (subscription.kind === 'key' && state.subscriptions.has(name)) state.known.delete(name)
    state.subscriptions.set(name, subscription)
    if (subscription.kind === 'key') state.pending.add(subscription.key)
    else {
      for (const object of objects()) {
        if (isVisible(object, peer, subscription)) state.pending.add(object.key)
      }
    }
  }
}

export function unsubscribe(state: TypeState, names: readonly string[]): void {
  let changed = false
  for (const name of names) changed = state.subscriptions.delete(name) || changed
  if (!changed) return
  for (const key of state.known.keys()) state.pending.add(key)
}

/**
 * Decides what the pending keys amount to. Keys that need nothing leave `pending`; the others stay until they are sent.
 * @param bytesMax the sets of one response end with the one that reaches it
 */
export function planOf(options: {
  readonly state: TypeState
  readonly peer: Peer
  readonly get: (key: string) => ModelObject | undefined
  readonly encode: Encode
  readonly bytesMax: number
}): Plan {
  const { state, peer, get, encode, bytesMax } = options
  const sets: { key: string; version: string; frame: Uint8Array }[] = []
  const removals: string[] = []
  let bytes = 0
  let more = false
  for (const key of state.pending) {
    const object = get(key)
    if (object === undefined || !isWanted(state, peer, object)) {
      // A single resource that does not exist is answered as removed, once; otherwise what is not known needs no removal.
      if (state.known.has(key) || (state.answerDue && state.subscriptions.has(key))) removals.push(key)
      else state.pending.delete(key)
      continue
    }
    if (bytes >= bytesMax) {
      more = true
      continue
    }
    const { version, frame } = encode(object)
    if (state.known.get(key) === version) {
      state.pending.delete(key)
      continue
    }
    sets.push({ key, version, frame })
    bytes += frame.byteLength
  }
  return { sets, removals, more }
}

export function statusOf(state: TypeState): TypeStatus {
  return {
    subscriptions: [...state.subscriptions.keys()],
    resources: state.known.size,
    sentRevision: state.sentRevision,
    ackedRevision: state.ackedRevision,
    waiting: state.pending.size,
    rejections: [...state.rejections.values()],
  }
}
