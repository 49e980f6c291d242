import type { KubeObject } from '../../../kube/index.ts'
import { checkAccess } from '../auth/check-access.ts'
import type { ServerContext } from '../context.ts'
import { inVersion, keyOf, type ResourceRequest } from '../resource-request.ts'
import { readObject, readPatch } from '../decode.ts'
import type { JsonObject } from '../json.ts'
import { applyPatch } from '../patch/apply-patch.ts'
import { serverSideApply } from '../patch/server-side-apply.ts'
import { createShaper, isDryRun, objectResponse } from '../output.ts'
import { type ApiResponse, isTrue } from '../request.ts'
import { badRequest, failure, notFound } from '../status-error.ts'
import { createObject } from '../write/create.ts'
import { fieldValidationOf, toKubeObject, type Warn } from '../write/incoming.ts'
import { updateObject } from '../write/update.ts'

export async function handleCreate(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request } = asked
  const shaper = createShaper(context, asked)
  const created = await createObject(context, asked, {
    object: toKubeObject(asked, await bodyOf(asked)),
    isApplied: false,
    fieldValidation: fieldValidationOf(request.query),
    dryRun: isDryRun(request.query),
    warn,
  })
  return objectResponse(shaper, 201, created)
}

export async function handleUpdate(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, path } = asked
  const shaper = createShaper(context, asked)
  const body = await bodyOf(asked)
  const object = toKubeObject(asked, body)
  const updated = await updateObject(context, asked, {
    change: () => object,
    retries: !object.metadata.resourceVersion && asked.resource.allowsUnconditionalUpdate,
    fieldValidation: fieldValidationOf(request.query),
    dryRun: isDryRun(request.query),
    subresource: path.subresource,
    warn,
  })
  return objectResponse(shaper, 200, updated)
}

export async function handlePatch(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const { request, resource, path } = asked
  const shaper = createShaper(context, asked)
  const { type, patch } = await readPatch(request)
  const isApplied = type === 'apply'
  const options = { fieldValidation: fieldValidationOf(request.query), dryRun: isDryRun(request.query), warn }
  const common = { ...options, isApplied }
  const fieldManager = request.query.get('fieldManager') ?? ''
  const change = (current: KubeObject) => {
    const served = inVersion(current, resource)
    const changed =
      type === 'apply'
        ? serverSideApply({
            resource,
            current: served,
            patch: asObject(patch),
            manager: fieldManager,
            force: isTrue(request.query.get('force')),
            subresource: path.subresource,
            nowMs: context.clock.now(),
          })
        : applyPatch(resource, served, type, patch)
    return toKubeObject(asked, changed)
  }
  if (type === 'apply' && fieldManager === '') {
    throw failure(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
  }
  const exists = context.store.get(keyOf(resource, path.namespace, path.name)) !== undefined
  if (!exists && type === 'apply' && path.subresource === '') {
    checkAccess(context.authorizer, request, 'create', path)
    const created = await createObject(context, asked, { ...common, object: change(emptyObject(asked)) })
    return objectResponse(shaper, 201, created)
  }
  if (!exists) throw notFound(resource.info, path.name)
  const updated = await updateObject(context, asked, {
    ...common,
    change,
    retries: true,
    subresource: path.subresource,
  })
  return objectResponse(shaper, 200, updated)
}

function emptyObject({ resource, path }: ResourceRequest): KubeObject {
  return {
    apiVersion: resource.apiVersion,
    kind: resource.info.kind,
    metadata: { name: path.name, ...(path.namespace === '' ? {} : { namespace: path.namespace }) },
  }
}

async function bodyOf(asked: ResourceRequest): Promise<JsonObject> {
  const body = await readObject(asked.request)
  if (!body) throw badRequest('the request has no body')
  return body
}

function asObject(patch: unknown): JsonObject {
  if (typeof patch === 'object' && patch !== null && !Array.isArray(patch)) return patch as JsonObject
  throw badRequest('the apply patch is not an object')
}
