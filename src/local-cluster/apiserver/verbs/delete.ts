import type { KubeObject } from '../../../kube/index.ts'
import type { ServerContext } from '../context.ts'
import { inVersion, type ResourceRequest } from '../resource-request.ts'
import { readObject } from '../decode.ts'
import { createShaper, isDryRun, objectResponse } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { parseSelection } from '../selection.ts'
import { deleted, StatusError } from '../status-error.ts'
import type { Warn } from '../write/incoming.ts'
import { deleteObject, readDeleteOptions } from '../write/delete.ts'

export async function handleDelete(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, resource, path } = asked
  const options = readDeleteOptions(await readObject(request), request.query, {
    dryRun: isDryRun(request.query),
    warn,
  })
  const result = await deleteObject(context, asked, path.name, options)
  if (result.kind === 'marked') return objectResponse(createShaper(context, asked), 200, result.object)
  // Pods are answered with the pod that went, as Kubernetes does for kinds with a grace period.
  if (resource.collection === 'core/pods')
    return objectResponse(createShaper(context, asked), 200, result.object)
  const status = deleted(resource.info, path.name, result.object.metadata.uid)
  return { kind: 'object', status: 200, object: { ...status } }
}

/** Deletes all selected objects, one by one; one that went meanwhile is no failure. */
export async function handleDeleteCollection(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, resource, path } = asked
  const options = readDeleteOptions(await readObject(request), request.query, {
    dryRun: isDryRun(request.query),
    warn,
  })
  const selection = parseSelection(resource, request.query)
  const namespace = path.namespace === '' ? {} : { namespace: path.namespace }
  const listed = context.store.list({ collection: resource.collection, ...namespace })
  const all = listed.kind === 'listed' ? listed.objects : []
  const items: KubeObject[] = []
  const each = async (object: KubeObject) => {
    const here = { ...asked, path: { ...path, namespace: object.metadata.namespace ?? '' } }
    try {
      await deleteObject(context, here, object.metadata.name, options)
      items.push(inVersion(object, resource))
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.code !== 404) throw error
    }
  }
  await Promise.all(all.filter(({ object }) => selection.matches(object)).map(({ object }) => each(object)))
  const metadata = { resourceVersion: String(context.store.revision()) }
  return {
    kind: 'object',
    status: 200,
    object: { kind: resource.info.listKind, apiVersion: resource.apiVersion, metadata, items },
  }
}
