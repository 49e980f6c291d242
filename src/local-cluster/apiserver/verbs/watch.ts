import type { KubeObject } from '../../../kube/index.ts'
import type { StoreEvent } from '../../store/index.ts'
import type { EncodedFrames, ServerContext } from '../context.ts'
import type { ResourceRequest } from '../resource-request.ts'
import { withMeta } from '../json.ts'
import { readListOptions, revisionOf } from '../list-options.ts'
import { createShaper, type Shaper } from '../output.ts'
import type { ApiResponse, WatchFrame } from '../request.ts'
import { parseSelection, type Selection } from '../selection.ts'
import { expired, failure } from '../status-error.ts'

/** A watcher that is this far behind is cut off; it resumes from its last revision. */
const QUEUE_MAX = 20_000
/** The same for large objects, in characters of their JSON. */
const QUEUE_SIZE_MAX = 64 * 1024 * 1024
/** The state that a watch begins with goes in batches, so that others have their turn in between. */
const INITIAL_BATCH = 500
const BOOKMARK_MS = 20_000
const TIMEOUT_MIN_MS = 1_800_000
/** What a timer can wait for; nobody watches for 24 days. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

interface WatchOptions {
  /** undefined: begin with the current state */
  readonly fromRevision: number | undefined
  readonly initialEvents: boolean
  readonly bookmarks: boolean
  readonly timeoutMs: number
}

export function handleWatch(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const shaper = createShaper(context, asked)
  const selection = ofName(parseSelection(asked.resource, asked.request.query), asked.path.name)
  const options = readOptions(context, asked.request.query)
  return { kind: 'watch', frames: watchFrames(context, asked, { shaper, selection, options }) }
}

/** The old path of a watch may name an object. */
function ofName(selection: Selection, name: string): Selection {
  if (name === '') return selection
  const matches = (object: KubeObject) => object.metadata.name === name && selection.matches(object)
  return { isEverything: false, matches }
}

function readOptions(context: ServerContext, query: URLSearchParams): WatchOptions {
  const options = readListOptions(query, true)
  const revision = revisionOf(options.resourceVersion, 'watch')
  const { sendInitialEvents: send, timeoutSeconds: seconds } = options
  const beginsNow = send === undefined ? revision === undefined : send
  return {
    fromRevision: beginsNow ? undefined : (revision ?? context.store.revision()),
    initialEvents: send === true,
    bookmarks: options.allowWatchBookmarks,
    timeoutMs:
      seconds === undefined
        ? TIMEOUT_MIN_MS * (1 + context.random.next())
        : Math.min(seconds * 1000, TIMEOUT_MAX_MS),
  }
}

interface Watch {
  readonly shaper: Shaper
  readonly selection: Selection
  readonly options: WatchOptions
}

/** Batches of frames until the client goes, time is up, or the watcher falls too far behind. */
async function* watchFrames(
  context: ServerContext,
  asked: ResourceRequest,
  { shaper, selection, options }: Watch,
): AsyncGenerator<readonly WatchFrame[]> {
  let queue: WatchFrame[] = []
  let queuedSize = 0
  let isOver = false
  let wake: () => void = () => {}
  const end = () => {
    isOver = true
    wake()
  }
  const isTooLong = () => queue.length > QUEUE_MAX || queuedSize > QUEUE_SIZE_MAX
  const encoder = createEncoder(shaper, context.encodedFrames)
  const namespace = asked.path.namespace === '' ? {} : { namespace: asked.path.namespace }
  const collection = { collection: asked.resource.collection, ...namespace }
  const initial = options.fromRevision === undefined ? context.store.list(collection) : undefined
  const subscribed = context.store.subscribe({
    ...collection,
    ...(options.fromRevision === undefined ? {} : { fromRevision: options.fromRevision }),
    onEvents(events) {
      for (const event of events) {
        const frame = toFrame(event, selection, encoder)
        if (!frame) continue
        queue.push(frame)
        queuedSize += event.size
      }
      if (isTooLong()) end()
      wake()
    },
  })
  if (subscribed.kind !== 'subscribed') {
    yield [errorFrame(options.fromRevision ?? 0, subscribed)]
    return
  }
  const cancelTimeout = context.clock.after(options.timeoutMs, end)
  const cancelBookmarks = everyInterval(context, BOOKMARK_MS, () => {
    if (!options.bookmarks) return
    queue.push(bookmark(asked, context.store.revision(), false))
    wake()
  })
  asked.request.signal.addEventListener('abort', end, { once: true })
  if (asked.request.signal.aborted) end()
  try {
    if (initial?.kind === 'listed') {
      for (const objects of slices(initial.objects, INITIAL_BATCH)) {
        if (isOver) return
        const selected = objects.filter(({ object }) => selection.matches(object))
        if (selected.length > 0) yield selected.map(({ object }) => encoder.plain('ADDED', object))
      }
      if (options.initialEvents && options.bookmarks) yield [bookmark(asked, initial.revision, true)]
    }
    while (!isOver || (queue.length > 0 && !isTooLong())) {
      if (queue.length > 0) {
        const batch = queue
        queue = []
        queuedSize = 0
        yield batch
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    subscribed.stop()
    cancelTimeout()
    cancelBookmarks()
    asked.request.signal.removeEventListener('abort', end)
  }
}

function* slices<T>(all: readonly T[], length: number): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += length) yield all.slice(start, start + length)
}

function everyInterval(context: ServerContext, ms: number, run: () => void): () => void {
  let cancel: () => void = () => {}
  const schedule = () => {
    cancel = context.clock.after(ms, () => {
      run()
      schedule()
    })
  }
  schedule()
  return () => cancel()
}

/** What an event means to someone who sees only the selected objects. */
function toFrame(event: StoreEvent, selection: Selection, encoder: Encoder): WatchFrame | undefined {
  const isSelected = event.kind !== 'deleted' && selection.matches(event.object)
  // A previous state that was compacted away counts as seen: a superfluous DELETED harms nobody.
  const wasSelected =
    event.kind !== 'created' && (event.previous === undefined || selection.matches(event.previous))
  if (isSelected) return encoder.shared(wasSelected ? 'MODIFIED' : 'ADDED', event, event.object)
  if (!wasSelected) return undefined
  if (event.kind === 'deleted' || !event.previous) return encoder.shared('DELETED', event, event.object)
  const last = withMeta(event.previous, { resourceVersion: String(event.revision) })
  return encoder.plain('DELETED', last)
}

interface Encoder {
  readonly plain: (type: WatchFrame['type'], object: KubeObject) => WatchFrame
  /** One encoding of the event serves all watchers of the same shape. */
  readonly shared: (type: WatchFrame['type'], event: StoreEvent, object: KubeObject) => WatchFrame
}

function createEncoder(shaper: Shaper, encodedFrames: EncodedFrames): Encoder {
  let isFirst = true
  const plain = (type: WatchFrame['type'], object: KubeObject): WatchFrame => {
    const shaped = shaper.event(object, isFirst)
    isFirst = false
    return frame(type, shaped)
  }
  return {
    plain,
    shared(type, event, object) {
      if (shaper.shareKey === undefined) return plain(type, object)
      const key = `${type} ${shaper.shareKey}`
      const ofEvent = encodedFrames.get(event) ?? new Map<string, WatchFrame>()
      encodedFrames.set(event, ofEvent)
      const known = ofEvent.get(key)
      if (known) return known
      const made = plain(type, object)
      ofEvent.set(key, made)
      return made
    },
  }
}

function frame(type: WatchFrame['type'], object: unknown): WatchFrame {
  let chunk: Buffer | undefined
  const line = () => Buffer.from(`${JSON.stringify({ type, object })}\n`)
  return { type, object, line, chunk: () => (chunk ??= chunkOf(line())) }
}

function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}

function bookmark({ resource }: ResourceRequest, revision: number, endsInitialEvents: boolean): WatchFrame {
  return frame('BOOKMARK', {
    kind: resource.info.kind,
    apiVersion: resource.apiVersion,
    metadata: {
      resourceVersion: String(revision),
      ...(endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  })
}

function errorFrame(
  asked: number,
  refused:
    | { readonly kind: 'compacted'; readonly oldest: number }
    | { readonly kind: 'future'; readonly revision: number },
): WatchFrame {
  const error =
    refused.kind === 'compacted'
      ? expired(`too old resource version: ${asked} (${refused.oldest})`)
      : failure(
          504,
          'Timeout',
          `Timeout: Too large resource version: ${asked}, current: ${refused.revision}`,
          {
            causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
            retryAfterSeconds: 1,
          },
        )
  return frame('ERROR', error.status)
}
