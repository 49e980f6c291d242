import type { KubeObject } from '../../../kube/index.ts'
import type { StoredObject } from '../../store/index.ts'
import type { ServerContext } from '../context.ts'
import { readObject } from '../decode.ts'
import { readListOptions } from '../list-options.ts'
import { createShaper, objectResponse } from '../output.ts'
import type { ApiResponse } from '../request.ts'
import { inVersion, type ResourceRequest } from '../resource-request.ts'
import { parseSelection } from '../selection.ts'
import { deleted, StatusError } from '../status-error.ts'
import { deleteObject, readDeleteOptions } from '../write/delete.ts'
import type { Warn } from '../write/incoming.ts'
import { cutPage, encodeContinue, listAtRevision, readPage } from './list.ts'

/** Kinds whose deletion is answered with the object that went, where others are answered with a Status. */
const ANSWERED_WITH_OBJECT: ReadonlySet<string> = new Set([
  'core/pods',
  'core/services',
  'core/serviceaccounts',
  'core/resourcequotas',
  'core/persistentvolumes',
  'core/persistentvolumeclaims',
  'core/podtemplates',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/volumeattachments',
])

export async function handleDelete(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, resource, path } = asked
  const shaper = createShaper(context, asked)
  const options = readDeleteOptions(await readObject(request), request.query, warn)
  const result = await deleteObject(context, asked, path.name, options)
  if (result.kind === 'marked' || ANSWERED_WITH_OBJECT.has(resource.collection))
    return objectResponse(shaper, 200, result.object)
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
  const shaper = createShaper(context, asked)
  const selection = parseSelection(resource, request.query)
  const page = readPage(readListOptions(request.query, false))
  const options = readDeleteOptions(await readObject(request), request.query, warn)
  const { objects, revision } = listAtRevision(context, asked, page)
  const cut = cutPage(objects, selection, page)
  const each = async ({ object }: StoredObject): Promise<readonly KubeObject[]> => {
    const here = { ...asked, path: { ...path, namespace: object.metadata.namespace ?? '' } }
    try {
      await deleteObject(context, here, object.metadata.name, options)
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.code !== 404) throw error
      return []
    }
    return [inVersion(object, resource)]
  }
  const gone = await Promise.all(cut.items.map(each))
  const metadata = {
    resourceVersion: String(revision),
    ...(cut.next ? { continue: encodeContinue({ revision, after: cut.next }) } : {}),
  }
  const { contentType } = shaper
  return { kind: 'object', status: 200, object: shaper.list(gone.flat(), metadata), contentType }
}
