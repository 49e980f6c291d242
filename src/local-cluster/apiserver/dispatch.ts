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
import { handleProxy } from './subresource/proxy.ts'
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
  // A group that nobody serves has no handler that could answer with a Status.
  if (!resource && path.group !== '' && !context.resources.hasGroupVersion(path.group, path.version))
    return undefined
  if (!resource || (path.namespace !== '' && !resource.info.namespaced)) throw unknownPath()
  if (path.name === '.' || path.name === '..' || /[/%]/.test(path.name)) throw badName(path.name)
  const { deprecationWarning } = resource.info
  if (deprecationWarning !== undefined) warn(deprecationWarning)
  return handle(context, { request, verb, path, resource }, warn)
}

async function handle(context: ServerContext, asked: ResourceRequest, warn: Warn): Promise<ApiResponse> {
  const { resource, path, verb } = asked
  if (path.group === METRICS_GROUP) return handleMetrics(context, asked)
  if (resource.collection === 'core/bindings') return handleBinding(context, asked, warn)
  if (!resource.info.stored && path.subresource === '') return handleReview(context, asked)
  if (path.subresource !== '') return handleSubresource(context, asked, warn)
  checkScope(asked)
  switch (verb) {
    case 'get':
      return handleGet(context, asked)
    case 'list':
      return handleList(context, asked)
    case 'watch':
      return handleWatch(context, asked)
    case 'create':
      if (path.name !== '') throw methodNotAllowed()
      return handleCreate(context, asked, warn)
    case 'update':
      if (path.name === '') throw methodNotAllowed()
      return handleUpdate(context, asked, warn)
    case 'patch':
      if (path.name === '') throw methodNotAllowed()
      return handlePatch(context, asked, warn)
    case 'delete':
      return handleDelete(context, asked, warn)
    case 'deletecollection':
      if (!resource.info.verbs.includes('deletecollection')) throw methodNotAllowed()
      return handleDeleteCollection(context, asked, warn)
  }
}

/** Across namespaces one can list and watch only; a single object has no path there. */
function checkScope({ resource, path, verb }: ResourceRequest): void {
  if (!resource.info.namespaced || path.namespace !== '') return
  if (path.name !== '') throw unknownPath()
  if (verb !== 'list' && verb !== 'watch') throw methodNotAllowed()
}

function badName(name: string): Error {
  const why = name.includes('/')
    ? "may not contain '/'"
    : name.includes('%')
      ? "may not contain '%'"
      : `may not be '${name}'`
  return badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${why}`)
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
    case 'resize':
      if (verb === 'get') return handleGet(context, asked)
      if (verb === 'update') return handleUpdate(context, asked, warn)
      if (verb === 'patch') return handlePatch(context, asked, warn)
      throw methodNotAllowed()
    case 'scale':
      return handleScale(context, asked, warn)
    case 'log':
      if (verb !== 'get') throw methodNotAllowed()
      return handleLog(context, asked)
    case 'exec':
    case 'attach':
      return handleRemoteCommand(context, asked, path.subresource)
    case 'portforward':
      return handlePortForward(context, asked)
    case 'proxy':
      return handleProxy(context, asked)
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
