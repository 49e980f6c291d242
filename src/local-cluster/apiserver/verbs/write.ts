import type { KubeObject } from '../../../kube/index.ts'
import { checkAccess } from '../auth/check-access.ts'
import type { ServerContext } from '../context.ts'
import { type PatchBody, patchTypeOf, readPatch } from '../decode.ts'
import { isObject, type JsonObject } from '../json.ts'
import { readWriteOptions, type WriteOptions } from '../options.ts'
import { createShaper, objectResponse } from '../output.ts'
import { applyPatch, type PlainPatch } from '../patch/apply-patch.ts'
import { serverSideApply } from '../patch/server-side-apply.ts'
import type { ApiResponse } from '../request.ts'
import { inVersion, keyOf, type ResourceRequest } from '../resource-request.ts'
import { badRequest, notFound } from '../status-error.ts'
import { createObject } from '../write/create.ts'
import { readIncoming, toKubeObject, type Warn } from '../write/incoming.ts'
import { type Changed, updateObject } from '../write/update.ts'

export async function handleCreate(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const shaper = createShaper(context, asked)
  const options = readWriteOptions(asked.request.query, 'CreateOptions')
  const incoming = await readIncoming(context, asked)
  const created = await createObject(context, asked, { ...options, ...incoming, isApplied: false, warn })
  return objectResponse(shaper, 201, created)
}

export async function handleUpdate(
  context: ServerContext,
  asked: ResourceRequest,
  warn: Warn,
): Promise<ApiResponse> {
  const shaper = createShaper(context, asked)
  const options = readWriteOptions(asked.request.query, 'UpdateOptions')
  const { object, strictProblems } = await readIncoming(context, asked)
  const updated = await updateObject(context, asked, {
    ...options,
    strictProblems,
    change: () => ({ object }),
    retries: !object.metadata.resourceVersion && asked.resource.allowsUnconditionalUpdate,
    subresource: asked.path.subresource,
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
  const isApplied = patchTypeOf(request, resource) === 'apply'
  const shaper = createShaper(context, asked)
  const options = readWriteOptions(request.query, isApplied ? 'ApplyOptions' : 'PatchOptions')
  const patch = await readPatch(request, resource)
  const common = { ...options, warn, isApplied, strictProblems: patch.strictProblems }
  const change = (current: KubeObject) => patchedBy(context, asked, { patch, options, current })
  const { subresource } = path
  const exists = () => context.store.get(keyOf(resource, path.namespace, path.name)) !== undefined
  const update = async () => {
    const updated = await updateObject(context, asked, { ...common, change, retries: true, subresource })
    return objectResponse(shaper, 200, updated)
  }
  const create = async () => {
    checkAccess(context.authorizer, request, 'create', path)
    const created = await createObject(context, asked, { ...common, ...change(emptyObject(asked)) })
    return objectResponse(shaper, 201, created)
  }
  if (isApplied && subresource === '') return createOrUpdate({ exists, create, update })
  if (!exists()) throw notFound(resource.info, path.name)
  return update()
}

const ATTEMPTS_MAX = 20

/** Somebody else may make the object, or delete it, between the look and the write. */
async function createOrUpdate({
  exists,
  create,
  update,
}: {
  readonly exists: () => boolean
  readonly create: () => Promise<ApiResponse>
  readonly update: () => Promise<ApiResponse>
}): Promise<ApiResponse> {
  for (let attempt = 1; ; attempt += 1) {
    const existed = exists()
    try {
      return await (existed ? update() : create())
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || exists() === existed) throw error
    }
  }
}

function patchedBy(
  context: ServerContext,
  asked: ResourceRequest,
  {
    patch,
    options,
    current,
  }: { readonly patch: PatchBody; readonly options: WriteOptions; readonly current: KubeObject },
): Changed {
  const { resource, path } = asked
  const served = inVersion(current, resource)
  if (patch.type !== 'apply') {
    const patched = applyPatch(resource, served, patch as PlainPatch)
    return { object: toKubeObject(asked, patched.object), refuse: patched.refuse }
  }
  const applied = serverSideApply({
    resource,
    current: served,
    patch: asObject(patch.value),
    manager: options.fieldManager,
    force: options.force,
    subresource: path.subresource,
    nowMs: context.clock.now(),
  })
  const refuse = (problem: string) => badRequest(`error strict decoding patch: ${problem}`)
  return { object: toKubeObject(asked, applied), refuse }
}

function emptyObject({ resource, path }: ResourceRequest): KubeObject {
  return {
    apiVersion: resource.apiVersion,
    kind: resource.info.kind,
    metadata: { name: path.name, ...(path.namespace === '' ? {} : { namespace: path.namespace }) },
  }
}

function asObject(patch: unknown): JsonObject {
  if (isObject(patch)) return patch
  throw badRequest('error decoding patch: the configuration is not an object')
}
