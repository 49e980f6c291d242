import { checkAccess } from './auth/check-access.ts'
import type { ServerContext } from './context.ts'
import { type ApiRequest, type ApiResponse, parseResourcePath, verbOf } from './request.ts'
import type { ResourceRequest } from './resource-request.ts'
import { badRequest, methodNotAllowed, unknownPath } from './status-error.ts'
import { handleRemoteCommand } from './streaming/remote-command.ts'
import { handlePortForward } from './streaming/port-forward.ts'
import { handleEviction } from './subresource/eviction.ts'
import { handleLog } from './subresource/log.ts'
import { handleMetrics, METRICS_GROUP } from './subresource/metrics.ts'
import { handleReview } from './subresource/reviews.ts'
import { handleScale } from './subresource/scale.ts'
import { handleTokenRequest } from './subresource/token.ts'
import { handleBinding, handlePodBinding } from './verbs/binding.ts'
import { handleDelete, handleDeleteCollection } from './verbs/delete.ts'
import { handleGet } from './verbs/get.ts'
import { handleList } from './verbs/list.ts'
import { handleWatch } from './verbs/watch.ts'
import { handleCreate, handlePatch, handleUpdate } from './verbs/write.ts'
import type { Warn } from './write/incoming.ts'

/**
 * Answers a request for a resource.
 * @returns undefined when the path is none of a served resource
 * @throws StatusError
 */
export async function dispatchResource(
  context: ServerContext,
  request: ApiRequest,
  warn: Warn,
): Promise<ApiResponse | undefined> {
  const path = parseResourcePath(request.path)
  if (!path) return undefined
  const verb = verbOf(request, path)
  // Before anything is looked up: who may not ask does not learn what is there.
  checkAccess(context.authorizer, request, verb, path)
  const resource = context.resources.find(path)
  if (!resource || (path.namespace !== '' && !resource.info.namespaced)) throw unknownPath()
  return handle(context, { request, verb, path, resource }, warn)
}

async function handle(context: ServerContext, asked: ResourceRequest, warn: Warn): Promise<ApiResponse> {
  const { resource, path, verb } = asked
  if (path.group === METRICS_GROUP) return handleMetrics(context, asked)
  if (resource.collection === 'core/bindings') return handleBinding(context, asked, warn)
  if (!resource.info.stored && path.subresource === '') return handleReview(context, asked)
  if (path.subresource !== '') return handleSubresource(context, asked, warn)
  if (verb === 'watch' && path.name !== '')
    throw badRequest('watch of a single path is not supported: use a fieldSelector of metadata.name')
  if (needsNamespace(asked)) throw methodNotAllowed(resource.info)
  switch (verb) {
    case 'get':
      return handleGet(context, asked)
    case 'list':
      return handleList(context, asked)
    case 'watch':
      return handleWatch(context, asked)
    case 'create':
      if (path.name !== '') throw methodNotAllowed(resource.info)
      return handleCreate(context, asked, warn)
    case 'update':
      if (path.name === '') throw methodNotAllowed(resource.info)
      return handleUpdate(context, asked, warn)
    case 'patch':
      if (path.name === '') throw methodNotAllowed(resource.info)
      return handlePatch(context, asked, warn)
    case 'delete':
      return handleDelete(context, asked, warn)
    case 'deletecollection':
      return handleDeleteCollection(context, asked, warn)
  }
}

/** Across namespaces one can list and watch only. */
function needsNamespace({ resource, path, verb }: ResourceRequest): boolean {
  return resource.info.namespaced && path.namespace === '' && verb !== 'list' && verb !== 'watch'
}

async function handleSubresource(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { resource, path, verb } = asked
  if (!resource.info.subresources.includes(path.subresource)) throw unknownPath()
  switch (path.subresource) {
    case 'status':
    case 'finalize':
    case 'ephemeralcontainers':
      if (verb === 'get') return handleGet(context, asked)
      if (verb === 'update') return handleUpdate(context, asked, warn)
      if (verb === 'patch') return handlePatch(context, asked, warn)
      throw methodNotAllowed(resource.info)
    case 'scale':
      return handleScale(context, asked, warn)
    case 'log':
      if (verb !== 'get') throw methodNotAllowed(resource.info)
      return handleLog(context, asked)
    case 'exec':
    case 'attach':
      return handleRemoteCommand(context, asked, path.subresource)
    case 'portforward':
      return handlePortForward(context, asked)
    case 'token':
      return handleTokenRequest(context, asked)
    case 'binding':
      return handlePodBinding(context, asked, warn)
    case 'eviction':
      return handleEviction(context, asked, warn)
    default:
      throw unknownPath()
  }
}
