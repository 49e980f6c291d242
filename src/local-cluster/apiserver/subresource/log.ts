import { messageOf } from '../../../base/index.ts'
import type { FieldError } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { stringAt } from '../json.ts'
import type { LogRequest } from '../node-api.ts'
import { readInt64 } from '../options.ts'
import { type ApiResponse, isTrue } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { badRequest, invalid, notFound, serviceUnavailable, StatusError } from '../status-error.ts'
import { chooseContainer } from './choose-container.ts'

/** `GET pods/x/log`: the node sends what the container wrote. */
export async function handleLog(context: ServerContext, asked: ResourceRequest): Promise<ApiResponse> {
  const { path, request, resource } = asked
  const bounds = readBounds(request.query, path.name)
  const pod = context.store.get(keyOf(resource, path.namespace, path.name))?.object
  if (!pod) throw notFound(resource.info, path.name)
  const container = chooseContainer(pod, request.query.get('container') ?? '')
  // What is on no node has written nothing.
  if ((stringAt(pod.spec, 'nodeName') ?? '') === '') return { kind: 'text', status: 204, text: '' }
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
    ...bounds,
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

/** @throws StatusError 400 for what is no number, 422 for what is out of range */
function readBounds(query: URLSearchParams, name: string) {
  const tailLines = readInt64(query, 'tailLines')
  const sinceSeconds = readInt64(query, 'sinceSeconds')
  const limitBytes = readInt64(query, 'limitBytes')
  const sinceTime = query.get('sinceTime') ?? undefined
  const errors = [
    ...atLeast('tailLines', tailLines, { min: 0, detail: 'must be greater than or equal to 0' }),
    ...atLeast('limitBytes', limitBytes, { min: 1, detail: 'must be greater than 0' }),
    ...(sinceTime === undefined
      ? atLeast('sinceSeconds', sinceSeconds, { min: 1, detail: 'must be greater than 0' })
      : []),
  ]
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    const detail = 'at most one of `sinceTime` or `sinceSeconds` may be specified'
    errors.push({ type: 'Forbidden', path: '', detail })
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, name, errors)
  return {
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  }
}

function atLeast(
  path: string,
  value: number | undefined,
  { min, detail }: { readonly min: number; readonly detail: string },
): FieldError[] {
  return value === undefined || value >= min ? [] : [{ type: 'Invalid value', path, value, detail }]
}
