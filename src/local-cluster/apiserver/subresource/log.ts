import { messageOf } from '../../../base/index.ts'
import type { ServerContext } from '../context.ts'
import type { LogRequest } from '../node-api.ts'
import { type ApiResponse, isTrue } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { badRequest, notFound, serviceUnavailable, StatusError } from '../status-error.ts'
import { chooseContainer } from './choose-container.ts'

/** `GET pods/x/log`: the node sends what the container wrote. */
export async function handleLog(context: ServerContext, asked: ResourceRequest): Promise<ApiResponse> {
  const { path, request, resource } = asked
  const pod = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!pod) throw notFound(resource.info, path.name)
  const container = chooseContainer(pod, request.query.get('container') ?? '')
  const node = context.node()
  if (!node) throw serviceUnavailable('no node is running, so there are no logs to read')
  const logRequest: LogRequest = {
    namespace: path.namespace,
    pod: path.name,
    podUid: pod.metadata.uid ?? '',
    container,
    follow: isTrue(request.query.get('follow')),
    timestamps: isTrue(request.query.get('timestamps')),
    previous: isTrue(request.query.get('previous')),
    ...bounds(request.query),
    signal: request.signal,
  }
  return { kind: 'stream', contentType: 'text/plain', chunks: await startStream(node.logs(logRequest)) }
}

/** Waits for the first chunk, so that a container without logs is an error and not an empty answer. */
async function startStream(chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = iterator.next()
  // A followed log may stay silent for long; after this the answer begins without a first line.
  const silent = Symbol('silent')
  let timer: NodeJS.Timeout | undefined
  const wait = new Promise<typeof silent>((resolve) => {
    timer = setTimeout(() => resolve(silent), 100)
  })
  try {
    await Promise.race([first, wait])
  } catch (error) {
    throw error instanceof StatusError ? error : badRequest(messageOf(error))
  } finally {
    clearTimeout(timer)
  }
  return (async function* () {
    try {
      for (let next = await first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
}

function bounds(query: URLSearchParams) {
  const count = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    if (!/^\d{1,12}$/.test(text))
      throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a number, 0 or more`)
    return Number(text)
  }
  const tailLines = count('tailLines')
  const sinceSeconds = count('sinceSeconds')
  const limitBytes = count('limitBytes')
  const sinceTime = query.get('sinceTime') ?? undefined
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    throw badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified')
  }
  return {
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  }
}
