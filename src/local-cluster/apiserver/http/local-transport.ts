import {
  ApiError,
  formatQuery,
  type KubeTransport,
  type TransportRequest,
} from '../../../kube/client/index.ts'
import type { Routes } from '../paths.ts'
import type { ApiRequest, ApiResponse, User } from '../request.ts'

/**
 * The door for clients in the server's own process: no TLS, no HTTP, no JSON text. Objects are handed over as they
 * are in the store, frozen.
 */
export function createLocalTransport(routes: Routes, user: User): KubeTransport {
  const handle = async (request: TransportRequest): Promise<ApiResponse> => {
    const { response } = await routes.handle(toApiRequest(request, user))
    return response
  }
  return {
    async request(request) {
      request.signal?.throwIfAborted()
      const response = await handle(request)
      switch (response.kind) {
        case 'object':
          return { status: response.status, body: response.object }
        case 'text':
          return { status: response.status, body: response.text }
        case 'bytes':
          return { status: response.status, body: Buffer.from(response.bytes).toString('utf8') }
        case 'stream':
          return { status: 200, body: await readAll(response.chunks) }
        case 'relayed':
          return { status: response.status, body: await readAll(response.body) }
        case 'pieces':
          throw new Error('a client in this process is given objects, not their texts')
        case 'watch':
          throw new Error('a watch is asked for by `watch`, not by `request`')
        case 'upgrade':
          throw new Error('a client in this process has no connection that could change its protocol')
      }
    },
    watch: (request) =>
      openedWhenRead(async () => {
        const response = await handle(request)
        if (response.kind !== 'watch') throw toApiError(response)
        return response.frames
      }),
    async *stream(request) {
      const response = await handle(request)
      if (response.kind !== 'stream') throw toApiError(response)
      yield* response.chunks
    },
    close: () => {},
  }
}

/** Hands on what the other yields: a generator that delegates costs several turns for each of its values. */
function openedWhenRead<T>(open: () => Promise<AsyncIterable<T>>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      let opened: AsyncIterator<T> | undefined
      return {
        async next() {
          opened ??= (await open())[Symbol.asyncIterator]()
          return opened.next()
        },
        async return() {
          await opened?.return?.()
          return { done: true, value: undefined }
        },
      }
    },
  }
}

function toApiRequest(request: TransportRequest, user: User): ApiRequest {
  const headers = request.headers ?? {}
  return {
    method: request.method,
    path: request.path,
    query: new URLSearchParams(formatQuery(request.query)),
    header: (name) => headers[name],
    headersFrom: (prefix) =>
      Object.entries(headers).flatMap(([name, value]) =>
        name.startsWith(prefix) ? [[name, [value]] as const] : [],
      ),
    body: () => Promise.resolve({ kind: 'value', value: request.body }),
    user,
    isLocal: true,
    signal: request.signal ?? new AbortController().signal,
  }
}

function toApiError(response: ApiResponse): Error {
  if (response.kind === 'object') return new ApiError(response.status, response.object)
  return new Error(`the answer is of another kind: ${response.kind}`)
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString('utf8')
}
