import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, type Random, silentLogger, systemClock } from '../../src/base/index.ts'
import {
  createInformer,
  type Informer,
  isExpired,
  type KubeClient,
  KINDS,
  type WatchEvent,
} from '../../src/kube/client/index.ts'
import type { Acknowledged, Note } from './ledger.ts'

const RETRY_MS = 20

/** Follows a kind across crashes of the server by its own means, and complains about every event out of order. */
export interface Watcher {
  readonly revision: () => number
  /** name → revision, as the events so far say */
  readonly state: () => ReadonlyMap<string, number>
  /** how often the server had forgotten where it was, and it listed again */
  readonly relists: () => number
  readonly events: () => number
  /**
   * @returns the acknowledged writes that it has not seen as events since the last call; none after a 410, when the
   * states between are gone by rights
   */
  readonly missed: (acknowledged: readonly Acknowledged[]) => readonly Acknowledged[]
  readonly stop: () => Promise<void>
}

interface WatcherState {
  readonly objects: Map<string, number>
  seen: Set<string>
  revision: number
  relists: number
  events: number
  hasGap: boolean
}

export function startWatcher(client: KubeClient, onViolation: (text: string) => void): Watcher {
  const stopping = new AbortController()
  const state: WatcherState = {
    objects: new Map(),
    seen: new Set(),
    revision: 0,
    relists: 0,
    events: 0,
    hasGap: false,
  }
  const running = follow(client, state, stopping.signal, onViolation)
  return {
    revision: () => state.revision,
    state: () => state.objects,
    relists: () => state.relists,
    events: () => state.events,
    missed(acknowledged) {
      const { seen, hasGap } = state
      state.seen = new Set()
      state.hasGap = false
      return hasGap
        ? []
        : acknowledged.filter((write) => !seen.has(eventKey(write.type, write.uid, write.revision)))
    },
    async stop() {
      stopping.abort(new Error('the watcher is stopped'))
      await running
    },
  }
}

/** The revision of a deletion is not in its answer, so one is known by the object alone. */
function eventKey(type: string, uid: string, revision: number): string {
  return type === 'DELETED' ? `${type} ${uid}` : `${type} ${uid} ${revision}`
}

async function follow(
  client: KubeClient,
  state: WatcherState,
  signal: AbortSignal,
  onViolation: (text: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (state.revision === 0) await relist(client, state)
      const events = client.watch<Note>(KINDS.configMap, {
        namespace: 'default',
        resourceVersion: String(state.revision),
        allowWatchBookmarks: true,
        signal,
      })
      for await (const event of events) applyEvent(state, event, onViolation)
    } catch (error) {
      if (isExpired(error)) {
        state.relists += 1
        state.hasGap = true
        state.revision = 0
      }
    }
    if (!signal.aborted) await sleep(RETRY_MS)
  }
}

async function relist(client: KubeClient, state: WatcherState): Promise<void> {
  const { items, resourceVersion } = await client.list<Note>(KINDS.configMap, { namespace: 'default' })
  state.objects.clear()
  for (const { metadata } of items) state.objects.set(metadata.name, Number(metadata.resourceVersion))
  state.revision = Number(resourceVersion)
}

function applyEvent(state: WatcherState, event: WatchEvent<Note>, onViolation: (text: string) => void): void {
  if (event.type === 'BOOKMARK') {
    const revision = Number(event.resourceVersion)
    if (revision < state.revision) onViolation(`a bookmark of ${revision} came after ${state.revision}`)
    state.revision = revision
    return
  }
  const { name, uid, resourceVersion } = event.object.metadata
  const revision = Number(resourceVersion)
  const what = `${event.type} of ${name} at ${revision}`
  if (!(revision > state.revision)) onViolation(`${what} came after ${state.revision}`)
  if (state.objects.has(name) === (event.type === 'ADDED')) {
    onViolation(`${what} came where the object was ${event.type === 'ADDED' ? '' : 'not '}there`)
  }
  if (event.type === 'DELETED') state.objects.delete(name)
  else state.objects.set(name, revision)
  state.events += 1
  state.seen.add(eventKey(event.type, uid ?? '', revision))
  state.revision = revision
}

/** The product's own informer, whose changes must never repeat, go backwards or leave something out. */
export function startInformer(
  client: KubeClient,
  random: Random,
  onViolation: (text: string) => void,
): Informer<Note> {
  const last = new Map<string, number>()
  return createInformer<Note>({
    client,
    kind: KINDS.configMap,
    namespace: 'default',
    clock: impatientClock,
    random,
    logger: silentLogger,
    onChange(changes) {
      for (const { key, before, after } of changes) {
        const known = last.get(key)
        const from = before && Number(before.metadata.resourceVersion)
        const to = after && Number(after.metadata.resourceVersion)
        if (from !== known) onViolation(`the informer changes ${key} from ${from}, but had told ${known}`)
        const isSame = before?.metadata.uid === after?.metadata.uid
        if (isSame && from !== undefined && to !== undefined && to <= from) {
          onViolation(`the informer changes ${key} from ${from} back to ${to}`)
        }
        if (to === undefined) last.delete(key)
        else last.set(key, to)
      }
    },
  })
}

/** Rounds are short: an informer that would wait ten seconds after the fifth refusal waits for some milliseconds. */
const impatientClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, RETRY_MS), signal),
}
