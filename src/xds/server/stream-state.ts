import { MODEL_TYPES, type ModelObject, type ModelType } from '../../model/index.ts'
import { type ProxyNode, typeOfUrl } from '../types/index.ts'
import type { Encode, Peer, Rejection, TypeStatus } from './contract.ts'
import type { DeltaResponse } from './encoder.ts'
import {
  createTypeState,
  isWanted,
  type Plan,
  planOf,
  statusOf,
  subscribe,
  type TypeState,
  unsubscribe,
} from './type-state.ts'

export interface StreamRequest {
  readonly type: ModelType
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly initialVersions: Readonly<Record<string, string>>
  /** Empty when the request answers nothing. */
  readonly nonce: string
  readonly error: RejectionReport | undefined
}

/** What a NACK said. Without named resources all of the response counts as rejected. */
export interface RejectionReport {
  readonly message: string
  readonly resources: readonly { readonly key: string; readonly reason: string }[]
}

/** What a request answered. */
export type StreamAnswer =
  | { readonly kind: 'none' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'answered'; readonly sinceChangeMs: number; readonly rejections: readonly Rejection[] }

/** A response to write, with what an observer wants to know of it. */
export interface StreamPush {
  readonly response: DeltaResponse
  readonly waitedMs: number
}

export interface StreamState {
  readonly node: ProxyNode
  readonly request: (request: StreamRequest) => StreamAnswer
  /** How many names of a type are subscribed. */
  readonly subscriptions: (typeUrl: string) => number
  /** Notes a change of an object. @returns whether it concerns this stream */
  readonly touch: (type: ModelType, key: string, after: ModelObject | undefined) => boolean
  /**
   * The responses that may be written now: sets in the order of MODEL_TYPES, then removals in the opposite order, at
   * most one unacknowledged response of each type. A type whose turn it is but that still waits for an acknowledgement
   * holds back those that come after it.
   */
  readonly pump: () => readonly StreamPush[]
  readonly status: () => Readonly<Partial<Record<ModelType, TypeStatus>>>
}

export interface StreamOptions {
  readonly peer: Peer
  readonly get: (type: ModelType, key: string) => ModelObject | undefined
  readonly list: (type: ModelType) => readonly ModelObject[]
  readonly encode: Encode
  readonly revision: () => number
  readonly responseBytesMax: number
  readonly controlPlane: string
  readonly monotonic: () => number
}

export function createStreamState(options: StreamOptions): StreamState {
  const { peer, monotonic } = options
  const states = new Map<ModelType, TypeState>()
  let nonces = 0

  const request = (message: StreamRequest): StreamAnswer => {
    let state = states.get(message.type)
    const first = state === undefined
    if (!state) {
      state = createTypeState(message.type)
      states.set(message.type, state)
    }
    state.requests += 1
    if (first) resume(state, message.initialVersions)
    const answer = takeAnswer(state, message, monotonic)
    const { type } = message
    unsubscribe(state, message.unsubscribe)
    subscribe(state, message.subscribe, () => options.list(type), peer)
    if (first || message.subscribe.length > 0) state.answerDue = true
    if (state.answerDue || state.pending.size > 0) state.pendingSince ??= monotonic()
    return answer
  }

  const touch = (type: ModelType, key: string, after: ModelObject | undefined): boolean => {
    const state = states.get(type)
    if (!state) return false
    if (!state.known.has(key) && (after === undefined || !isWanted(state, peer, after))) return false
    state.pending.add(key)
    state.pendingSince ??= monotonic()
    return true
  }

  const plan = (state: TypeState): Plan =>
    planOf({
      state,
      peer,
      get: (key) => options.get(state.type, key),
      encode: options.encode,
      bytesMax: options.responseBytesMax,
    })

  const send = (state: TypeState, content: Plan): StreamPush => {
    nonces += 1
    const sentAt = monotonic()
    const revision = options.revision()
    const nonce = String(nonces)
    const sets = new Map<string, string>()
    for (const { key, version } of content.sets) {
      sets.set(key, version)
      state.known.set(key, version)
      state.pending.delete(key)
    }
    for (const key of content.removals) {
      state.known.delete(key)
      state.rejections.delete(key)
      state.pending.delete(key)
    }
    const changedAt = state.pendingSince ?? sentAt
    state.outstanding = { nonce, sets, revision, sentAt, changedAt }
    state.sentRevision = revision
    if (!content.more) state.answerDue = false
    const waitedMs = sentAt - changedAt
    state.pendingSince = state.pending.size > 0 ? sentAt : undefined
    return {
      waitedMs,
      response: {
        type: state.type,
        nonce,
        state: { revision, requests: state.requests, more: content.more },
        resources: content.sets.map((entry) => entry.frame),
        removed: content.removals,
        ...(nonces === 1 ? { controlPlane: options.controlPlane } : {}),
      },
    }
  }

  const isDirty = (state: TypeState): boolean => state.pending.size > 0 || state.answerDue

  const pump = (): readonly StreamPush[] => {
    const ordered = MODEL_TYPES.map((type) => states.get(type)).filter((state) => state !== undefined)
    const pushes: StreamPush[] = []
    for (const [index, state] of ordered.entries()) {
      if (!isDirty(state)) continue
      if (state.outstanding) return pushes
      const content = plan(state)
      // Nothing after it is about to change, so nothing can still use what is removed: one response does both.
      const last = !ordered.slice(index + 1).some(isDirty)
      const removals = last && !content.more ? content.removals : []
      if (content.sets.length > 0 || removals.length > 0 || state.answerDue) {
        pushes.push(send(state, { ...content, removals }))
      } else if (state.pending.size === 0) state.pendingSince = undefined
      if (content.more) return pushes
    }
    for (const state of ordered.toReversed()) {
      if (state.pending.size === 0) continue
      if (state.outstanding) return pushes
      const content = plan(state)
      if (content.removals.length > 0) pushes.push(send(state, content))
    }
    return pushes
  }

  return {
    node: peer.node,
    request,
    subscriptions: (typeUrl) => states.get(typeOfUrl(typeUrl) ?? 'mesh')?.subscriptions.size ?? 0,
    touch,
    pump,
    status: () => Object.fromEntries([...states].map(([type, state]) => [type, statusOf(state)])),
  }
}

/** A reconnected proxy says what it has: the same version is not sent again, what is gone is removed. */
function resume(state: TypeState, versions: Readonly<Record<string, string>>): void {
  for (const [key, version] of Object.entries(versions)) {
    state.known.set(key, version)
    state.pending.add(key)
  }
}

function takeAnswer(state: TypeState, message: StreamRequest, monotonic: () => number): StreamAnswer {
  if (message.nonce === '') return { kind: 'none' }
  const { outstanding } = state
  if (outstanding?.nonce !== message.nonce) return { kind: 'stale' }
  state.outstanding = undefined
  state.ackedRevision = outstanding.revision
  for (const key of outstanding.sets.keys()) state.rejections.delete(key)
  const rejections = rejectionsOf(outstanding.sets, message.error)
  for (const rejection of rejections) state.rejections.set(rejection.key, rejection)
  return { kind: 'answered', sinceChangeMs: monotonic() - outstanding.changedAt, rejections }
}

function rejectionsOf(
  sets: ReadonlyMap<string, string>,
  error: RejectionReport | undefined,
): readonly Rejection[] {
  if (!error) return []
  if (error.resources.length === 0) {
    return [...sets].map(([key, version]) => ({ key, version, reason: error.message }))
  }
  return error.resources.flatMap(({ key, reason }) => {
    const version = sets.get(key)
    return version === undefined ? [] : [{ key, version, reason }]
  })
}
