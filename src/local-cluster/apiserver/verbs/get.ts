import type { ServerContext } from '../context.ts'
import { keyOf, type ResourceRequest } from '../resource-request.ts'
import { createShaper, objectResponse } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { notFound } from '../status-error.ts'

export function handleGet(context: ServerContext, asked: ResourceRequest): ApiResponse {
  const { resource, path } = asked
  const stored = context.store.get(keyOf(resource, path.namespace, path.name))
  if (!stored) throw notFound(resource.info, path.name)
  return objectResponse(createShaper(context, asked), 200, stored.object)
}
