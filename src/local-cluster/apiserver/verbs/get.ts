import type { ServerContext } from '../context.ts'
import { revisionOf } from '../list-options.ts'
import { createShaper, objectResponse } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { futureRevision, notFound } from '../status-error.ts'

export function handleGet(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const { resource, path, request } = asked
  const shaper = createShaper(context, asked)
  const revision = revisionOf(request.query.get('resourceVersion') ?? '', 'get') ?? 0
  if (revision > context.store.revision()) throw futureRevision(revision, context.store.revision())
  const stored = context.store.get(keyOf(resource, path.namespace, path.name))
  if (!stored) throw notFound(resource.info, path.name)
  return objectResponse(shaper, 200, stored.object)
}
