import type { KubeObject } from '../index.ts'
import { ApiError } from './api-error.ts'
import { type KindRef, pathOf } from './kind-ref.ts'
import type { KubeTransport, Query, TransportRequest, TransportResponse } from './transport.ts'

export interface ListOptions {
  /** all namespaces when absent */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
}

export interface ListResult<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  /** the token of the next page; undefined on the last */
  readonly continue: string | undefined
}

export interface WriteOptions {
  readonly dryRun?: boolean
  readonly fieldManager?: string
  readonly signal?: AbortSignal
}

export interface UpdateOptions extends WriteOptions {
  readonly subresource?: 'status' | 'scale' | 'resize' | 'finalize'
}

export interface PatchOptions extends WriteOptions {
  readonly type: 'merge' | 'json' | 'strategic' | 'apply'
  readonly subresource?: 'status' | 'scale' | 'resize'
  /** only for `apply`: takes fields over from other managers */
  readonly force?: boolean
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds?: number
  readonly resourceVersion?: string
  readonly uid?: string
  readonly signal?: AbortSignal
}

export interface WatchOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly resourceVersion?: string
  readonly allowWatchBookmarks?: boolean
  readonly timeoutSeconds?: number
  readonly signal: AbortSignal
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** nothing happened up to this revision */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

/** Reads and writes objects of any kind. Every method throws ApiError for an answer that is no success. */
export interface KubeClient {
  /** @returns undefined when there is no such object */
  readonly get: <T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace?: string,
  ) => Promise<T | undefined>
  readonly list: <T extends KubeObject>(kind: KindRef, options?: ListOptions) => Promise<ListResult<T>>
  readonly create: <T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions) => Promise<T>
  readonly update: <T extends KubeObject>(kind: KindRef, object: T, options?: UpdateOptions) => Promise<T>
  readonly patch: <T extends KubeObject>(
    kind: KindRef,
    name: string,
    namespace: string | undefined,
    patch: unknown,
    options: PatchOptions,
  ) => Promise<T>
  /** @returns false when there was no such object */
  readonly delete: (
    kind: KindRef,
    name: string,
    namespace?: string,
    options?: DeleteOptions,
  ) => Promise<boolean>
  /** Events of one connection: it ends when the server ends it. Informers are what reconnects. */
  readonly watch: <T extends KubeObject>(kind: KindRef, options: WatchOptions) => AsyncIterable<WatchEvent<T>>
  /** Like `watch`, with the events that arrived together in one batch. */
  readonly watchBatches: <T extends KubeObject>(
    kind: KindRef,
    options: WatchOptions,
  ) => AsyncIterable<readonly WatchEvent<T>[]>
  readonly request: (request: TransportRequest) => Promise<TransportResponse>
  readonly stream: (request: TransportRequest & { readonly signal: AbortSignal }) => AsyncIterable<Uint8Array>
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

export function createKubeClient(transport: KubeTransport): KubeClient {
  const send = async (request: TransportRequest): Promise<unknown> => {
    const { status, body } = await transport.request(request)
    if (status >= 200 && status < 300) return body
    throw new ApiError(status, body)
  }
  /** @returns undefined for 404 */
  const find = async (request: TransportRequest): Promise<unknown> => {
    const { status, body } = await transport.request(request)
    if (status === 404) return undefined
    if (status >= 200 && status < 300) return body
    throw new ApiError(status, body)
  }
  return {
    get: async <T>(kind: KindRef, name: string, namespace?: string) =>
      (await find({ method: 'GET', path: pathOf(kind, { namespace, name }) })) as T | undefined,
    list: async <T extends KubeObject>(kind: KindRef, { namespace, ...query }: ListOptions = {}) =>
      toListResult<T>(kind, await send({ method: 'GET', path: pathOf(kind, { namespace }), query })),
    create: async <T extends KubeObject>(kind: KindRef, object: T, options?: WriteOptions) =>
      (await send({
        method: 'POST',
        path: pathOf(kind, { namespace: object.metadata.namespace }),
        body: object,
        ...writeOptions(options),
      })) as T,
    update: async <T extends KubeObject>(kind: KindRef, object: T, options?: UpdateOptions) =>
      (await send({
        method: 'PUT',
        path: pathOf(kind, { ...targetOf(object), subresource: options?.subresource }),
        body: object,
        ...writeOptions(options),
      })) as T,
    patch: async <T>(
      kind: KindRef,
      name: string,
      namespace: string | undefined,
      patch: unknown,
      options: PatchOptions,
    ) =>
      (await send({
        method: 'PATCH',
        path: pathOf(kind, { namespace, name, subresource: options.subresource }),
        headers: { 'content-type': PATCH_TYPES[options.type] },
        body: patch,
        ...writeOptions(options, options.force === undefined ? {} : { force: options.force }),
      })) as T,
    delete: async (kind, name, namespace, options) => {
      const path = pathOf(kind, { namespace, name })
      const found = await find({ method: 'DELETE', path, body: toDeleteBody(options), ...signalOf(options) })
      return found !== undefined
    },
    watch: (kind, options) => flatten(watchBatches(transport, kind, options)),
    watchBatches: (kind, options) => watchBatches(transport, kind, options),
    request: transport.request,
    stream: transport.stream,
  }
}

function targetOf({ metadata }: KubeObject) {
  return {
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  }
}

function writeOptions(options: WriteOptions | undefined, more: Query = {}) {
  const query: Query = {
    ...more,
    ...(options?.dryRun ? { dryRun: 'All' } : {}),
    ...(options?.fieldManager === undefined ? {} : { fieldManager: options.fieldManager }),
  }
  return { query, ...signalOf(options) }
}

function signalOf(options: { readonly signal?: AbortSignal } | undefined) {
  return options?.signal ? { signal: options.signal } : {}
}

function toListResult<T extends KubeObject>({ group, version, kind }: KindRef, body: unknown): ListResult<T> {
  const list = body as {
    readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
    readonly items?: readonly T[] | null
  }
  const apiVersion = group === '' ? version : `${group}/${version}`
  return {
    // Servers leave what all items have in common to the list's own kind.
    items: (list.items ?? []).map((item) => (item.kind === undefined ? { ...item, apiVersion, kind } : item)),
    resourceVersion: list.metadata?.resourceVersion ?? '',
    continue: list.metadata?.continue || undefined,
  }
}

function toDeleteBody(options: DeleteOptions | undefined): unknown {
  if (!options) return undefined
  const { propagationPolicy, gracePeriodSeconds, resourceVersion, uid } = options
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
  }
}

async function* watchBatches<T>(
  transport: KubeTransport,
  kind: KindRef,
  { namespace, signal, ...query }: WatchOptions,
): AsyncGenerator<readonly WatchEvent<T>[]> {
  const path = pathOf(kind, { namespace })
  for await (const frames of transport.watch({
    method: 'GET',
    path,
    query: { ...query, watch: true },
    signal,
  })) {
    const events: WatchEvent<T>[] = []
    for (const frame of frames) {
      if (frame.type === 'ERROR') {
        if (events.length > 0) yield events
        throw new ApiError(statusCodeOf(frame.object), frame.object)
      }
      events.push(toWatchEvent<T>(frame))
    }
    yield events
  }
}

async function* flatten<T>(batches: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch
}

function toWatchEvent<T>(frame: { readonly type: string; readonly object: unknown }): WatchEvent<T> {
  if (frame.type === 'BOOKMARK') {
    const { metadata } = frame.object as KubeObject
    return { type: 'BOOKMARK', resourceVersion: metadata.resourceVersion ?? '' }
  }
  return { type: frame.type as 'ADDED' | 'MODIFIED' | 'DELETED', object: frame.object as T }
}

function statusCodeOf(status: unknown): number {
  const code = typeof status === 'object' && status !== null ? (status as { code?: unknown }).code : undefined
  return typeof code === 'number' ? code : 500
}
