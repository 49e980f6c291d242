import { type Clock, createBackoff, type Logger, messageOf, type Random } from '../../base/index.ts'
import type { KubeObject } from '../index.ts'
import { isExpired, isNotFound } from './api-error.ts'
import type { KubeClient, WatchEvent } from './client.ts'
import type { KindRef } from './kind-ref.ts'

export interface Change<T> {
  /** `namespace/name`, or the name alone outside namespaces */
  readonly key: string
  /** undefined for an object that is new */
  readonly before?: T
  /** undefined for an object that is gone */
  readonly after?: T
}

export interface Informer<T extends KubeObject> {
  readonly hasSynced: () => boolean
  /** resolves when the first list is in, after its `onChange` */
  readonly synced: Promise<void>
  readonly get: (name: string, namespace?: string) => T | undefined
  readonly list: () => readonly T[]
  readonly stop: () => void
}

export interface InformerOptions<T extends KubeObject> {
  readonly client: KubeClient
  readonly kind: KindRef
  /** What to ask for, in this order, where the kind's own version is not served: older definitions have no newer one. */
  readonly otherVersions?: readonly string[]
  /** all namespaces when absent */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What of an object is kept and told; undefined: it counts as one that does not exist. Nothing else stays in memory. */
  readonly narrow?: (object: T) => T | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called with what arrived together; the first call carries the whole list, be it empty. Must not throw. */
  readonly onChange: (changes: readonly Change<T>[]) => void
}

const RETRY_BASE_MS = 100
/** A server that starts again is found within this time, by its clients spread over half of it. */
const RETRY_MAX_MS = 2000
/** A kind whose definition is not there yet is asked for this often at least. */
const MISSING_RETRY_MAX_MS = 1000
/** The server says something at least this often (bookmarks); after that the connection counts as dead. */
const WATCH_IDLE_MS = 150_000
const WATCH_SECONDS = 300

interface State<T> {
  readonly objects: Map<string, T>
  readonly stopping: AbortController
  /** In the version that is asked for at the moment. */
  kind: KindRef
  resourceVersion: string
  isSynced: boolean
}

/**
 * Keeps a copy of all objects of a kind: list, then watch, resumed at the last revision; listed again when the
 * server has forgotten that. A kind that is not served yet counts as one without objects until it appears.
 */
export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const state: State<T> = {
    objects: new Map(),
    stopping: new AbortController(),
    kind: options.kind,
    resourceVersion: '',
    isSynced: false,
  }
  let markSynced: () => void = () => {}
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve
  })
  const finished = run(options, state, markSynced).catch((error: unknown) => {
    if (!state.stopping.signal.aborted) {
      options.logger.error('an informer ended', { kind: options.kind.plural, error: messageOf(error) })
    }
  })
  void finished
  return {
    hasSynced: () => state.isSynced,
    synced,
    get: (name, namespace) => state.objects.get(namespace === undefined ? name : `${namespace}/${name}`),
    list: () => [...state.objects.values()],
    stop: () => state.stopping.abort(new Error('the informer was stopped')),
  }
}

async function run<T extends KubeObject>(
  options: InformerOptions<T>,
  state: State<T>,
  markSynced: () => void,
): Promise<void> {
  const { clock, logger, random } = options
  const { signal } = state.stopping
  const retry = createBackoff({ baseMs: RETRY_BASE_MS, maxMs: RETRY_MAX_MS, random })
  const poll = createBackoff({ baseMs: RETRY_BASE_MS, maxMs: MISSING_RETRY_MAX_MS, random })
  const becomeSynced = () => {
    state.isSynced = true
    markSynced()
  }
  while (!signal.aborted) {
    try {
      if (state.resourceVersion === '') {
        await listAll(options, state)
        becomeSynced()
      }
      const hadEvents = await watchOnce(options, state)
      if (hadEvents) {
        retry.reset()
        poll.reset()
      } else await clock.sleep(retry.nextMs(), signal)
    } catch (error) {
      if (signal.aborted) return
      if (isNotFound(error)) {
        state.resourceVersion = ''
        const isRoundOver = askForNextVersion(options, state)
        // What is known is given up only when no version is served; where nothing is, one request each time will do.
        if (!isRoundOver && (!state.isSynced || state.objects.size > 0)) continue
        replaceAll(options, state, [])
        becomeSynced()
        await clock.sleep(poll.nextMs(), signal)
        continue
      }
      if (isExpired(error)) state.resourceVersion = ''
      else
        logger.debug('a watch broke and is resumed', { kind: options.kind.plural, error: messageOf(error) })
      await clock.sleep(retry.nextMs(), signal)
    }
  }
}

/** @returns whether all versions have been asked for */
function askForNextVersion<T extends KubeObject>(options: InformerOptions<T>, state: State<T>): boolean {
  const versions = [options.kind.version, ...(options.otherVersions ?? [])]
  const next = (versions.indexOf(state.kind.version) + 1) % versions.length
  state.kind = { ...options.kind, version: versions[next] ?? options.kind.version }
  return next === 0
}

function selectionOf<T extends KubeObject>(options: InformerOptions<T>) {
  const { namespace, labelSelector, fieldSelector } = options
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  }
}

async function listAll<T extends KubeObject>(options: InformerOptions<T>, state: State<T>): Promise<void> {
  const listed = await options.client.list<T>(state.kind, selectionOf(options))
  replaceAll(options, state, listed.items)
  state.resourceVersion = listed.resourceVersion
}

/** Tells the difference between what was known and a new list. */
function replaceAll<T extends KubeObject>(
  options: InformerOptions<T>,
  state: State<T>,
  items: readonly T[],
): void {
  const next = new Map(
    items.flatMap((item) => {
      const kept = narrowed(options, item)
      return kept === undefined ? [] : [[keyOf(item), kept] as const]
    }),
  )
  const changes: Change<T>[] = []
  for (const [key, before] of state.objects) if (!next.has(key)) changes.push({ key, before })
  for (const [key, after] of next) {
    const before = state.objects.get(key)
    if (before === undefined) changes.push({ key, after })
    else if (isChanged(before, after)) changes.push({ key, before, after })
  }
  state.objects.clear()
  for (const [key, item] of next) state.objects.set(key, item)
  if (changes.length > 0 || !state.isSynced) options.onChange(changes)
}

/** @returns whether the connection delivered anything */
async function watchOnce<T extends KubeObject>(
  options: InformerOptions<T>,
  state: State<T>,
): Promise<boolean> {
  const connection = new AbortController()
  const onStop = () => connection.abort(state.stopping.signal.reason)
  state.stopping.signal.addEventListener('abort', onStop, { once: true })
  let cancelIdle: () => void = () => {}
  const restartIdle = () => {
    cancelIdle()
    cancelIdle = options.clock.after(WATCH_IDLE_MS, () =>
      connection.abort(new Error('the watch fell silent')),
    )
  }
  let hadEvents = false
  try {
    restartIdle()
    const batches = options.client.watchBatches<T>(state.kind, {
      ...selectionOf(options),
      resourceVersion: state.resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_SECONDS,
      signal: connection.signal,
    })
    for await (const batch of batches) {
      restartIdle()
      hadEvents = true
      if (state.stopping.signal.aborted) return hadEvents
      applyBatch(options, state, batch)
    }
    return hadEvents
  } finally {
    cancelIdle()
    state.stopping.signal.removeEventListener('abort', onStop)
    connection.abort(new Error('the watch is over'))
  }
}

function applyBatch<T extends KubeObject>(
  options: InformerOptions<T>,
  state: State<T>,
  batch: readonly WatchEvent<T>[],
): void {
  const changes: Change<T>[] = []
  for (const event of batch) {
    if (event.type === 'BOOKMARK') {
      state.resourceVersion = event.resourceVersion
      continue
    }
    const { object } = event
    const key = keyOf(object)
    const before = state.objects.get(key)
    state.resourceVersion = object.metadata.resourceVersion ?? state.resourceVersion
    const after = event.type === 'DELETED' ? undefined : narrowed(options, object)
    if (after === undefined) {
      state.objects.delete(key)
      if (before !== undefined) changes.push({ key, before })
    } else {
      state.objects.set(key, after)
      if (before === undefined) changes.push({ key, after })
      else if (isChanged(before, after)) changes.push({ key, before, after })
    }
  }
  if (changes.length > 0) options.onChange(changes)
}

function narrowed<T extends KubeObject>(options: InformerOptions<T>, object: T): T | undefined {
  return options.narrow === undefined ? object : withVersion(options.narrow(object), object)
}

/** Which version of an object is known has to be known, whatever is kept of it. */
function withVersion<T extends KubeObject>(kept: T | undefined, object: T): T | undefined {
  if (kept === undefined || kept === object) return kept
  const { uid, resourceVersion } = object.metadata
  const version = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
  return { ...kept, metadata: { ...kept.metadata, ...version } }
}

function isChanged(before: KubeObject, after: KubeObject): boolean {
  return (
    before.metadata.uid !== after.metadata.uid ||
    before.metadata.resourceVersion !== after.metadata.resourceVersion
  )
}

function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
}
