import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, type Random, silentLogger, systemClock } from '../../src/base/index.ts'
import {
  createInformer,
  isExpired,
  type KubeClient,
  KINDS,
  type WatchEvent,
} from '../../src/kube/client/index.ts'
import { type Acknowledged, idOf, type Note, shadeOf } from './ledger.ts'

const RETRY_MS = 20

/** What somebody follows. */
export interface Scope {
  /** all when absent */
  readonly namespace?: string
  readonly labelSelector?: 'shade=dark'
}

/** Somebody who follows a kind across crashes of the server. */
export interface Follower {
  readonly name: string
  readonly scope: Scope
  /** object → revision, as the events so far say */
  readonly state: () => ReadonlyMap<string, number>
  readonly stop: () => Promise<void>
}

/** Follows by its own means, and complains about every event out of order. */
export interface Watcher extends Follower {
  readonly revision: () => number
  /** how often the server had forgotten where it was, and it listed again */
  readonly relists: () => number
  readonly events: () => number
  /**
   * @returns the acknowledged writes that it has not seen as events since the last call; none after a 410, when the
   * states between are gone by rights
   */
  readonly missed: (acknowledged: readonly Acknowledged[]) => readonly Acknowledged[]
}

export interface FollowerOptions {
  readonly name: string
  readonly client: KubeClient
  readonly scope: Scope
  readonly random: Random
  readonly onViolation: (text: string) => void
}

interface WatcherState {
  readonly objects: Map<string, number>
  seen: Set<string>
  revision: number
  relists: number
  events: number
  hasGap: boolean
}

export function startWatcher(options: FollowerOptions): Watcher {
  const { name, scope } = options
  const stopping = new AbortController()
  const state: WatcherState = {
    objects: new Map(),
    seen: new Set(),
    revision: 0,
    relists: 0,
    events: 0,
    hasGap: false,
  }
  const running = follow(options, state, stopping.signal)
  return {
    name,
    scope,
    revision: () => state.revision,
    state: () => state.objects,
    relists: () => state.relists,
    events: () => state.events,
    missed(acknowledged) {
      const { seen, hasGap } = state
      state.seen = new Set()
      state.hasGap = false
      if (hasGap) return []
      return acknowledged.filter((write) => {
        const expected = expectedEvent(scope, write)
        return expected !== undefined && !seen.has(expected)
      })
    },
    async stop() {
      stopping.abort(new Error('the watcher is stopped'))
      await running
    },
  }
}

/** The event that a write brings to somebody with this scope, in the words of `noteSeen`. */
function expectedEvent(scope: Scope, write: Acknowledged): string | undefined {
  if (scope.namespace !== undefined && scope.namespace !== write.namespace) return undefined
  const isIn = (value: string | undefined) =>
    value !== undefined && (scope.labelSelector === undefined || shadeOf(value) === 'dark')
  if (isIn(write.after)) return `put ${write.uid} ${write.revision}`
  if (!isIn(write.before)) return undefined
  // The revision of a deletion is not in its answer, so one is known by the object alone.
  return write.after === undefined ? `gone ${write.uid}` : `left ${write.uid} ${write.revision}`
}

function noteSeen(seen: Set<string>, type: WatchEvent<Note>['type'], uid: string, revision: number): void {
  if (type !== 'DELETED') seen.add(`put ${uid} ${revision}`)
  else seen.add(`gone ${uid}`).add(`left ${uid} ${revision}`)
}

async function follow(options: FollowerOptions, state: WatcherState, signal: AbortSignal): Promise<void> {
  const { client, scope, onViolation } = options
  while (!signal.aborted) {
    try {
      if (state.revision === 0) await relist(options, state)
      const events = client.watch<Note>(KINDS.configMap, {
        ...scope,
        resourceVersion: String(state.revision),
        allowWatchBookmarks: true,
        signal,
      })
      for await (const event of events) applyEvent(state, event, onViolation)
    } catch (error) {
      if (isExpired(error)) {
        state.relists += 1
        state.revision = 0
      }
    }
    if (!signal.aborted) await sleep(RETRY_MS)
  }
}

async function relist({ client, scope }: FollowerOptions, state: WatcherState): Promise<void> {
  const { items, resourceVersion } = await client.list<Note>(KINDS.configMap, scope)
  state.objects.clear()
  for (const item of items) state.objects.set(idOf(item), Number(item.metadata.resourceVersion))
  state.revision = Number(resourceVersion)
  state.hasGap = true
}

function applyEvent(state: WatcherState, event: WatchEvent<Note>, onViolation: (text: string) => void): void {
  if (event.type === 'BOOKMARK') {
    const revision = Number(event.resourceVersion)
    if (revision < state.revision) onViolation(`a bookmark of ${revision} came after ${state.revision}`)
    state.revision = revision
    return
  }
  const { uid, resourceVersion } = event.object.metadata
  const id = idOf(event.object)
  const revision = Number(resourceVersion)
  const what = `${event.type} of ${id} at ${revision}`
  if (!(revision > state.revision)) onViolation(`${what} came after ${state.revision}`)
  if (state.objects.has(id) === (event.type === 'ADDED')) {
    onViolation(`${what} came where the object was ${event.type === 'ADDED' ? '' : 'not '}there`)
  }
  if (event.type === 'DELETED') state.objects.delete(id)
  else state.objects.set(id, revision)
  state.events += 1
  noteSeen(state.seen, event.type, uid ?? '', revision)
  state.revision = revision
}

/** The product's own informer, whose changes must never repeat, go backwards or leave something out. */
export function startInformer({ name, client, scope, random, onViolation }: FollowerOptions): Follower {
  const last = new Map<string, number>()
  const informer = createInformer<Note>({
    client,
    kind: KINDS.configMap,
    ...scope,
    clock: impatientClock,
    random,
    logger: silentLogger,
    onChange(changes) {
      for (const { key, before, after } of changes) {
        const known = last.get(key)
        const from = before && Number(before.metadata.resourceVersion)
        const to = after && Number(after.metadata.resourceVersion)
        if (from !== known) onViolation(`it changes ${key} from ${from}, but had told ${known}`)
        const isSame = before?.metadata.uid === after?.metadata.uid
        if (isSame && from !== undefined && to !== undefined && to <= from) {
          onViolation(`it changes ${key} from ${from} back to ${to}`)
        }
        if (to === undefined) last.delete(key)
        else last.set(key, to)
      }
    },
  })
  return { name, scope, state: () => last, stop: async () => informer.stop() }
}

/** Rounds are short: an informer that would wait ten seconds after the fifth refusal waits for some milliseconds. */
const impatientClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, RETRY_MS), signal),
}
